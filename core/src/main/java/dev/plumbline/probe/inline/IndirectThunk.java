package dev.plumbline.probe.inline;

import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.x86.Register;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// The code that calls through a register lead to where retpolines are on, as it stands in kernel text
/// (`arch/x86/lib/retpoline.S`). A jump can take the place of its first instruction: that is a call of 5 bytes, or a
/// jump behind which nothing runs, so that no CPU of a paused guest stands inside of those 5 bytes.
///
/// @param register the one that holds the target
/// @param body the whole thunk, which means the same anywhere
/// @param entry its first bytes
record IndirectThunk(Register register, byte[] body, Code entry) {
    private static final List<String> PREFIXES =
            List.of("__x86_indirect_thunk_", "__x86_indirect_call_thunk_", "__x86_indirect_jump_thunk_");
    private static final int LONGEST_BYTES = 32;

    /// `call 1f; 2: pause; lfence; jmp 2b; 1:`, and since 5.17 (commit 3c43e8e7aea4) `call 1f; int3; 1:`.
    private static final List<byte[]> RETPOLINES =
            List.of(bytes(0xe8, 7, 0, 0, 0, 0xf3, 0x90, 0x0f, 0xae, 0xe8, 0xeb, 0xf9), bytes(0xe8, 1, 0, 0, 0, 0xcc));

    /// What an assembler or the kernel fills up with: int3 and NOPs of all lengths.
    private static final Set<Integer> PADDING = Set.of(0xcc, 0x90, 0x66, 0x0f);

    /// All that there are, and how many of them cannot be changed.
    ///
    /// @param changeable none of them twice
    record All(List<IndirectThunk> changeable, int otherCount) {}

    /// @throws GuestException if the guest cannot be read
    static All find(GuestText text, SymbolTable symbols) throws GuestException {
        List<IndirectThunk> found = new ArrayList<>();
        Set<Long> others = new HashSet<>();
        for (String prefix : PREFIXES) {
            for (Register register : Register.values()) {
                var symbol = symbols.find(prefix + register.name().toLowerCase(Locale.ROOT));
                if (register == Register.RSP || symbol.isEmpty()) {
                    continue;
                }
                long address = symbols.address(symbol.getAsInt());
                Optional<IndirectThunk> thunk = at(text, address, register);
                thunk.ifPresent(found::add);
                if (thunk.isEmpty()) {
                    others.add(address);
                }
            }
        }
        return new All(List.copyOf(found), others.size());
    }

    private static Optional<IndirectThunk> at(GuestText text, long address, Register register) throws GuestException {
        byte[] bytes = text.read(address, LONGEST_BYTES);
        Code entry = new Code(address, text.physical(address), Arrays.copyOf(bytes, InlineSites.BYTES));
        return body(bytes, register).map(body -> new IndirectThunk(register, body, entry));
    }

    /// The thunk that the bytes begin with; none if it is of a kind that has to stay as it is.
    static Optional<byte[]> body(byte[] bytes, Register register) {
        for (byte[] retpoline : RETPOLINES) {
            byte[] body = join(retpoline, moveToStackAndReturn(register));
            if (startsWith(bytes, body)) {
                return Optional.of(body);
            }
        }
        byte[] jump = jump(register);
        boolean isJump = startsWith(bytes, jump) && PADDING.contains(bytes[jump.length] & 0xff);
        return isJump ? Optional.of(jump) : Optional.empty();
    }

    // mov [rsp], register; ret
    private static byte[] moveToStackAndReturn(Register register) {
        int number = register.ordinal();
        return bytes(0x48 | number >> 3 << 2, 0x89, 0x04 | (number & 7) << 3, 0x24, 0xc3);
    }

    /// `jmp register`: what a thunk comes to, without a retpoline.
    static byte[] jump(Register register) {
        int number = register.ordinal();
        return number < 8 ? bytes(0xff, 0xe0 | number) : bytes(0x41, 0xff, 0xe0 | number & 7);
    }

    private static boolean startsWith(byte[] bytes, byte[] start) {
        return bytes.length > start.length && Arrays.equals(bytes, 0, start.length, start, 0, start.length);
    }

    private static byte[] join(byte[] first, byte[] second) {
        byte[] joined = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, joined, first.length, second.length);
        return joined;
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }
}
