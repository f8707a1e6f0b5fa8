package dev.plumbline.command;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.report.CallgraphReport;
import dev.plumbline.report.Json;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `plumbline callgraph`: what the kernel's code can call.
@Command(name = "callgraph", description = "Shows what the kernel's code can call, as it is in memory now")
final class CallgraphCommand implements Callable<Integer> {
    // The tree is printed recursively.
    private static final int GREATEST_DEPTH = 1000;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "VM", description = "The guest: qemu:NAME, xen:NAME, qmp:SOCKET, dump:FILE or a bare NAME")
    private String vm;

    @Option(
            names = "--from",
            paramLabel = "SYSCALL",
            description = "What this system call, e.g. getdents64, can reach by direct calls")
    private String from;

    @Option(
            names = "--depth",
            paramLabel = "N",
            defaultValue = "3",
            description = "How deep the tree of callees is printed (default: ${DEFAULT-VALUE})")
    private int depth;

    @Option(names = "--json", description = "Print a JSON object")
    private boolean json;

    @Override
    public Integer call() throws GuestException {
        if (depth < 0 || depth > GREATEST_DEPTH) {
            throw new ParameterException(spec.commandLine(), "--depth is 0 to " + GREATEST_DEPTH + ", not " + depth);
        }
        PrintWriter out = spec.commandLine().getOut();
        try (Machine machine = GuestNames.attach(vm)) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            CallGraph graph = CallGraph.of(kernel.code());
            CallgraphReport report = new CallgraphReport(graph);
            if (from != null) {
                SystemCall call = SystemCallNames.find(kernel.systemCalls(), from);
                if (graph.functionAt(call.entryAddress()) == CallGraph.NONE) {
                    throw new GuestException("system call " + from + " of " + machine.name() + " starts at 0x"
                            + Long.toHexString(call.entryAddress()) + ", where no kernel code is");
                }
                report = report.from(call.name(), call.entryAddress());
            }
            kernel.verifyStillRunning();
            if (json) {
                Json.print(out, report.json());
            } else {
                report.print(out, depth);
            }
        }
        out.flush();
        return 0;
    }
}
