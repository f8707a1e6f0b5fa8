package dev.plumbline.callgraph;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// The direct edges and the indirect sites that GNU objdump finds in a kernel's code: the verifier of [CallGraph]. It
/// shares nothing with what it verifies but the bytes and the symbols.
public final class ObjdumpEdges {
    private static final Set<String> PREFIXES = Set.of(
            "bnd", "notrack", "cs", "ds", "es", "ss", "fs", "gs", "data16", "addr32", "rep", "repz", "repnz", "lock");
    private static final Comparator<Edge> ORDER =
            Comparator.comparingLong(Edge::site).thenComparing(Edge::toString);

    private final KernelCode code;
    private final List<Edge> branches = new ArrayList<>();
    private final ObjdumpSites sites;
    private long[] functionStarts = new long[1024];
    private int functionCount;

    private ObjdumpEdges(KernelCode code) {
        this.code = code;
        this.sites = new ObjdumpSites(code.symbols());
    }

    /// A direct call, or a direct jump out of its function.
    ///
    /// @param site address of the instruction
    /// @param function address of the symbol, or start of the region, under which objdump shows it
    /// @param target where it goes
    /// @param how `call`, `jump` or `conditional jump`
    public record Edge(long site, long function, long target, String how) {
        @Override
        public String toString() {
            return "%x in %x %s %x".formatted(site, function, how, target);
        }
    }

    /// The first edges and indirect sites that only one of the two has; empty if objdump and the graph agree.
    public static List<String> differences(KernelCode code, CallGraph graph) throws IOException {
        Path file = Files.createTempFile("plumbline", ".elf");
        try {
            ElfFile.write(code, file);
            ObjdumpEdges objdump = new ObjdumpEdges(code);
            objdump.run(file);
            List<String> differences = objdump.differences(graph);
            differences.addAll(objdump.sites.differences(graph));
            return differences;
        } finally {
            Files.delete(file);
        }
    }

    private List<String> differences(CallGraph graph) {
        Set<Edge> theirs = new TreeSet<>(ORDER);
        theirs.addAll(leaving());
        Set<Edge> ours = new TreeSet<>(ORDER);
        for (CallEdge edge : graph.edges()) {
            ours.add(edge(graph, edge));
        }
        List<String> differences = new ArrayList<>();
        theirs.stream().filter(e -> !ours.contains(e)).limit(20).forEach(e -> differences.add("only objdump: " + e));
        ours.stream().filter(e -> !theirs.contains(e)).limit(20).forEach(e -> differences.add("only graph: " + e));
        return differences;
    }

    private static Edge edge(CallGraph graph, CallEdge edge) {
        long function = edge.source() != CallGraph.NONE
                ? graph.function(edge.source()).address()
                : graph.regions().stream()
                        .filter(region -> region.contains(edge.siteAddress()))
                        .findFirst()
                        .orElseThrow()
                        .baseAddress();
        String how = switch (edge.kind()) {
            case CALL -> "call";
            case TAIL_JUMP -> "jump";
            case CONDITIONAL_JUMP -> "conditional jump";
            case RETURN -> isUnconditional(graph, edge.siteAddress()) ? "jump" : "conditional jump";
        };
        return new Edge(edge.siteAddress(), function, edge.targetAddress(), how);
    }

    private static boolean isUnconditional(CallGraph graph, long site) {
        CodeRegion region = graph.regions().stream()
                .filter(r -> r.contains(site))
                .findFirst()
                .orElseThrow();
        int opcode = region.bytes().get(ValueLayout.JAVA_BYTE, site - region.baseAddress()) & 0xff;
        return opcode == 0xe9 || opcode == 0xeb || opcode == 0x2e;
    }

    private void run(Path file) throws IOException {
        Process objdump = new ProcessBuilder("objdump", "-d", "-z", "-w", "--no-show-raw-insn", file.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(objdump.getInputStream(), StandardCharsets.ISO_8859_1))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                read(line);
            }
        } finally {
            objdump.destroy();
        }
    }

    private void read(String line) {
        int tab = line.indexOf('\t');
        if (tab > 0) {
            readInstruction(line, tab);
        } else if (line.endsWith(">:")) {
            if (functionCount == functionStarts.length) {
                functionStarts = Arrays.copyOf(functionStarts, functionCount * 2);
            }
            functionStarts[functionCount++] = Long.parseUnsignedLong(line, 0, line.indexOf(' '), 16);
        }
    }

    // "ffffffff81000010:\tbnd call ffffffff81000040 <f+0x8>"
    private void readInstruction(String line, int tab) {
        if (!mayBranch(line, tab)) {
            return;
        }
        String[] words = line.substring(tab + 1).trim().split("\\s+");
        int word = 0;
        while (word + 1 < words.length && (PREFIXES.contains(words[word]) || words[word].startsWith("rex"))) {
            word++;
        }
        String how = how(words[word]);
        String operand = word + 1 < words.length ? words[word + 1].replaceFirst("^0x", "") : "";
        long site = Long.parseUnsignedLong(line.substring(0, tab - 1).trim(), 16);
        if (operand.startsWith("*")) {
            sites.addStarred(
                    site,
                    words[word],
                    line.substring(line.indexOf('*', tab) + 1).trim());
        } else if (how != null && isHexadecimal(operand)) {
            long target = Long.parseUnsignedLong(operand, 16);
            branches.add(new Edge(site, functionStarts[functionCount - 1], target, how));
        }
    }

    private static boolean isHexadecimal(String word) {
        return !word.isEmpty() && word.chars().allMatch(c -> Character.digit(c, 16) >= 0);
    }

    private static boolean mayBranch(String line, int tab) {
        return line.indexOf('j', tab) > 0 || line.indexOf("call", tab) > 0 || line.indexOf("loop", tab) > 0;
    }

    private static String how(String mnemonic) {
        if (mnemonic.startsWith("call")) {
            return "call";
        }
        if (mnemonic.startsWith("jmp")) {
            return "jump";
        }
        return mnemonic.startsWith("j") || mnemonic.startsWith("loop") ? "conditional jump" : null;
    }

    private List<Edge> leaving() {
        long[] starts = Arrays.copyOf(functionStarts, functionCount);
        Arrays.sort(starts);
        List<Edge> leaving = new ArrayList<>();
        for (Edge edge : branches) {
            sites.addDirect(edge);
            long end = end(starts, edge.function());
            boolean isWithin = edge.target() - edge.function() >= 0 && edge.target() - end < 0;
            if (edge.how().equals("call") || !isWithin) {
                leaving.add(edge);
            }
        }
        leaving.sort(ORDER);
        return Collections.unmodifiableList(leaving);
    }

    private long end(long[] starts, long function) {
        long regionEnd = code.regions().stream()
                .filter(region -> region.contains(function))
                .findFirst()
                .orElseThrow()
                .endAddress();
        int next = Arrays.binarySearch(starts, function) + 1;
        while (next < starts.length && starts[next] == function) {
            next++;
        }
        return next < starts.length && starts[next] - regionEnd < 0 ? starts[next] : regionEnd;
    }
}
