/// x86-64 machine code: decoding, flow classification, disassembly for people, patchable places recognised.
/// Takes bytes and reads no guest. Zydis stands behind it, in [dev.plumbline.x86.zydis].
///
/// May use [dev.plumbline.machine] for its address types.
package dev.plumbline.x86;
