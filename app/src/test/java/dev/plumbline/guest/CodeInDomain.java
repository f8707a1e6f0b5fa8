package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.XenDomain;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/// The code of a domain's kernel at one time, as the domain sees it itself in /proc/kcore, kept there to compare with
/// what is there later.
///
/// @param domain the domain
/// @param dump the command that prints it
record CodeInDomain(XenDomain domain, String dump) {
    private static final int PAGE_BYTES = 4096;
    /// ELF-64: u64@32 of the file where the program headers are, u16@56 how many; of each, 56 bytes long, u64@8 its
    /// offset in the file, u64@16 its address, u64@32 its length.
    private static final int HEADERS = 32;

    private static final int HEADER_COUNT = 56;
    private static final int HEADER_BYTES = 56;

    static CodeInDomain of(XenDomain domain) throws GuestException {
        long start = symbol(domain, "_stext");
        long end = symbol(domain, "_etext");
        ByteBuffer head = ByteBuffer.wrap(domain.exec("dd if=/proc/kcore bs=4096 count=1 2> /dev/null")
                        .stdout())
                .order(ByteOrder.LITTLE_ENDIAN);
        int count = Short.toUnsignedInt(head.getShort(HEADER_COUNT));
        for (int number = 0; number < count; number++) {
            int at = (int) head.getLong(HEADERS) + number * HEADER_BYTES;
            long address = head.getLong(at + 16);
            if (Long.compareUnsigned(address, start) <= 0
                    && Long.compareUnsigned(end, address + head.getLong(at + 32)) <= 0) {
                long first = (head.getLong(at + 8) + start - address) / PAGE_BYTES;
                String dump = "dd if=/proc/kcore bs=4096 skip=%d count=%d 2> /dev/null"
                        .formatted(first, (end - start) / PAGE_BYTES);
                domain.execChecked(dump + " > /tmp/code");
                return new CodeInDomain(domain, dump);
            }
        }
        throw new GuestException("the code of " + domain.name() + " is not in its /proc/kcore");
    }

    private static long symbol(XenDomain domain, String name) throws GuestException {
        String line = domain.execChecked("grep ' %s$' /proc/kallsyms".formatted(name));
        return Long.parseUnsignedLong(line.split(" ")[0], 16);
    }

    /// What is not as it was, a byte a line: its place from 1 on, what was there and what is there, in octal digits.
    List<String> differences() throws GuestException {
        return domain.exec(dump + " > /tmp/now; cmp -l /tmp/code /tmp/now")
                .stdoutText()
                .lines()
                .toList();
    }

    /// Makes sure that nothing has become an int3 since.
    void assertNoBreakpointIsLeft() throws GuestException {
        assertThat(differences()).noneMatch(line -> line.endsWith(" 314"));
    }
}
