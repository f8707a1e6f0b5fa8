package dev.plumbline.callgraph;

/// A stretch of code that a text symbol names. It extends to the next text symbol or the end of the region.
///
/// @param number its place among all functions, ascending by address, from 0
/// @param address virtual address of the first byte
/// @param sizeBytes how long it is without the NOPs and breakpoints that pad its end; 0 if it is all padding
/// @param extentBytes how long it is with them
/// @param name one of its names: a global one before a weak or local one, then the first in the symbol table
/// @param owner the module it belongs to, or `null` for the kernel itself
/// @param isStaticCallTrampoline whether static calls are made through it (`__SCT__…`)
/// @param hasKprobe whether a kprobe is armed in it now, so that some of its instructions are not the compiler's
public record Function(
        int number,
        long address,
        int sizeBytes,
        int extentBytes,
        String name,
        String owner,
        boolean isStaticCallTrampoline,
        boolean hasKprobe) {}
