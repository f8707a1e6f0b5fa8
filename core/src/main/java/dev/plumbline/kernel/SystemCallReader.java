package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/// Reads the system calls from `sys_call_table`, which kernels since 6.9 (commit 1e3ad78334a6) keep for their tracer
/// only but still fill. An entry that leads to no `__x64_sys_` function is left out: unimplemented, or overwritten.
final class SystemCallReader {
    private static final String TABLE = "sys_call_table";
    private static final byte[] PREFIX = "__x64_sys_".getBytes(StandardCharsets.US_ASCII);
    /// Names of one address looked at; the unimplemented calls share theirs with a few dozen.
    private static final int MOST_ALIASES = 1024;
    private static final int MOST_CALLS = 4096;

    private final KernelMemory memory;
    private final SymbolTable symbols;

    SystemCallReader(KernelMemory memory, SymbolTable symbols) {
        this.memory = memory;
        this.symbols = symbols;
    }

    List<SystemCall> systemCalls() throws GuestException {
        OptionalInt table = symbols.find(TABLE);
        if (table.isEmpty()) {
            throw new KernelFormatException(
                    "the kernel has no symbol " + TABLE + ", so its system calls are not known");
        }
        long start = symbols.address(table.getAsInt());
        List<SystemCall> calls = new ArrayList<>();
        Block entries = memory.block(TABLE, start, sizeBytes(start));
        for (int number = 0; number < entries.size() / 8; number++) {
            long address = entries.s64(8L * number);
            String name = nameAt(address);
            if (name != null && !name.equals("ni_syscall")) {
                calls.add(new SystemCall(number, name, address));
            }
        }
        return calls;
    }

    private long sizeBytes(long start) {
        int next = symbols.floorRank(start) + 1;
        long end = next < symbols.size() ? symbols.address(symbols.atRank(next)) : start;
        return Math.clamp(end - start, 0, MOST_CALLS * 8L) & -8L;
    }

    private String nameAt(long address) {
        int last = symbols.floorRank(address);
        for (int rank = last; rank >= 0 && rank > last - MOST_ALIASES; rank--) {
            int symbol = symbols.atRank(rank);
            if (symbols.address(symbol) != address) {
                return null;
            }
            if (symbols.nameStartsWith(symbol, PREFIX)) {
                return symbols.name(symbol).substring(PREFIX.length);
            }
        }
        return null;
    }
}
