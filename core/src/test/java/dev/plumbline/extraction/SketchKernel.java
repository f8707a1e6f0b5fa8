package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.CodeSketch;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.FrameSizes;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SystemCall;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A small kernel made of functions that only call: real code, so that its call graph is a real one. Functions
/// whose names are of entry code have no entry NOP, as in Linux.
public final class SketchKernel {
    static final long SLOT_BYTES = 0x200;
    private static final long MODULES = 0xffff_ffff_c000_0000L;

    public enum Kind {
        CALL,
        INDIRECT_CALL,
        TAIL_JUMP,
        INDIRECT_TAIL_JUMP
    }

    /// @param target whom it goes to; `null` for an indirect one
    public record Step(Kind kind, String target) {}

    private final Map<String, List<Step>> functions = new LinkedHashMap<>();
    private final Map<String, long[]> returnAddresses = new LinkedHashMap<>();
    private final List<String> names = new ArrayList<>();
    private final Set<String> withEntry = new HashSet<>();
    private final List<String> idleModules = new ArrayList<>();
    private CallGraph graph;

    public SketchKernel function(String name, Step... steps) {
        functions.put(name, List.of(steps));
        names.add(name);
        return this;
    }

    public static Step call(String target) {
        return new Step(Kind.CALL, target);
    }

    public static Step indirect() {
        return new Step(Kind.INDIRECT_CALL, null);
    }

    public static Step tail(String target) {
        return new Step(Kind.TAIL_JUMP, target);
    }

    public static Step indirectTail() {
        return new Step(Kind.INDIRECT_TAIL_JUMP, null);
    }

    /// Gives a function an entry NOP although its name is of entry code.
    public SketchKernel withEntry(String name) {
        withEntry.add(name);
        return this;
    }

    /// Loads a module whose code nobody calls.
    public SketchKernel idleModule(String name) {
        idleModules.add(name);
        return this;
    }

    private KernelCode withModules(KernelCode core) {
        List<CodeRegion> regions = new ArrayList<>(core.regions());
        for (String name : idleModules) {
            byte[] code = {(byte) 0xc3};
            regions.add(new CodeRegion(name, MODULES + 0x1000L * regions.size(), MemorySegment.ofArray(code)));
        }
        return new KernelCode(regions, core.symbols(), core.patchPlaces());
    }

    private boolean hasEntry(String name) {
        return withEntry.contains(name) || !isEntryCode(name);
    }

    static boolean isEntryCode(String name) {
        return Role.of(name) != Role.NONE && Role.of(name) != Role.EXIT && Role.of(name) != Role.RENAME
                || name.startsWith("quiet_");
    }

    public SketchKernel build() throws Exception {
        CodeSketch sketch = new CodeSketch();
        List<Long> sites = new ArrayList<>();
        for (String name : names) {
            sketch.upTo((int) (address(name) - CodeSketch.BASE)).function(name);
            if (hasEntry(name)) {
                sites.add(sketch.here());
                sketch.hex("0f1f440000");
            }
            List<Step> steps = functions.get(name);
            long[] returns = new long[steps.size()];
            for (int i = 0; i < steps.size(); i++) {
                emit(sketch, steps.get(i));
                returns[i] = sketch.here();
            }
            returnAddresses.put(name, returns);
            sketch.hex("c3");
        }
        long[] ftrace = sites.stream().mapToLong(Long::longValue).toArray();
        PatchPlaces places = new PatchPlaces(ftrace, new long[0], new long[0], new long[0]);
        graph = CallGraph.of(withModules(sketch.code(places)), 1);
        return this;
    }

    private void emit(CodeSketch sketch, Step step) {
        switch (step.kind()) {
            case CALL -> sketch.branch("e8", address(step.target()));
            case INDIRECT_CALL -> sketch.hex("ffd0");
            case TAIL_JUMP -> sketch.branch("0f84", address(step.target()));
            case INDIRECT_TAIL_JUMP -> sketch.hex("ffe0");
        }
    }

    public CallGraph graph() {
        return graph;
    }

    public TracedCode code() {
        return code(FrameSizes.UNKNOWN);
    }

    TracedCode code(FrameSizes frames) {
        List<SystemCall> calls = new ArrayList<>();
        for (String name : names) {
            if (name.startsWith("__x64_sys_")) {
                calls.add(new SystemCall(calls.size(), name.substring(10), address(name)));
            }
        }
        return TracedCode.of(graph, calls, frames);
    }

    List<Step> steps(String name) {
        return functions.get(name);
    }

    List<String> names() {
        return names;
    }

    public long address(String name) {
        int place = names.indexOf(name);
        if (place < 0) {
            throw new IllegalArgumentException("no function " + name);
        }
        return CodeSketch.BASE + place * SLOT_BYTES;
    }

    /// Where the call that is the function's `step` returns to.
    public long returnAddress(String name, int step) {
        return returnAddresses.get(name)[step];
    }
}
