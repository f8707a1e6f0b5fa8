package dev.plumbline.kernel;

/// The places where a kernel legally changes its own code, from the kernel's own tables. All arrays ascend
/// (unsigned) and hold virtual addresses of the first byte of the patched instruction. The arrays are not copied:
/// treat them as frozen.
///
/// @param ftraceSites function entries with an ftrace record (5-byte NOP or call)
/// @param staticKeySites jump-label sites (NOP or jump, of 2 or 5 bytes), from `__start___jump_table` and the modules'
/// @param staticCallSites sites of `static_call()` (5-byte call, jump, NOP or return), from `.static_call_sites`
/// @param kprobeSites addresses of registered kprobes, armed or not
public record PatchPlaces(long[] ftraceSites, long[] staticKeySites, long[] staticCallSites, long[] kprobeSites) {

    /// No places at all.
    public static final PatchPlaces NONE = new PatchPlaces(new long[0], new long[0], new long[0], new long[0]);

    /// Who patches a place.
    public enum Kind {
        /// the function tracer, at a function's entry
        FTRACE,
        /// `static_call_update()`
        STATIC_CALL,
        /// `static_branch_enable()` and its kin
        STATIC_KEY,
        /// a kprobe, as breakpoint or optimised to a jump
        KPROBE
    }
}
