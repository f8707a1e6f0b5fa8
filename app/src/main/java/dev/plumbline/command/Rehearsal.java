package dev.plumbline.command;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.KernelIdentity;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SymbolTableBuilder;
import dev.plumbline.learning.Learner;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.machine.xen.XenMachine;
import dev.plumbline.report.CallgraphReport;
import dev.plumbline.report.Json;
import dev.plumbline.testbed.Testbed;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/// Run once after a build under `-XX:AOTCacheOutput`: the archive then holds the classes a command loads and the
/// profile of its hot loops, so that a run starts warm. What is analysed is the only large piece of x86-64 code
/// sure to be at hand, the Java virtual machine itself.
public final class Rehearsal {
    private static final long BASE = 0xffff_ffff_8100_0000L;
    private static final int FUNCTION_BYTES = 320;
    private static final int MOST_BYTES = 12 << 20;
    private static final String PROGRAM = "dev/plumbline/";
    private static final String CLASS = ".class";
    private static final String NO_CLASS = "-info";

    private Rehearsal() {}

    /// Takes no arguments.
    public static void main(String[] arguments) throws IOException {
        loadProgram();
        PrintWriter nowhere = new PrintWriter(OutputStream.nullOutputStream());
        Plumbline.run("vms", "--json");
        Plumbline.run("vms");
        Plumbline.run("callgraph", "--help");
        Plumbline.run("inspect", "qmp:/nonexistent");
        Plumbline.run("trace", "xen:nonexistent");
        Plumbline.run("monitor", "xen:nonexistent", "--model", "/nonexistent");
        writeModel();
        for (int round = 0; round < 3; round++) {
            CallgraphReport report = new CallgraphReport(CallGraph.of(code(), 1)).from("rehearsal", BASE);
            report.print(nowhere, 3);
            Json.print(nowhere, report.json());
        }
        // As every command ends: it takes classes.
        System.exit(0);
    }

    // Most of them a rehearsal without a guest never comes to. Those of libraries are left to be loaded as they are
    // used.
    private static void loadProgram() throws IOException {
        ClassLoader loader = Rehearsal.class.getClassLoader();
        for (Class<?> one : List.of(Rehearsal.class, CallGraph.class, XenMachine.class, Testbed.class)) {
            try (JarFile jar = new JarFile(
                    one.getProtectionDomain().getCodeSource().getLocation().getPath())) {
                for (JarEntry entry : Collections.list(jar.entries())) {
                    String name = entry.getName();
                    if (name.startsWith(PROGRAM) && name.endsWith(CLASS) && !name.contains(NO_CLASS)) {
                        load(name.substring(0, name.length() - CLASS.length()).replace('/', '.'), loader);
                    }
                }
            }
        }
    }

    private static void load(String name, ClassLoader loader) {
        try {
            Class.forName(name, false, loader);
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException("a class of the jar it is read from", e);
        }
    }

    // Brings the database in.
    private static void writeModel() throws IOException {
        Path directory = Files.createTempDirectory("plumbline-rehearsal-");
        Path file = directory.resolve("model");
        try (ModelFile model = ModelFile.hold(file)) {
            model.replace(new Learner(new KernelIdentity("rehearsal", "00", "0")).model(0));
            ModelFile.read(file);
        } finally {
            Files.deleteIfExists(file);
            Files.delete(directory);
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
