package dev.plumbline.callgraph;

import dev.plumbline.kernel.KernelCode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// Measures the building of a call graph, first run cold, in elapsed time and the processor time of all threads:
/// `CallGraphTiming ELF WORKERS RUNS [check]`.
/// A file without symbols gets some.
/// With `check` it is compared with objdump afterwards.
public final class CallGraphTiming {
    private CallGraphTiming() {}

    public static void main(String[] arguments) throws Exception {
        KernelCode code = (arguments[0].equals("jvm") ? ElfCode.ofJvm() : ElfCode.of(Path.of(arguments[0])))
                .asKernel(0xffffffff81000000L);
        if (code.symbols().size() == 0) {
            code = SyntheticSymbols.add(code, 1);
        }
        CallGraph graph = null;
        for (int run = 0; run < Integer.parseInt(arguments[2]); run++) {
            long processorStart = processorNanos();
            long start = System.nanoTime();
            graph = CallGraph.of(code, Integer.parseInt(arguments[1]));
            long micros = (System.nanoTime() - start) / 1000;
            System.out.printf(
                    "%d us, %d us of processor time, %d functions, %d edges, %d indirect sites%n",
                    micros,
                    (processorNanos() - processorStart) / 1000,
                    graph.functionCount(),
                    graph.edgeCount(),
                    graph.indirectSiteCount());
        }
        if (arguments.length > 3) {
            long start = System.nanoTime();
            List<String> differences = ObjdumpEdges.differences(code, graph);
            System.out.printf("compared in %d ms%n", (System.nanoTime() - start) / 1_000_000);
            differences.forEach(System.out::println);
        }
    }

    private static long processorNanos() {
        return ProcessHandle.current()
                .info()
                .totalCpuDuration()
                .map(Duration::toNanos)
                .orElse(0L);
    }
}
