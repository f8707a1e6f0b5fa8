package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallEdge;
import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.Function;
import dev.plumbline.kernel.FrameSizes;
import dev.plumbline.kernel.SystemCall;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What must be known of a kernel's code to make flows from call events, in tables that are quick to ask: which
/// function a site belongs to, where a return address leads back to, who dispatches system calls, where interrupts
/// come in. For one thread.
public final class TracedCode {
    private static final int MOST_RETURN_ADDRESSES = 1 << 19;
    // An entry NOP stands at the function's first byte or behind endbr64 and the padding of fentry.
    private static final int FURTHEST_SITE_BYTES = 16;
    private static final String SYSTEM_CALL_32 = "__ia32_sys_";
    private static final String COMPAT_SYSTEM_CALL_32 = "__ia32_compat_sys_";

    private static final Set<String> RENAMING = Set.of("execve", "execveat", "prctl");

    private final CallGraph graph;
    private final boolean[] hasSite;
    private final byte[] roles;
    private final Map<Integer, SystemCall> systemCalls = new HashMap<>();
    private final LongTable entries = new LongTable(1 << 24);
    private final LongTable origins = new LongTable(MOST_RETURN_ADDRESSES);
    private final RecentCalls recent = new RecentCalls();
    private final TailJumps jumps;
    private final UnseenPaths paths;
    private final BitSet renaming = new BitSet();
    private int kthread = CallGraph.NONE;

    private TracedCode(CallGraph graph, List<SystemCall> calls, BitSet probed, FrameSizes frames) {
        if (graph.functionCount() > Origin.MOST_FUNCTIONS) {
            throw new IllegalArgumentException(graph.functionCount() + " functions");
        }
        this.graph = graph;
        this.hasSite = new boolean[graph.functionCount()];
        this.roles = new byte[graph.functionCount()];
        probed.stream().limit(hasSite.length).forEach(function -> hasSite[function] = true);
        this.jumps = new TailJumps(graph, hasSite);
        this.paths = new UnseenPaths(graph, hasSite, frames);
        assignRoles(calls);
        spreadRoles();
        addEntries();
    }

    /// Code with probes at all places of the function tracer.
    ///
    /// @param systemCalls as [dev.plumbline.kernel.LinuxKernel#systemCalls] gives them
    /// @param frames as [dev.plumbline.kernel.LinuxKernel#frameSizes] gives them
    public static TracedCode of(CallGraph graph, List<SystemCall> systemCalls, FrameSizes frames) {
        return of(graph, systemCalls, withSites(graph), frames);
    }

    /// Code with probes at the entries of some functions. Events of others do no harm.
    ///
    /// @param systemCalls as [dev.plumbline.kernel.LinuxKernel#systemCalls] gives them
    /// @param probed numbers of functions
    /// @param frames tells which of several functions that can have led to one without a probe did
    public static TracedCode of(CallGraph graph, List<SystemCall> systemCalls, BitSet probed, FrameSizes frames) {
        return new TracedCode(graph, systemCalls, probed, frames);
    }

    /// The functions at whose entry the function tracer has a place.
    static BitSet withSites(CallGraph graph) {
        BitSet result = new BitSet();
        for (long site : graph.patchPlaces().ftraceSites()) {
            int function = entered(graph, site);
            if (function != CallGraph.NONE) {
                result.set(function);
            }
        }
        return result;
    }

    /// The function whose entry a site is, or [CallGraph#NONE].
    static int entered(CallGraph graph, long site) {
        int function = graph.functionAt(site);
        boolean isEntry = function != CallGraph.NONE && site - graph.address(function) <= FURTHEST_SITE_BYTES;
        return isEntry ? function : CallGraph.NONE;
    }

    private void assignRoles(List<SystemCall> calls) {
        for (Function function : graph.functions()) {
            if (function.owner() == null) {
                roles[function.number()] = (byte) role(function);
                String name = function.name();
                kthread = roles[function.number()] == Role.THREAD ? function.number() : kthread;
                if (name.startsWith(SYSTEM_CALL_32) || name.startsWith(COMPAT_SYSTEM_CALL_32)) {
                    addSystemCall(function.number(), new SystemCall(-1, name.substring(2), function.address()));
                }
            }
        }
        for (SystemCall call : calls.reversed()) {
            int function = graph.functionAt(call.entryAddress());
            if (function != CallGraph.NONE) {
                addSystemCall(function, call);
            }
        }
    }

    // What only entry code calls is entry code, if it is not seen: do_user_addr_fault below exc_page_fault, for
    // instance.
    private void spreadRoles() {
        ArrayDeque<Integer> waiting = new ArrayDeque<>();
        for (int function = 0; function < roles.length; function++) {
            if (isInterruption(roles[function])) {
                waiting.add(function);
            }
        }
        while (!waiting.isEmpty()) {
            int function = waiting.remove();
            for (CallEdge edge : graph.callees(function)) {
                int callee = edge.target();
                if (callee != CallGraph.NONE && roles[callee] == Role.NONE && !hasSite[callee]) {
                    roles[callee] = commonRole(callee);
                    if (roles[callee] != Role.NONE) {
                        waiting.add(callee);
                    }
                }
            }
        }
    }

    private byte commonRole(int function) {
        byte common = Role.NONE;
        for (CallEdge edge : graph.callers(function)) {
            int caller = edge.source();
            if (edge.isOwn() && whole(caller) != function) {
                byte role = caller == CallGraph.NONE ? Role.NONE : roles[caller];
                if (!isInterruption(role) || common != Role.NONE && role != common) {
                    return Role.NONE;
                }
                common = role;
            }
        }
        return common;
    }

    private static boolean isInterruption(byte role) {
        return role == Role.INTERRUPT || role == Role.EXCEPTION;
    }

    // A function on the way to user mode that is seen itself has a call in a flow like any other.
    private int role(Function function) {
        int role = Role.of(function.name());
        return role == Role.USER_MODE && hasSite[function.number()] ? Role.NONE : role;
    }

    private void addSystemCall(int function, SystemCall call) {
        roles[function] = Role.SYSTEM_CALL;
        systemCalls.put(function, call);
        renaming.set(function, RENAMING.contains(call.name()));
    }

    private void addEntries() {
        for (int function = 0; function < graph.functionCount(); function++) {
            entries.add(graph.address(function), entryOf(function));
        }
        for (long site : graph.patchPlaces().ftraceSites()) {
            int function = entered(graph, site);
            if (function != CallGraph.NONE && entries.find(site) == 0) {
                entries.add(site, entryOf(function));
            }
        }
    }

    private long entryOf(int function) {
        return function + 1 | (long) roles[function] << 32;
    }

    /// The graph whose numbers are used.
    public CallGraph graph() {
        return graph;
    }

    /// The function entered at the site plus 1 in the low 32 bits, its role above; 0 if the site is no entry.
    long entry(long site) {
        return entries.find(site);
    }

    /// Whether a pointer to a function can hold the address: one begins there, seen or not.
    boolean isFunction(long address) {
        int function = graph.functionAt(address);
        return function != CallGraph.NONE && (graph.address(function) == address || entry(address) != 0);
    }

    /// Where a call came from, as [Origin] packs it.
    long origin(long returnAddress) {
        long origin = origins.find(returnAddress);
        if (origin == 0) {
            int caller = whole(graph.functionAt(returnAddress - 1));
            int role = caller == CallGraph.NONE ? Role.NONE : roles[caller];
            origin = Origin.of(graph, returnAddress, caller, role, paths.frameBytes(returnAddress));
            origins.add(returnAddress, origin);
        }
        return origin;
    }

    /// Where [RecentCalls] has the entry and the origin of a call.
    int call(long site, long returnAddress) {
        int place = recent.place(site, returnAddress);
        if (!recent.has(place, site, returnAddress)) {
            recent.put(place, site, returnAddress, entry(site), origin(returnAddress));
        }
        return place;
    }

    /// What [#entry] says of the call that [#call] was last asked for at this place.
    long entryAt(int place) {
        return recent.entry(place);
    }

    /// What [#origin] says of it.
    long originAt(int place) {
        return recent.origin(place);
    }

    /// Whether the function's entry can be seen.
    boolean isSeen(int function) {
        return function != CallGraph.NONE && hasSite[function];
    }

    /// Whether a call to `from` can end with a jump to `to`, as in [TailJumps].
    int jump(int from, int to) {
        return jumps.between(from, to);
    }

    /// Whether `from` calls an unseen function, as in [UnseenPaths#leads].
    boolean leads(int from, int unseen) {
        return paths.leads(from, unseen);
    }

    /// The same with what lies between them on the stack.
    boolean leads(int from, int unseen, long distanceBytes) {
        return paths.leads(from, unseen, distanceBytes);
    }

    /// Whether `from` called something through a pointer that led to an unseen function, by what lies between them.
    boolean leadsByPointer(int from, int unseen, long distanceBytes) {
        return paths.leadsByPointer(from, unseen, distanceBytes);
    }

    /// Whether `from` calls through pointers, as in [UnseenPaths#leadsAnywhere].
    boolean leadsAnywhere(int from) {
        return paths.leadsAnywhere(from);
    }

    /// Whether it is a system call after which the task may have another name.
    boolean renames(int function) {
        return function != CallGraph.NONE && renaming.get(function);
    }

    /// Whether it is `kthread`, which calls the main function of a kernel thread.
    boolean startsThreads(int function) {
        return function == kthread && function != CallGraph.NONE;
    }

    /// The system call whose function it is, or `null`.
    SystemCall systemCall(int function) {
        return systemCalls.get(function);
    }

    // Compilers move unlikely code of a function to a place of its own, `name.cold`: it runs in the function's frame.
    private int whole(int function) {
        if (function == CallGraph.NONE || hasSite[function]) {
            return function;
        }
        String name = graph.function(function).name();
        int cold = name.lastIndexOf(".cold");
        if (cold <= 0) {
            return function;
        }
        String hot = name.substring(0, cold);
        for (CallEdge edge : graph.callers(function)) {
            if (edge.source() != CallGraph.NONE && graph.names(edge.source()).contains(hot)) {
                return edge.source();
            }
        }
        return function;
    }
}
