package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.Arrays;

/// How large the part of the stack is that a function has in use at each of its instructions: from the kernel's own
/// unwind table (ORC, `arch/x86/kernel/unwind_orc.c`). Of the kernel itself, not of modules. Immutable.
///
/// `__start_orc_unwind_ip` holds distances from each entry to an instruction, ascending; `__start_orc_unwind` beside it
/// what holds from there on, 6 bytes each: how far above a register the frame ends (16 bits), the same for rbp (16
/// bits),
/// then in 4 bits the register. Later bits changed in 6.3 and 6.4 and are not read.
public final class FrameSizes {
    /// Of a kernel without such a table.
    public static final FrameSizes UNKNOWN = new FrameSizes(new long[0], new short[0]);

    private static final int PLACE_BYTES = 4;
    private static final int ENTRY_BYTES = 6;
    private static final int STACK_POINTER = 5;

    private final long[] starts;
    private final short[] sizesBytes;

    private FrameSizes(long[] starts, short[] sizesBytes) {
        this.starts = starts;
        this.sizesBytes = sizesBytes;
    }

    /// @param starts addresses of instructions, ascending
    /// @param sizesBytes what holds from each on; 0 if unknown
    public static FrameSizes of(long[] starts, short[] sizesBytes) {
        if (starts.length != sizesBytes.length || !isAscending(starts)) {
            throw new IllegalArgumentException("no table");
        }
        return new FrameSizes(starts.clone(), sizesBytes.clone());
    }

    static FrameSizes read(KernelMemory memory, SymbolTable symbols) throws GuestException {
        long[] places = addresses(symbols, "__start_orc_unwind_ip", "__stop_orc_unwind_ip");
        long[] entries = addresses(symbols, "__start_orc_unwind", "__stop_orc_unwind");
        if (places.length == 0 || entries.length == 0) {
            return UNKNOWN;
        }
        Block ips = memory.between("__start_orc_unwind_ip", places[0], places[1]);
        Block table = memory.between("__start_orc_unwind", entries[0], entries[1]);
        int count = Math.min(ips.size() / PLACE_BYTES, table.size() / ENTRY_BYTES);
        long[] starts = new long[count];
        short[] sizesBytes = new short[count];
        for (int i = 0; i < count; i++) {
            int at = i * PLACE_BYTES;
            starts[i] = ips.address() + at + ips.s32(at);
            boolean isKnown = (table.u8(i * ENTRY_BYTES + 4L) & 15) == STACK_POINTER;
            sizesBytes[i] = isKnown ? (short) table.u16((long) i * ENTRY_BYTES) : 0;
        }
        return isAscending(starts) ? new FrameSizes(starts, sizesBytes) : UNKNOWN;
    }

    private static long[] addresses(SymbolTable symbols, String start, String end) {
        var first = symbols.find(start);
        var last = symbols.find(end);
        return first.isPresent() && last.isPresent()
                ? new long[] {symbols.address(first.getAsInt()), symbols.address(last.getAsInt())}
                : new long[0];
    }

    // The build sorts it; a kernel whose build did not does so early at boot.
    private static boolean isAscending(long[] starts) {
        for (int i = 1; i < starts.length; i++) {
            if (starts[i] < starts[i - 1]) {
                return false;
            }
        }
        return true;
    }

    /// The bytes between the stack pointer at an instruction and the end of its function's frame, the return address
    /// included: with a call there, how far above the callee's return address the function's own stands.
    /// 0 if unknown.
    public int bytesAt(long instruction) {
        int found = Arrays.binarySearch(starts, instruction);
        int entry = found >= 0 ? found : -found - 2;
        return entry < 0 ? 0 : Math.max(0, sizesBytes[entry]);
    }
}
