package dev.plumbline.kernel;

import java.util.Optional;

/// Finds [Kallsyms] in the read-only data of a kernel image by its shape alone.
///
/// The ten digits are always tokens of themselves, so the token table contains their ten NUL-terminated characters
/// in a row; around that the table, its index, the names and the markers must agree with each other.
final class KallsymsFinder {
    private static final int FEWEST_SYMBOLS = 1_000;
    private static final int LONGEST_TOKEN_TABLE = 16 << 10;
    private static final int NAMES_PER_MARKER = 256;
    private static final int DIGITS_BYTES = 20;
    /// Bytes and names looked at before memory full of lookalikes is given up; a real image takes a hundredth.
    private static final int MOST_STEPS = 300_000_000;

    private final Block rodata;
    private final byte[] bytes;
    private final KernelImage image;
    private int stepsLeft = MOST_STEPS;

    /// @param rodata the image's read-only data, or a run of it that contains kallsyms
    KallsymsFinder(Block rodata, KernelImage image) {
        this.rodata = rodata;
        this.bytes = rodata.bytes();
        this.image = image;
    }

    /// @throws KernelFormatException if there is too much that resembles it
    Optional<Kallsyms> find() throws KernelFormatException {
        // A stride of 16 meets each run of 20 bytes in its first 16, where a digit is or follows.
        for (int at = 0; at < bytes.length - 1; at += 16) {
            int digit = bytes[at] != 0 ? at : at + 1;
            int value = bytes[digit] - '0';
            if (value >= 0 && value <= 9 && isDigits(digit - 2 * value)) {
                Optional<Kallsyms> found = around(digit - 2 * value);
                if (found.isPresent()) {
                    return found;
                }
            }
        }
        return Optional.empty();
    }

    private boolean isDigits(int at) {
        if (at < 0 || at > bytes.length - DIGITS_BYTES) {
            return false;
        }
        for (int i = 0; i < 10; i++) {
            if (bytes[at + 2 * i] != '0' + i || bytes[at + 2 * i + 1] != 0) {
                return false;
            }
        }
        return true;
    }

    private Optional<Kallsyms> around(int digits) throws KernelFormatException {
        int end = digits;
        for (int token = '0'; token < Kallsyms.TOKENS; token++) {
            end = endOfText(end);
            if (end < 0 || end - digits > LONGEST_TOKEN_TABLE) {
                return Optional.empty();
            }
        }
        long index = align(end);
        if (index + 2L * Kallsyms.TOKENS > rodata.size()) {
            return Optional.empty();
        }
        int table = digits - rodata.u16(index + 2L * '0');
        return table >= 0 && isIndex(index, table) ? withNames(table, index) : Optional.empty();
    }

    // Position behind the NUL that ends a token, or -1 if there is none near.
    private int endOfText(int start) throws KernelFormatException {
        int limit = Math.min(bytes.length, start + Kallsyms.LONGEST_NAME);
        int at = start;
        while (at < limit && bytes[at] != 0) {
            at++;
        }
        spend(start, at - start + 1);
        return at == limit ? -1 : at + 1;
    }

    private boolean isIndex(long index, int table) throws KernelFormatException {
        int expected = 0;
        for (int token = 0; token < Kallsyms.TOKENS; token++) {
            int end = endOfText(table + expected);
            if (end < 0 || rodata.u16(index + 2L * token) != expected) {
                return false;
            }
            expected = end - table;
        }
        return true;
    }

    private Optional<Kallsyms> withNames(int table, long index) throws KernelFormatException {
        spend(table, table / 8);
        for (int at = (table & -8) - 8; at >= 0; at -= 8) {
            // A count below 2^24 in 8 bytes has five zeroes; most of memory is told apart by one of them.
            if (bytes[at + 3] != 0 || rodata.s32(at + 4) != 0) {
                continue;
            }
            int count = rodata.s32(at);
            if (count >= FEWEST_SYMBOLS && count <= Kallsyms.MOST_SYMBOLS && namesMatchMarkers(at + 8, count, table)) {
                return withOffsets(at, count, table, index);
            }
        }
        return Optional.empty();
    }

    private boolean namesMatchMarkers(int names, int count, int table) throws KernelFormatException {
        int end = endOfNames(names, count, table);
        int markerCount = (count + NAMES_PER_MARKER - 1) / NAMES_PER_MARKER;
        return end >= 0 && align(end) + 4L * markerCount <= table && markersMatch(names, count, (int) align(end));
    }

    private int endOfNames(int names, int count, int limit) throws KernelFormatException {
        int end = names;
        int name = 0;
        // The longest name is some 32,000 bytes, so that the sum cannot overflow before it is looked at.
        while (name < count && end < limit - 1) {
            int length = bytes[end];
            end += length >= 0 ? 1 + length : 2 + (length & 0x7f | (bytes[end + 1] & 0xff) << 7);
            name++;
        }
        spend(names, name);
        return name == count && end < limit ? end : -1;
    }

    private boolean markersMatch(int names, int count, int markers) throws KernelFormatException {
        int at = names;
        spend(names, count);
        for (int name = 0; name < count; name++) {
            if (name % NAMES_PER_MARKER == 0 && rodata.u32(markers + name / NAMES_PER_MARKER * 4L) != at - names) {
                return false;
            }
            int length = bytes[at];
            at += length >= 0 ? 1 + length : 2 + (length & 0x7f | (bytes[at + 1] & 0xff) << 7);
        }
        return true;
    }

    private Optional<Kallsyms> withOffsets(long countAt, int count, int table, long index)
            throws KernelFormatException {
        long newOffsets = index + 2L * Kallsyms.TOKENS;
        long newBase = align(newOffsets + 4L * count);
        if (newBase + 8 <= rodata.size() && image.contains(rodata.s64(newBase))) {
            return Optional.of(new Kallsyms(rodata, countAt + 8, table, index, newOffsets, count, rodata.s64(newBase)));
        }
        long oldBase = countAt - 8;
        long oldOffsets = oldBase - align(4L * count);
        if (oldOffsets >= 0 && image.contains(rodata.s64(oldBase))) {
            return Optional.of(new Kallsyms(rodata, countAt + 8, table, index, oldOffsets, count, rodata.s64(oldBase)));
        }
        return Optional.empty();
    }

    private void spend(int at, int steps) throws KernelFormatException {
        stepsLeft -= steps;
        if (stepsLeft < 0) {
            throw rodata.malformed(at, "too much here resembles kallsyms without being it");
        }
    }

    // The image's read-only data starts on a page, so offsets into it are aligned as addresses are.
    private static long align(long offset) {
        return (offset + 7) & -8L;
    }
}
