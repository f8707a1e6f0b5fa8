package dev.plumbline.extraction;

/// What is taken to lie behind calls and jumps through pointers, when functions are chosen by what system calls reach.
public enum IndirectReach {
    /// Nothing: targets are added when they are seen, with [FunctionSelection#extendedBy].
    SEEN,
    /// Every function that no direct call or jump leads to, since such can only be meant for pointers, with what it
    /// reaches itself. Of a whole kernel that is most functions.
    POINTERS
}
