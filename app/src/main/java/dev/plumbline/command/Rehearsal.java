package dev.plumbline.command;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SymbolTableBuilder;
import dev.plumbline.report.CallgraphReport;
import dev.plumbline.report.Json;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/// Run once after a build under `-XX:AOTCacheOutput`: the archive then holds the classes a command loads and the
/// profile of its hot loops, so that a run starts warm. What is analysed is the only large piece of x86-64 code
/// sure to be at hand, the Java virtual machine itself.
public final class Rehearsal {
    private static final long BASE = 0xffff_ffff_8100_0000L;
    private static final int FUNCTION_BYTES = 320;
    private static final int MOST_BYTES = 12 << 20;

    private Rehearsal() {}

    /// Takes no arguments.
    public static void main(String[] arguments) throws IOException {
        PrintWriter nowhere = new PrintWriter(OutputStream.nullOutputStream());
        Plumbline.run("vms", "--json");
        Plumbline.run("callgraph", "--help");
        Plumbline.run("inspect", "qmp:/nonexistent");
        for (int round = 0; round < 3; round++) {
            CallgraphReport report = new CallgraphReport(CallGraph.of(code(), 1)).from("rehearsal", BASE);
            report.print(nowhere, 3);
            Json.print(nowhere, report.json());
        }
    }

    private static KernelCode code() throws IOException {
        Path machine = Path.of(System.getProperty("java.home"), "lib", "server", "libjvm.so");
        byte[] file = Files.readAllBytes(machine);
        byte[] code = Arrays.copyOfRange(file, file.length / 4, Math.min(file.length, file.length / 4 + MOST_BYTES));
        SymbolTableBuilder symbols = new SymbolTableBuilder(code.length / FUNCTION_BYTES + 1);
        for (int at = 0; at < code.length; at += FUNCTION_BYTES) {
            symbols.add(BASE + at, 'T', "function_" + at);
        }
        return new KernelCode(
                List.of(new CodeRegion(null, BASE, MemorySegment.ofArray(code))), symbols.build(), PatchPlaces.NONE);
    }
}
