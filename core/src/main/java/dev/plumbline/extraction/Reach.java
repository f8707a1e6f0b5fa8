package dev.plumbline.extraction;

/// Whether the code as built can make a call that was seen, by the instruction before its return address.
public enum Reach {
    /// The call names the function, or one that ends with a jump to it.
    DIRECT,
    /// The call goes through a pointer, or the function that it names may end with a jump through one; or the kernel
    /// itself legally changes where the call goes.
    POINTER,
    /// The call names another function, which does not lead to this one.
    IMPOSSIBLE,
    /// No call is known before the return address: entry code in assembler makes up such addresses.
    UNSEEN,
    /// The return address is in no known code.
    UNKNOWN_CALLER,
    /// What was entered is no known function.
    UNKNOWN_FUNCTION
}
