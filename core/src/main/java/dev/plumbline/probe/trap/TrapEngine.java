package dev.plumbline.probe.trap;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.VcpuState;
import dev.plumbline.probe.CallEventSink;
import dev.plumbline.probe.KnownEdge;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.ProbeJournal;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.probe.RunLock;
import dev.plumbline.probe.WrittenCode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Probes that are breakpoints of the hypervisor: the guest stands still at each, and nothing of Plumbline is in it.
///
/// The entries of the chosen system calls always have one. When one of them is hit, analysis and monitoring take turns
/// until the system call returns: each function's body is looked at when it runs for the first time, and its callees
/// and indirect sites get probes; at an indirect site the target is read from where the instruction would take it, and
/// gets one. Probes are shared between tasks; what other tasks and interrupts run into them is counted and passed over.
public final class TrapEngine implements ProbeEngine {
    private static final int MOST_PROBES = 2048;
    private static final int MOST_TASKS = 4096;
    private static final int MOST_EDGES = 1 << 20;
    /// A task's last call: its system call does not return.
    private static final String DEATH = "do_task_dead";
    private static final Duration ROUND = Duration.ofMillis(20);

    private final RunLock lock;
    private final Breakpoints.Session session;
    private final GuestData memory;
    private final Displaced displaced;
    private final WorkingSet probes;
    private final Recording recording;
    private final Map<Long, SystemCall> calls = new HashMap<>();
    private final Map<Long, Integer> cpus = new HashMap<>();
    private final Map<Long, FollowedTask> tasks = new LinkedHashMap<>();
    private final Map<Long, IndirectSite> indirect = new HashMap<>();
    private final Set<KnownEdge> edges;
    private final WrittenCode written = new WrittenCode();
    private final int currentTask;
    private final List<SystemCall> followed;
    private Leads leads;
    private int death;
    private CallEventSink sink;
    private boolean isOver;
    private long stops;
    private long hits;
    private long foreign;
    private long seen;

    private TrapEngine(
            LinuxKernel kernel,
            RunLock lock,
            Breakpoints.Session session,
            List<SystemCall> followed,
            Recording recording)
            throws GuestException {
        this.lock = lock;
        this.session = session;
        this.followed = followed;
        this.recording = recording;
        this.edges = new HashSet<>(recording.known());
        this.memory = new GuestData(kernel);
        this.displaced = new Displaced(session, memory);
        this.probes = new WorkingSet(session, MOST_PROBES);
        this.currentTask = kernel.perCpuPlaces().currentTask();
        long[] bases = kernel.perCpu().bases();
        for (int cpu = 0; cpu < bases.length; cpu++) {
            cpus.put(bases[cpu], cpu);
        }
    }

    /// Follows system calls.
    ///
    /// @param journal of probes that are in the guest's memory: nothing is to be in it
    /// @param graph the kernel's code
    /// @param followed the system calls
    /// @param chosen sites that may have a probe; system calls without one among them cannot be followed
    /// @param recording what to tell of
    /// @throws GuestException if it cannot be done; the guest is as it was then
    public static TrapEngine arm(
            LinuxKernel kernel,
            ProbeJournal journal,
            CallGraph graph,
            List<SystemCall> followed,
            Collection<Long> chosen,
            Recording recording)
            throws GuestException {
        RunLock lock = journal.holdUntouched(kernel.machine().name());
        try {
            return start(kernel, lock, graph, followed, chosen, recording);
        } catch (GuestException e) {
            lock.close();
            throw e;
        }
    }

    private static TrapEngine start(
            LinuxKernel kernel,
            RunLock lock,
            CallGraph graph,
            List<SystemCall> followed,
            Collection<Long> chosen,
            Recording recording)
            throws GuestException {
        Machine machine = kernel.machine();
        Breakpoints breakpoints = machine.capability(Breakpoints.class)
                .orElseThrow(
                        () -> new GuestException(machine.name() + " has no breakpoints to set; use --engine inline"));
        Optional<Pausing> pausing = machine.capability(Pausing.class);
        if (pausing.isPresent()) {
            pausing.get().verifyRunning(machine.name());
        }
        Breakpoints.Session session = breakpoints.open();
        try {
            TrapEngine engine = new TrapEngine(kernel, lock, session, followed, recording);
            engine.use(graph, chosen);
            session.resume();
            return engine;
        } catch (GuestException e) {
            session.close();
            throw e;
        }
    }

    // Tasks that are being followed go on with the code they are in.
    private void use(CallGraph graph, Collection<Long> chosen) throws GuestException {
        leads = new Leads(graph, chosen);
        death = graph.functionNamed(DEATH).orElse(CallGraph.NONE);
        calls.clear();
        for (SystemCall call : followed) {
            int function = graph.functionAt(call.entryAddress());
            if (function != CallGraph.NONE && leads.hasSite(function)) {
                calls.put(leads.site(function), call);
            }
        }
        probes.setLasting(calls.keySet());
    }

    @Override
    public long poll(CallEventSink to) throws GuestException {
        sink = to;
        long before = seen;
        long end = System.nanoTime() + ROUND.toNanos();
        for (long left = ROUND.toNanos(); !isOver && left > 0; left = end - System.nanoTime()) {
            if (!session.awaitStop(Duration.ofNanos(left))) {
                break;
            }
            stopped();
            session.resume();
        }
        return seen - before;
    }

    private void stopped() throws GuestException {
        stops++;
        memory.forget();
        VcpuState[] states = session.read();
        // Others may come to a probe while one is stepped: that is another stop.
        boolean[] haveCome = new boolean[states.length];
        for (int vcpu = 0; vcpu < states.length; vcpu++) {
            haveCome[vcpu] = session.hasCome(vcpu);
        }
        for (int vcpu = 0; vcpu < states.length; vcpu++) {
            VcpuState state = states[vcpu];
            // What was run in its place may have led to the next probe.
            while (haveCome[vcpu] && state.cpl == 0 && probes.contains(state.rip)) {
                hits++;
                hit(state);
                state = displaced.run(vcpu, state);
                haveCome[vcpu] = session.hasCome(vcpu);
            }
        }
    }

    private void hit(VcpuState state) throws GuestException {
        long site = state.rip;
        probes.used(site);
        Integer cpu = cpus.get(state.gsBase);
        if (cpu == null) {
            // In the few instructions of entry code where the base is user space's.
            foreign++;
            return;
        }
        long task = memory.read(state.gsBase + currentTask, Long.BYTES);
        long stackPointer = state.general[VcpuState.RSP];
        FollowedTask in = tasks.get(task);
        boolean isOurs = false;
        if (in != null && in.isExit(site, stackPointer)) {
            isOurs = true;
            end(cpu, in);
            in = null;
        }
        int function = leads.graph().functionAt(site);
        if (function != CallGraph.NONE && leads.hasSite(function) && leads.site(function) == site) {
            isOurs |= entered(cpu, function, site, task, stackPointer, in);
        }
        IndirectSite pointer = indirect.get(site);
        if (pointer != null && in != null && in.isAt(leads, pointer.source(), stackPointer)) {
            isOurs = true;
            led(cpu, pointer, state, in);
        }
        foreign += isOurs ? 0 : 1;
    }

    private boolean entered(int cpu, int function, long site, long task, long stackPointer, FollowedTask in)
            throws GuestException {
        long returnAddress = memory.read(stackPointer, Long.BYTES);
        SystemCall call = calls.get(site);
        FollowedTask now = in;
        if (call != null && (in == null || !in.isWithin(stackPointer))) {
            now = begin(task, call, function, returnAddress, stackPointer);
        } else if (in == null
                || !in.enter(leads, function, site, leads.graph().functionAt(returnAddress - 1), stackPointer)) {
            return false;
        }
        tell(cpu, site, returnAddress, now, stackPointer);
        lookInto(function);
        if (function == death) {
            end(cpu, now);
        }
        return true;
    }

    private FollowedTask begin(long task, SystemCall call, int function, long returnAddress, long stackPointer)
            throws GuestException {
        if (tasks.size() == MOST_TASKS) {
            tasks.remove(tasks.keySet().iterator().next());
        }
        FollowedTask now = new FollowedTask(task, call.number(), function, returnAddress, stackPointer);
        tasks.put(task, now);
        probes.add(List.of(returnAddress));
        return now;
    }

    // Its callees and indirect sites get probes.
    private void lookInto(int function) throws GuestException {
        Leads.Lead lead = leads.of(function);
        List<Long> addresses = new ArrayList<>();
        for (long entry : lead.entries()) {
            addresses.add(entry);
        }
        for (IndirectSite site : lead.indirect()) {
            indirect.put(site.siteAddress(), site);
            addresses.add(site.siteAddress());
        }
        probes.add(addresses);
    }

    private void tell(int cpu, long site, long returnAddress, FollowedTask task, long stackPointer) {
        switch (recording.mode()) {
            case FULL, LOSSLESS -> {
                // The order in which the guest stood still is the order of all CPUs.
                sink.time(cpu, stops);
                sink.call(cpu, site, returnAddress, task.task(), stackPointer);
                seen++;
            }
            case EDGE -> {
                if (edges.size() == MOST_EDGES) {
                    edges.clear();
                }
                if (edges.add(new KnownEdge(site, returnAddress, task.systemCall()))) {
                    sink.edge(cpu, site, returnAddress, task.task(), task.systemCall());
                    seen++;
                }
            }
        }
    }

    private void led(int cpu, IndirectSite site, VcpuState state, FollowedTask in) throws GuestException {
        Optional<Displaced.Led> led = displaced.led(site, state);
        if (led.isEmpty()) {
            return;
        }
        long target = led.get().target();
        CallGraph graph = leads.graph();
        int function = graph.functionAt(target);
        if (function == CallGraph.NONE || graph.address(function) != target) {
            if (recording.checksIndirect()) {
                sink.indirect(cpu, target, led.get().returnAddress(), in.task());
                seen++;
            }
        } else if (leads.hasSite(function)) {
            in.expect(function);
            probes.add(List.of(leads.site(function)));
        } else {
            in.pass(function);
            lookInto(function);
        }
    }

    private void end(int cpu, FollowedTask task) throws GuestException {
        tasks.remove(task.task());
        if (recording.mode() != RecordingMode.EDGE) {
            sink.returned(cpu, task.task());
        }
        if (tasks.isEmpty()) {
            probes.clear();
        }
    }

    /// What the probes have done so far.
    public TrapCounts counts() {
        return new TrapCounts(stops, hits, foreign, displaced.emulated(), displaced.stepped(), probes.dropped());
    }

    @Override
    public List<String> remarks() {
        TrapCounts counts = counts();
        return List.of(("%,d stops, %,d hits, %,d of them of others; %,d instructions were run in the guest's place,"
                        + " %,d stepped over; %,d probes dropped for want of room")
                .formatted(
                        counts.stops(),
                        counts.hits(),
                        counts.foreign(),
                        counts.emulated(),
                        counts.stepped(),
                        counts.dropped()));
    }

    @Override
    public int knownEdgeCount() {
        return recording.known().size();
    }

    @Override
    public int siteCount() {
        return probes.count();
    }

    @Override
    public Change change(CallGraph graph, List<Long> chosen) {
        return new Change() {
            @Override
            public void writeDown() {
                // The hypervisor keeps the breakpoints; there is nothing to put back.
            }

            @Override
            public void apply() throws GuestException {
                session.stop();
                use(graph, chosen);
                session.resume();
            }
        };
    }

    @Override
    public void recheck() {
        // Breakpoints stand at addresses, whatever stands there.
    }

    @Override
    public WrittenCode written() {
        return written;
    }

    @Override
    public long seen() {
        return seen;
    }

    @Override
    public long lost() {
        return 0;
    }

    @Override
    public long hits() {
        return hits;
    }

    @Override
    public void disarm() throws GuestException {
        if (!isOver) {
            isOver = true;
            session.close();
        }
    }

    @Override
    public void leave() throws GuestException {
        isOver = true;
        try {
            session.leave();
        } finally {
            lock.close();
        }
    }

    @Override
    public void close() throws GuestException {
        try {
            disarm();
        } finally {
            lock.close();
        }
    }
}
