package dev.plumbline.command;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.FunctionSelection;
import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.kernel.FrameSizes;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/// A kernel, what is to be traced of it, and the tables that this needs.
///
/// @param kernel the kernel
/// @param calls its system calls
/// @param kernelCode its code when the tables were made
/// @param selecting which functions get probes
/// @param frames sizes of its functions' frames
/// @param code the tables
/// @param sites where probes go
record TracedKernel(
        LinuxKernel kernel,
        List<SystemCall> calls,
        KernelCode kernelCode,
        Function<CallGraph, FunctionSelection> selecting,
        FrameSizes frames,
        TracedCode code,
        List<Long> sites) {

    static TracedKernel of(LinuxKernel kernel, List<SystemCall> calls, Function<CallGraph, FunctionSelection> selecting)
            throws GuestException {
        KernelCode kernelCode = kernel.code();
        CallGraph graph = CallGraph.of(kernelCode);
        FunctionSelection selection = selecting.apply(graph);
        FrameSizes frames = kernel.frameSizes();
        TracedCode code = TracedCode.of(graph, calls, selection.functions(), frames);
        return new TracedKernel(kernel, calls, kernelCode, selecting, frames, code, usable(kernel, selection.sites()));
    }

    private static List<Long> usable(LinuxKernel kernel, long[] sites) throws GuestException {
        Set<Long> free = kernel.ftraceRecords().stream()
                .filter(record -> !record.disabled())
                .map(FtraceRecord::address)
                .collect(Collectors.toSet());
        return Arrays.stream(sites).filter(free::contains).boxed().toList();
    }

    /// Follows modules that come and go.
    ModuleWatch watchModules() throws GuestException {
        return new ModuleWatch(
                kernel,
                kernelCode,
                selecting,
                (graph, functions) -> TracedCode.of(graph, calls, functions.functions(), frames));
    }

    int cpuCount() throws GuestException {
        return kernel.perCpu().bases().length;
    }
}
