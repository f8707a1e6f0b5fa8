package dev.plumbline.callgraph;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.x86.zydis.ZydisUnavailableException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/// What calls what in a kernel and its modules, from all their code as it is in memory now: functions, direct
/// calls, direct jumps between functions, indirect sites. Built from the bytes by decoding them in order, starting
/// anew at each text symbol, so that the direct edges are those that GNU objdump shows for the same bytes and
/// symbols. Immutable and safe for threads.
///
/// Functions, edges and indirect sites are numbered from 0, each in order of address; numbers out of range are an
/// [IndexOutOfBoundsException]. Any bytes and any symbols make a graph; what they do not tell is [#NONE].
public final class CallGraph {
    /// Stands for a function where there is none.
    public static final int NONE = -1;

    private final KernelCode code;
    private final FunctionTable functions;
    private final FunctionNames names;
    private final FunctionFacts facts;
    private final EdgeTable edges;
    private final IndirectTable indirects;
    private final BitSet withKprobe;
    private volatile Callers callers;

    CallGraph(KernelCode code, FunctionTable functions, FunctionFacts facts, EdgeTable edges, IndirectTable indirects) {
        this.code = code;
        this.functions = functions;
        this.names = new FunctionNames(functions, code.symbols());
        this.facts = facts;
        this.edges = edges;
        this.indirects = indirects;
        this.withKprobe = functionsAt(code.patchPlaces().kprobeSites());
    }

    /// The call graph of a kernel, built with as many threads as there are processors.
    ///
    /// @throws ZydisUnavailableException if Zydis cannot be loaded
    public static CallGraph of(KernelCode code) throws ZydisUnavailableException {
        return of(code, Runtime.getRuntime().availableProcessors());
    }

    /// The call graph of a kernel.
    ///
    /// @param workers how many threads decode, at least 1; the result is the same for any number
    /// @throws ZydisUnavailableException if Zydis cannot be loaded
    public static CallGraph of(KernelCode code, int workers) throws ZydisUnavailableException {
        return new CallGraphBuilder(code).build(workers);
    }

    private BitSet functionsAt(long[] addresses) {
        BitSet result = new BitSet();
        Arrays.stream(addresses)
                .mapToInt(functions::at)
                .filter(function -> function != NONE)
                .forEach(result::set);
        return result;
    }

    /// The code regions the graph was built from, ascending, without overlaps.
    public List<CodeRegion> regions() {
        return functions.regions();
    }

    /// How many functions there are.
    public int functionCount() {
        return functions.count();
    }

    /// The function with this number.
    public Function function(int function) {
        long address = functions.address(function);
        String name = names.of(function);
        return new Function(
                function,
                address,
                facts.sizesBytes[function],
                (int) (functions.extentEnd(function) - address),
                name,
                names.owner(function),
                name.startsWith("__SCT__"),
                withKprobe.get(function));
    }

    /// All functions, each made when it is asked for.
    public List<Function> functions() {
        return new NumberedList<>(0, functions.count(), this::function);
    }

    /// Where a function begins.
    public long address(int function) {
        return functions.address(function);
    }

    /// The number of the function whose extent, padding included, holds `address`, or [#NONE].
    public int functionAt(long address) {
        return functions.at(address);
    }

    /// The first function of the kernel itself with this name among its names, else the first of a module.
    public OptionalInt functionNamed(String name) {
        return names.first(name);
    }

    /// All functions with this name among their names, ascending.
    public IntStream functionsNamed(String name) {
        return names.all(name);
    }

    /// All names of the function, in the order of the symbol table.
    public List<String> names(int function) {
        return names.allOf(function);
    }

    /// How many direct edges there are.
    public int edgeCount() {
        return edges.count();
    }

    /// The direct edge with this number.
    public CallEdge edge(int edge) {
        long site = edges.site(edge);
        int target = edges.target(edge);
        long targetAddress = edges.targetAddress(edge);
        return new CallEdge(
                site,
                functions.at(site),
                targetAddress,
                target,
                target == NONE ? 0 : targetAddress - functions.address(target),
                edges.kind(edge),
                edges.patched(edge));
    }

    /// All direct edges, each made when it is asked for, ascending by site.
    public List<CallEdge> edges() {
        return new NumberedList<>(0, edges.count(), this::edge);
    }

    /// The direct edges out of a function, ascending by site. An edge that the function tracer makes is among them
    /// and is not [CallEdge#isOwn()].
    public List<CallEdge> callees(int function) {
        return new NumberedList<>(facts.edgeStarts[function], facts.edgeEnds[function], this::edge);
    }

    /// The direct edges into a function, ascending by site.
    public List<CallEdge> callers(int function) {
        int[] numbers = callers().of(function);
        return new NumberedList<>(0, numbers.length, i -> edge(numbers[i]));
    }

    // Two threads may both build it; they build the same.
    private Callers callers() {
        Callers known = callers;
        if (known == null) {
            known = new Callers(edges, functions.count());
            callers = known;
        }
        return known;
    }

    /// How many indirect calls and jumps there are.
    public int indirectSiteCount() {
        return indirects.count();
    }

    /// The indirect site with this number.
    public IndirectSite indirectSite(int index) {
        long site = indirects.site(index);
        return new IndirectSite(
                site,
                functions.at(site),
                indirects.isCall(index),
                indirects.operand(index),
                indirects.isViaThunk(index),
                indirects.patched(index));
    }

    /// All indirect sites, each made when it is asked for, ascending by address.
    public List<IndirectSite> indirectSites() {
        return new NumberedList<>(0, indirects.count(), this::indirectSite);
    }

    /// The indirect sites in a function, ascending by address.
    public List<IndirectSite> indirectSites(int function) {
        return new NumberedList<>(facts.indirectStarts[function], facts.indirectEnds[function], this::indirectSite);
    }

    /// Whether control can run over the function's end into the next one, as it does at labels in assembly code.
    public boolean flowsIntoNext(int function) {
        return facts.flowsOn[function] && functions.hasNeighbour(function);
    }

    /// What can be reached from the functions by direct edges that are the kernel's own.
    ///
    /// @param start numbers of functions
    public Reachability reachableFrom(int... start) {
        return new Search(start).run();
    }

    /// What the kernel knows of the places it patches, as the graph was built with it.
    public PatchPlaces patchPlaces() {
        return code.patchPlaces();
    }

    /// Breadth first over the tables, without making edges.
    private final class Search {
        private final BitSet reached = new BitSet(functions.count());
        private final BitSet sites = new BitSet();
        private final BitSet unresolved = new BitSet();
        private final ArrayDeque<Integer> waiting = new ArrayDeque<>();

        Search(int... start) {
            for (int function : start) {
                reach(Objects.checkIndex(function, functions.count()));
            }
        }

        Reachability run() {
            while (!waiting.isEmpty()) {
                visit(waiting.remove());
            }
            return new Reachability(reached, sites, unresolved);
        }

        private void visit(int function) {
            for (int edge = facts.edgeStarts[function]; edge < facts.edgeEnds[function]; edge++) {
                if (edges.isFtraceCall(edge)) {
                    continue;
                }
                if (edges.target(edge) == NONE) {
                    unresolved.set(edge);
                } else {
                    reach(edges.target(edge));
                }
            }
            sites.set(facts.indirectStarts[function], facts.indirectEnds[function]);
            if (flowsIntoNext(function)) {
                reach(function + 1);
            }
        }

        private void reach(int function) {
            if (!reached.get(function)) {
                reached.set(function);
                waiting.add(function);
            }
        }
    }
}
