package dev.plumbline.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/// What `plumbline callgraph` does, phase by phase, once, in a fresh virtual machine: `Discovery QMP-SOCKET WORKERS`.
/// Prints a line a phase, separated by tabs: phase, wall time and processor time in milliseconds, both since `main`
/// began for the line `total`, which also has the largest resident set in MB.
public final class Discovery {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private long wallNanos = System.nanoTime();
    private long cpuNanos = SYSTEM.getProcessCpuTime();

    private Discovery() {}

    /// See the class.
    public static void main(String[] arguments) throws IOException {
        Discovery phases = new Discovery();
        Discovery total = new Discovery();
        try (Machine machine = QemuMachine.attach(Path.of(arguments[0]))) {
            phases.print("attach");
            LinuxKernel kernel = LinuxKernel.open(machine);
            phases.print("find kernel");
            KernelCode code = kernel.code();
            phases.print("read code");
            CallGraph graph = CallGraph.of(code, Integer.parseInt(arguments[1]));
            phases.print("call graph");
            kernel.verifyStillRunning();
            phases.print("verify");
            total.print("total");
            long codeBytes = code.regions().stream()
                    .mapToLong(region -> region.bytes().byteSize())
                    .sum();
            System.out.printf(
                    "size\t%d bytes of code\t%d symbols\t%d functions\t%d edges\t%s KB resident%n",
                    codeBytes, code.symbols().size(), graph.functionCount(), graph.edgeCount(), residentPeak());
        }
    }

    private void print(String phase) {
        long wall = System.nanoTime();
        long cpu = SYSTEM.getProcessCpuTime();
        System.out.printf("%s\t%d\t%d%n", phase, (wall - wallNanos) / 1_000_000, (cpu - cpuNanos) / 1_000_000);
        wallNanos = wall;
        cpuNanos = cpu;
    }

    private static String residentPeak() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmHWM:"))
                .map(line -> line.replaceAll("[^0-9]", ""))
                .findFirst()
                .orElse("?");
    }
}
