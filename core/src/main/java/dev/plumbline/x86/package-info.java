/// x86-64 machine code: decoding, flow classification, disassembly for people, patchable places recognised, plain
/// instructions run. Takes bytes and reads no guest. Zydis stands behind it, in [dev.plumbline.x86.zydis].
///
/// May use of [dev.plumbline.machine] what says a vCPU's state, and its exception.
package dev.plumbline.x86;
