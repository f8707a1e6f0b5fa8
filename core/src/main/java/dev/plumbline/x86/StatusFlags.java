package dev.plumbline.x86;

import dev.plumbline.machine.VcpuState;

/// Integer arithmetic with the status flags that it leaves. Operands have 1, 2, 4 or 8 bytes, what is above does not
/// count; results have zeroes above. Source: Intel SDM volume 1, section 3.4.3.1, and volume 2, appendix B.1.4.7; AF
/// after logical operations, which the manual leaves undefined, is 0 as on the processors of today.
final class StatusFlags {
    private static final int CARRY = 1;
    private static final int PARITY = 1 << 2;
    private static final int ADJUST = 1 << 4;
    private static final int ZERO = 1 << 6;
    private static final int SIGN = 1 << 7;
    private static final int OVERFLOW = 1 << 11;
    private static final int ALL = CARRY | PARITY | ADJUST | ZERO | SIGN | OVERFLOW;

    private StatusFlags() {}

    /// The lowest bytes of a value.
    static long truncated(long value, int bytes) {
        return value << 64 - 8 * bytes >>> 64 - 8 * bytes;
    }

    /// The lowest bytes of a value, with copies of their sign above; of no bytes, 0.
    static long signExtended(long value, int bytes) {
        return bytes == 0 ? 0 : value << 64 - 8 * bytes >> 64 - 8 * bytes;
    }

    /// `left + right`, and the carry if `withCarry`.
    static long add(VcpuState state, long left, long right, boolean withCarry, int bytes) {
        long sum = left + right + (withCarry ? state.rflags & CARRY : 0);
        long carries = left & right | (left | right) & ~sum;
        return set(state, sum, carries, (left ^ sum) & (right ^ sum), bytes);
    }

    /// `left - right`, less the carry if `withCarry`.
    static long subtract(VcpuState state, long left, long right, boolean withCarry, int bytes) {
        long difference = left - right - (withCarry ? state.rflags & CARRY : 0);
        long borrows = ~left & right | (~left | right) & difference;
        return set(state, difference, borrows, (left ^ right) & (left ^ difference), bytes);
    }

    /// The result of a logical operation.
    static long logical(VcpuState state, long result, int bytes) {
        return set(state, result, 0, 0, bytes);
    }

    /// `value + step`, where the step is 1 or -1; CF stays.
    static long increment(VcpuState state, long value, int step, int bytes) {
        long carry = state.rflags & CARRY;
        long result = step > 0 ? add(state, value, 1, false, bytes) : subtract(state, value, 1, false, bytes);
        state.rflags = state.rflags & ~CARRY | carry;
        return result;
    }

    /// Whether a condition holds.
    ///
    /// @param condition 0 to 15, as instructions encode it
    static boolean hold(long flags, int condition) {
        boolean isLess = (flags & SIGN) != 0 != ((flags & OVERFLOW) != 0);
        boolean holds = switch (condition >> 1) {
            case 0 -> (flags & OVERFLOW) != 0;
            case 1 -> (flags & CARRY) != 0;
            case 2 -> (flags & ZERO) != 0;
            case 3 -> (flags & (CARRY | ZERO)) != 0;
            case 4 -> (flags & SIGN) != 0;
            case 5 -> (flags & PARITY) != 0;
            case 6 -> isLess;
            default -> isLess || (flags & ZERO) != 0;
        };
        return holds != ((condition & 1) != 0);
    }

    // Of carries and overflows bit n is that of bit n of the result.
    private static long set(VcpuState state, long result, long carries, long overflows, int bytes) {
        int top = 8 * bytes - 1;
        long truncated = truncated(result, bytes);
        long flags = (carries >>> top & 1) * CARRY
                | (carries >>> 3 & 1) * ADJUST
                | (overflows >>> top & 1) * OVERFLOW
                | (result >>> top & 1) * SIGN;
        if (truncated == 0) {
            flags |= ZERO;
        }
        if ((Long.bitCount(result & 0xff) & 1) == 0) {
            flags |= PARITY;
        }
        state.rflags = state.rflags & ~ALL | flags;
        return truncated;
    }
}
