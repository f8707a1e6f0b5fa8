package dev.plumbline.guest;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.GuestShell;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/// What a guest says of itself through its /proc and /sys: the judge of what is read from outside. Asked anew each
/// time.
final class GuestSays {
    private static final Pattern TASK = Pattern.compile("/proc/(\\d+)/task/(\\d+)/comm:(.*)");

    private final GuestShell guest;

    GuestSays(GuestShell guest) {
        this.guest = guest;
    }

    /// A line of /proc/kallsyms.
    ///
    /// @param module `null` for the kernel itself
    record Symbol(long address, char type, String name, String module) {
        @Override
        public String toString() {
            return "%016x %c %s%s".formatted(address, type, name, module == null ? "" : "\t[" + module + "]");
        }

        private static Symbol parse(String line) {
            int tab = line.indexOf('\t');
            return new Symbol(
                    Long.parseUnsignedLong(line, 0, 16, 16),
                    line.charAt(17),
                    tab < 0 ? line.substring(19) : line.substring(19, tab),
                    tab < 0 ? null : line.substring(tab + 2, line.length() - 1));
        }
    }

    /// A task, as /proc/TGID/task/PID says.
    record Task(int pid, int tgid, String comm) {}

    List<Symbol> symbols() throws GuestException {
        return lines("cat /proc/kallsyms").stream().map(Symbol::parse).toList();
    }

    /// Where symbols of the kernel itself lie, in the order of their names here.
    long[] addresses(String... names) throws GuestException {
        Map<String, Long> found = new HashMap<>();
        for (String line : lines("grep -E ' (" + String.join("|", names) + ")$' /proc/kallsyms")) {
            Symbol symbol = Symbol.parse(line);
            found.put(symbol.name(), symbol.address());
        }
        return Arrays.stream(names).mapToLong(found::get).toArray();
    }

    /// `name size address`, newest first, as /proc/modules has them.
    List<String> modules() throws GuestException {
        return lines("cat /proc/modules").stream()
                .map(line -> line.split(" "))
                .map(word -> word[0] + " " + word[1] + " " + word[word.length - (word.length > 6 ? 2 : 1)])
                .toList();
    }

    /// Where each module's sections of code lie, those that are freed once it is loaded left out.
    Map<String, List<Long>> textSections() throws GuestException {
        Map<String, List<Long>> sections = new TreeMap<>();
        for (String line : lines("cd /sys/module && grep . */sections/.*text* | grep -v init.text")) {
            sections.computeIfAbsent(line.substring(0, line.indexOf('/')), _ -> new ArrayList<>())
                    .add(Long.parseUnsignedLong(line.substring(line.indexOf(":0x") + 3), 16));
        }
        return sections;
    }

    /// Where kprobes are.
    Long[] kprobes() throws GuestException {
        return lines("cat /sys/kernel/debug/kprobes/list").stream()
                .map(line -> Long.parseUnsignedLong(line, 0, line.indexOf(' '), 16))
                .toArray(Long[]::new);
    }

    /// The names of the functions that the guest's own tracer has a call in.
    List<String> enabledFunctions() throws GuestException {
        return lines("cut -d' ' -f1 /sys/kernel/tracing/enabled_functions");
    }

    /// The lines of available_filter_functions.
    List<String> tracedFunctions() throws GuestException {
        return lines("cat /sys/kernel/tracing/available_filter_functions");
    }

    /// The addresses in available_filter_functions_addrs, which kernels have since 6.5.
    List<Long> tracedAddresses() throws GuestException {
        return lines("cat /sys/kernel/tracing/available_filter_functions_addrs").stream()
                .map(line -> Long.parseUnsignedLong(line, 0, line.indexOf(' '), 16))
                .toList();
    }

    /// All tasks by number. For kernel threads /proc shows longer names than tasks have.
    Map<Integer, Task> tasks() throws GuestException {
        Map<Integer, Task> tasks = new TreeMap<>();
        for (String line : lines("grep -H . /proc/[0-9]*/task/[0-9]*/comm 2>/dev/null; true")) {
            var match = TASK.matcher(line);
            if (match.matches()) {
                int pid = Integer.parseInt(match.group(2));
                tasks.put(pid, new Task(pid, Integer.parseInt(match.group(1)), match.group(3)));
            }
        }
        return tasks;
    }

    /// What `ps` lists: names of processes by their numbers.
    Map<Integer, String> processes() throws GuestException {
        Map<Integer, String> processes = new TreeMap<>();
        for (String line : lines("ps -o pid,comm | sed 1d")) {
            String[] words = line.strip().split(" +", 2);
            processes.put(Integer.valueOf(words[0]), words[1]);
        }
        return processes;
    }

    /// The kernel's type information.
    byte[] btf() throws GuestException {
        return bytes("cat /sys/kernel/btf/vmlinux");
    }

    /// The type information of modules, which goes on where the kernel's ends, by module.
    Map<String, byte[]> moduleBtf() throws GuestException {
        Map<String, byte[]> sections = new TreeMap<>();
        for (String module : lines("ls /sys/kernel/btf")) {
            if (!module.equals("vmlinux")) {
                sections.put(module, bytes("cat /sys/kernel/btf/" + module));
            }
        }
        return sections;
    }

    String text(String command) throws GuestException {
        return guest.execChecked(command).strip();
    }

    private byte[] bytes(String command) throws GuestException {
        return guest.exec(command).stdout();
    }

    private List<String> lines(String command) throws GuestException {
        return new ArrayList<>(guest.execChecked(command).lines().toList());
    }
}
