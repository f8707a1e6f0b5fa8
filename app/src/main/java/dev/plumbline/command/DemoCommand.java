package dev.plumbline.command;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.report.Table;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `plumbline demo`: boots a guest of its own, shows what Plumbline sees of its kernel, and asks the guest whether
/// that is right.
@Command(name = "demo", description = "Boots a guest of its own and shows what can be seen of its kernel from outside")
final class DemoCommand implements Callable<Integer> {
    private static final String CALL = "getdents64";
    private static final String SLIDE =
            "text=0x$(grep ' _text$' /proc/kallsyms | cut -c1-16); echo $(( (text - 0xffffffff81000000) >> 20 ))";

    @Spec
    private CommandSpec spec;

    /// A number found from outside, and the guest's shell command that prints the same.
    private record Claim(String what, long seen, String command) {}

    @Override
    public Integer call() throws GuestException {
        String name = "demo-" + ProcessHandle.current().pid();
        PrintWriter err = spec.commandLine().getErr();
        err.println("Booting a Debian guest under QEMU; the first time its kernel is fetched …");
        long start = System.nanoTime();
        try (TestGuest guest = TestGuest.boot(name, GuestOptions.DEFAULT)) {
            err.printf("It is up after %.1f s. Nothing of Plumbline is in it.%n", secondsSince(start));
            guest.execChecked("modprobe 8021q");
            String vm = "qmp:" + guest.qmpSocket();
            title("Which guests run on this host?", "plumbline vms");
            run("vms");
            title("Which kernel runs in it? Its memory tells:", "plumbline inspect " + name);
            run("inspect", vm);
            title("What can one system call do there?", "plumbline callgraph " + name + " --from " + CALL);
            run("callgraph", vm, "--from", CALL, "--depth", "2");
            title("Is that right? Asked itself, the guest says:", null);
            return compare(guest, vm) ? 0 : 1;
        }
    }

    private boolean compare(TestGuest guest, String vm) throws GuestException {
        PrintWriter out = spec.commandLine().getOut();
        Table table = new Table("WHAT", "OUTSIDE", "INSIDE", "");
        boolean equal = true;
        for (Claim claim : claims(vm)) {
            long inside = Long.parseLong(guest.execChecked(claim.command()).strip());
            table.row(
                    claim.what(),
                    Long.toString(claim.seen()),
                    Long.toString(inside),
                    inside == claim.seen() ? "equal" : "DIFFERENT");
            equal &= inside == claim.seen();
        }
        table.print(out);
        out.flush();
        return equal;
    }

    private static List<Claim> claims(String vm) throws GuestException {
        try (Machine machine = GuestNames.attach(vm)) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            return List.of(
                    new Claim("symbols", kernel.symbols().size(), "wc -l < /proc/kallsyms"),
                    new Claim("modules", kernel.modules().size(), "wc -l < /proc/modules"),
                    new Claim(
                            "probe sites",
                            kernel.ftraceRecords().size(),
                            "wc -l < /sys/kernel/tracing/available_filter_functions"),
                    new Claim("KASLR slide in MiB", kernel.image().kaslrSlide() >> 20, SLIDE));
        }
    }

    private void title(String question, String command) {
        PrintWriter out = spec.commandLine().getOut();
        boolean colour = System.console() != null && System.console().isTerminal();
        out.println();
        out.println(colour ? "\033[1m" + question + "\033[0m" : question);
        if (command != null) {
            out.println(colour ? "\033[2m$ " + command + "\033[0m" : "$ " + command);
        }
        out.flush();
    }

    private void run(String... arguments) throws GuestException {
        long start = System.nanoTime();
        if (Plumbline.run(arguments) != 0) {
            throw new GuestException("the demo ends here: plumbline " + String.join(" ", arguments) + " failed");
        }
        spec.commandLine().getErr().printf("(%.2f s)%n", secondsSince(start));
    }

    private static double secondsSince(long startNanos) {
        return (System.nanoTime() - startNanos) / 1e9;
    }
}
