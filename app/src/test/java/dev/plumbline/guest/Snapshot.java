package dev.plumbline.guest;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.KernelIdentity;
import dev.plumbline.kernel.KernelImage;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.PerCpu;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.kernel.Task;
import dev.plumbline.machine.GuestException;
import java.util.List;

/// Everything that is read of a guest.
record Snapshot(
        KernelIdentity identity,
        KernelImage image,
        List<GuestSays.Symbol> symbols,
        List<KernelModule> modules,
        List<Task> tasks,
        List<FtraceRecord> records,
        List<SystemCall> systemCalls,
        PerCpu perCpu,
        PatchPlaces patchPlaces,
        CallGraph graph) {

    static Snapshot of(LinuxKernel kernel) throws GuestException {
        KernelCode code = kernel.code();
        return new Snapshot(
                kernel.identity(),
                kernel.image(),
                SymbolsContract.symbols(kernel.symbols()),
                kernel.modules(),
                kernel.tasks(),
                kernel.ftraceRecords(),
                kernel.systemCalls(),
                kernel.perCpu(),
                code.patchPlaces(),
                CallGraph.of(code));
    }
}
