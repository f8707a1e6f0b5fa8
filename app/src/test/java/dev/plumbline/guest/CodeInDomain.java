package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.XenDomain;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// The code of a domain's kernel and modules at one time, as the domain sees it itself in /proc/kcore, kept there to
/// compare with what is there later.
final class CodeInDomain {
    private static final int PAGE_BYTES = 4096;

    /// ELF-64: u64@32 of the file where the program headers are, u16@56 how many; of each, 56 bytes long, u64@8 its
    /// offset in the file, u64@16 its address, u64@32 its length.
    private static final int HEADERS = 32;

    private static final int HEADER_COUNT = 56;
    private static final int HEADER_BYTES = 56;

    /// `struct jump_entry`: s32@0 the branch's address, relative to this field; 16 bytes.
    private static final int JUMP_ENTRY_BYTES = 16;

    private static final int LONGEST_BRANCH_BYTES = 5;
    private static final String INT3 = "314";

    /// Address, name and module of a module's function.
    private static final Pattern FUNCTION = Pattern.compile("([0-9a-f]+) [tT] \\S+\\s+\\[(?!bpf])(\\w+)]");

    /// `cmp -l` of the piece at an address: the place from 1 on, what was there and what is there, in octal digits.
    private static final Pattern DIFFERENCE = Pattern.compile("([0-9a-f]+) +(\\d+) +(\\d+) +(\\d+)");

    /// Fails where the two cannot be compared.
    private static final String COMPARE = "%2$s > /tmp/now && { cmp -l /tmp/code-%1$x /tmp/now > /tmp/differences"
            + " || [ -s /tmp/differences ]; } && sed 's/^/%1$x /' /tmp/differences";

    private final XenDomain domain;
    private final ByteBuffer head;
    private final List<Piece> pieces = new ArrayList<>();

    /// Whole pages from an address on.
    private record Piece(long start, long skip, long count) {
        String dump() {
            return "dd if=/proc/kcore bs=%d skip=%d count=%d 2> /dev/null".formatted(PAGE_BYTES, skip, count);
        }
    }

    private record Difference(long address, String was, String is) {
        static Difference parse(String line) {
            Matcher matcher = DIFFERENCE.matcher(line);
            if (!matcher.matches()) {
                throw new IllegalArgumentException("cmp says " + line);
            }
            return new Difference(
                    Long.parseUnsignedLong(matcher.group(1), 16) + Long.parseLong(matcher.group(2)) - 1,
                    matcher.group(3),
                    matcher.group(4));
        }
    }

    private CodeInDomain(XenDomain domain) throws GuestException {
        this.domain = domain;
        this.head = ByteBuffer.wrap(domain.exec("dd if=/proc/kcore bs=4096 count=1 2> /dev/null")
                        .stdout())
                .order(ByteOrder.LITTLE_ENDIAN);
        pieces.add(piece(symbol("_stext"), symbol("_etext")));
        for (long[] module : modules()) {
            pieces.add(piece(module[0], module[1]));
        }
    }

    static CodeInDomain of(XenDomain domain) throws GuestException {
        CodeInDomain code = new CodeInDomain(domain);
        domain.execChecked(code.forEach("%2$s > /tmp/code-%1$x"));
        return code;
    }

    private String forEach(String command) {
        return pieces.stream()
                .map(piece -> command.formatted(piece.start, piece.dump()))
                .collect(Collectors.joining(" && "));
    }

    private long symbol(String name) throws GuestException {
        String line = domain.execChecked("grep ' %s$' /proc/kallsyms".formatted(name));
        return Long.parseUnsignedLong(line.split(" ")[0], 16);
    }

    // The first and the last function of each.
    private Iterable<long[]> modules() throws GuestException {
        Map<String, long[]> modules = new TreeMap<>();
        domain.execChecked("grep ' [tT] .*\\[' /proc/kallsyms").lines().forEach(line -> {
            Matcher function = FUNCTION.matcher(line);
            if (function.matches()) {
                long address = Long.parseUnsignedLong(function.group(1), 16);
                modules.merge(function.group(2), new long[] {address, address + 1}, (all, one) ->
                        new long[] {Math.min(all[0], one[0]), Math.max(all[1], one[1])});
            }
        });
        return modules.values();
    }

    private Piece piece(long from, long to) throws GuestException {
        long start = from & -PAGE_BYTES;
        int count = Short.toUnsignedInt(head.getShort(HEADER_COUNT));
        for (int number = 0; number < count; number++) {
            int at = (int) head.getLong(HEADERS) + number * HEADER_BYTES;
            long address = head.getLong(at + 16);
            if (Long.compareUnsigned(address, start) <= 0
                    && Long.compareUnsigned(to, address + head.getLong(at + 32)) <= 0) {
                return new Piece(
                        start,
                        (head.getLong(at + 8) + start - address) / PAGE_BYTES,
                        (to - start + PAGE_BYTES - 1) / PAGE_BYTES);
            }
        }
        throw new GuestException("0x%x of %s is not in its /proc/kcore".formatted(start, domain.name()));
    }

    private List<Difference> differences() throws GuestException {
        return domain.execChecked(forEach(COMPARE))
                .lines()
                .map(Difference::parse)
                .toList();
    }

    /// Makes sure that nothing has become an int3 since.
    void assertNoBreakpointIsLeft() throws GuestException {
        assertThat(differences()).noneMatch(difference -> difference.is.equals(INT3));
    }

    /// Makes sure that nothing has changed since but what the kernel switches itself: branches of its static keys.
    void assertRestored(String when) throws GuestException {
        List<Difference> differences = differences();
        if (!differences.isEmpty()) {
            TreeSet<Long> branches = branches();
            assertThat(differences).as(when).allMatch(difference -> {
                Long branch = branches.floor(difference.address);
                return branch != null && difference.address - branch < LONGEST_BRANCH_BYTES;
            });
        }
    }

    private TreeSet<Long> branches() throws GuestException {
        long from = symbol("__start___jump_table");
        long to = symbol("__stop___jump_table");
        Piece piece = piece(from, to);
        ByteBuffer table = ByteBuffer.wrap(domain.exec(piece.dump()).stdout()).order(ByteOrder.LITTLE_ENDIAN);
        TreeSet<Long> branches = new TreeSet<>();
        for (long entry = from; entry < to; entry += JUMP_ENTRY_BYTES) {
            branches.add(entry + table.getInt((int) (entry - piece.start)));
        }
        return branches;
    }
}
