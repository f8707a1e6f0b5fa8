package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.guest.GuestSays.Symbol;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// System calls have the numbers that user space has for them, and the addresses that the guest says.
interface SystemCallsContract {
    Path HEADER = Path.of("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");
    Pattern DEFINITION = Pattern.compile("#define __NR_(\\w+) (\\d+)");
    /// Where the kernel's name is another than user space's.
    Map<String, String> RENAMED = Map.ofEntries(
            Map.entry("stat", "newstat"),
            Map.entry("fstat", "newfstat"),
            Map.entry("lstat", "newlstat"),
            Map.entry("uname", "newuname"),
            Map.entry("sendfile", "sendfile64"),
            Map.entry("umount2", "umount"));
    /// The kernel has such functions for 32-bit programs; the 64-bit table has gaps at these numbers.
    Set<String> NOT_FOR_64_BIT = Set.of("uselib", "set_thread_area", "get_thread_area");

    GuestUnderTest guest();

    @Test
    default void numbersAreThoseOfUserSpace() throws IOException {
        Map<Integer, String> header = header();
        Map<String, Long> functions = guest().says().symbols().stream()
                .filter(symbol -> symbol.name().startsWith("__x64_sys_"))
                .collect(Collectors.toMap(symbol -> symbol.name().substring(10), Symbol::address));
        Map<Integer, SystemCall> expected = new TreeMap<>();
        header.forEach((number, name) -> {
            Long address = functions.get(name);
            if (address != null && !NOT_FOR_64_BIT.contains(name)) {
                expected.put(number, new SystemCall(number, name, address));
            }
        });
        List<SystemCall> found = guest().read(LinuxKernel::systemCalls);
        assertThat(found)
                .filteredOn(call -> header.containsKey(call.number()))
                .containsExactlyElementsOf(expected.values())
                .hasSizeGreaterThan(330);
        assertThat(found).allMatch(call -> functions.get(call.name()) == call.entryAddress());
    }

    private static Map<Integer, String> header() throws IOException {
        Map<Integer, String> names = new TreeMap<>();
        for (String line : Files.readAllLines(HEADER)) {
            Matcher match = DEFINITION.matcher(line);
            if (match.matches()) {
                names.put(Integer.valueOf(match.group(2)), RENAMED.getOrDefault(match.group(1), match.group(1)));
            }
        }
        return names;
    }
}
