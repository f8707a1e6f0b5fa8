package dev.plumbline.machine.qemu;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.VcpuState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;

/// A guest held through QEMU's debug stub. What QEMU need not answer in between goes to it together, so that a stop
/// costs two round trips: one to read, and one to write and let the guest run. Where vCPUs can be read in QEMU's own
/// memory ([EmulatedVcpus]) the first is saved.
final class QemuBreakpointSession implements Breakpoints.Session {
    private static final Duration STEP = Duration.ofSeconds(10);
    private static final int MOST_STEPS = 5;

    private enum Guest {
        HELD,
        RUNNING,

        /// An exchange has failed in the midst.
        UNKNOWN
    }

    private final QmpClient qmp;
    private final DebugStub stub;
    private final GdbClient gdb;
    private final int[] threads;
    private final Set<Long> set = new HashSet<>();

    /// As last read, or to be written; null where neither is so.
    private final VcpuState[] states;

    private final boolean[] isUnwritten;
    private EmulatedVcpus emulated;
    private boolean isEmulationTrusted;
    private boolean hasRun;
    private Guest guest = Guest.HELD;
    private boolean pausedByOthers;

    /// QEMU's count of how often the guest has been let run: while it is held that stays as it is.
    private long resumesWhenHeld;

    private int selected = -1;

    /// The vCPUs of which a step has been begun, and QEMU has told no stop since.
    private final BitSet stepping = new BitSet();

    private boolean closed;

    /// @param threads the stub's number of each vCPU
    /// @param pausedByOthers whether the guest stood still before it was held
    QemuBreakpointSession(QmpClient qmp, DebugStub stub, int[] threads, boolean pausedByOthers) throws GuestException {
        this.qmp = qmp;
        this.stub = stub;
        this.gdb = stub.gdb();
        this.threads = threads;
        this.pausedByOthers = pausedByOthers;
        this.states = new VcpuState[threads.length];
        this.isUnwritten = new boolean[threads.length];
        hold();
    }

    @Override
    public void insert(long... addresses) throws GuestException {
        change(true, Arrays.stream(addresses).filter(address -> !set.contains(address)));
    }

    @Override
    public void remove(long... addresses) throws GuestException {
        change(false, Arrays.stream(addresses).filter(set::contains));
    }

    private void change(boolean isToBeSet, LongStream addresses) throws GuestException {
        long[] changed = addresses.distinct().toArray();
        List<String> packets =
                Arrays.stream(changed).mapToObj(at -> breakpoint(isToBeSet, at)).toList();
        List<String> answers = ask(packets);
        for (int i = 0; i < changed.length; i++) {
            if (!answers.get(i).equals("OK")) {
                throw new GuestException("QEMU cannot " + (isToBeSet ? "set a breakpoint at" : "remove that at") + " 0x"
                        + Long.toHexString(changed[i]) + ": it answers '" + answers.get(i) + "'");
            }
            if (isToBeSet) {
                set.add(changed[i]);
            } else {
                set.remove(changed[i]);
            }
        }
    }

    private static String breakpoint(boolean isToBeSet, long address) {
        return (isToBeSet ? "Z" : "z") + "0," + Long.toHexString(address) + ",1";
    }

    @Override
    public int count() {
        return set.size();
    }

    @Override
    public Breakpoints.Traffic traffic() {
        return gdb.traffic();
    }

    @Override
    public void resume() throws GuestException {
        List<String> writes = writes();
        hasRun = true;
        if (pausedByOthers) {
            order(writes);
            leaveToOthers();
        } else {
            run(writes, "c");
        }
        Arrays.fill(states, null);
        guest = Guest.RUNNING;
    }

    @Override
    public boolean awaitStop(Duration longest) throws GuestException {
        if (guest == Guest.UNKNOWN) {
            throw new IllegalStateException("the guest is to be stopped first");
        }
        Deadline deadline = Deadline.after(longest);
        while (guest == Guest.RUNNING && gdb.arrives(deadline)) {
            take(gdb.stop());
        }
        return guest == Guest.HELD;
    }

    private void take(StopReply stop) throws GuestException {
        select(stop);
        pausedByOthers = !stop.atBreakpoint();
        if (pausedByOthers) {
            leaveToOthers();
        } else {
            hold();
        }
    }

    private void hold() throws GuestException {
        guest = Guest.HELD;
        resumesWhenHeld = qmp.resumes();
    }

    /// One that somebody else has paused is theirs to let run, and does not say when it does.
    private void leaveToOthers() throws GuestException {
        guest = Guest.UNKNOWN;
        if (!gdb.hasNextStopTold()) {
            interrupt();
            run(List.of(), "c");
        }
        guest = Guest.RUNNING;
    }

    // Telling a stop of a vCPU, QEMU ends its step.
    private void select(StopReply stop) {
        selected = vcpu(stop.thread());
        if (selected >= 0) {
            stepping.clear(selected);
        }
    }

    private int vcpu(int thread) {
        for (int vcpu = 0; vcpu < threads.length; vcpu++) {
            if (threads[vcpu] == thread) {
                return vcpu;
            }
        }
        return -1;
    }

    @Override
    public void stop() throws GuestException {
        if (guest == Guest.UNKNOWN || guest == Guest.RUNNING && !awaitStop(Duration.ZERO)) {
            interrupt();
        }
    }

    private void interrupt() throws GuestException {
        boolean isKnown = guest != Guest.UNKNOWN;
        guest = Guest.UNKNOWN;
        boolean ran = gdb.interrupt();
        if (ran) {
            // Whoever had paused it has let it run since.
            pausedByOthers = false;
        }
        if (ran || !isKnown) {
            Arrays.fill(states, null);
            Arrays.fill(isUnwritten, false);
        }
        selected = -1;
        hold();
    }

    @Override
    public VcpuState[] read() throws GuestException {
        Optional<VcpuState[]> emulatedStates = readEmulated();
        if (emulatedStates.isEmpty()) {
            readThroughStub();
        } else if (isEmulationTrusted) {
            System.arraycopy(emulatedStates.get(), 0, states, 0, states.length);
        } else {
            readThroughStub();
            isEmulationTrusted = Arrays.equals(states, emulatedStates.get());
            emulated = isEmulationTrusted ? emulated : null;
        }
        return Arrays.stream(states).map(VcpuState::copy).toArray(VcpuState[]::new);
    }

    /// Where a vCPU has come to a breakpoint: elsewhere nobody waits for it. Before the guest has run there is nothing
    /// to compare with but what it was found by.
    private Optional<VcpuState[]> readEmulated() throws GuestException {
        checkHeld();
        for (boolean unwritten : isUnwritten) {
            if (unwritten) {
                return Optional.empty();
            }
        }
        if (emulated == null || selected < 0 || !hasRun) {
            return Optional.empty();
        }
        return Optional.of(emulated.read()).filter(read -> set.contains(read[selected].rip));
    }

    /// Has vCPUs that have come to a breakpoint read there, once it has been compared with what the stub says.
    void readIn(EmulatedVcpus vcpus) {
        emulated = vcpus;
    }

    /// What the stub says. What a stop has selected is read last, so that it is selected when it is written.
    List<StubRegisters> readThroughStub() throws GuestException {
        List<String> writes = writes();
        List<String> packets = new ArrayList<>(writes);
        int last = Math.max(0, selected);
        boolean isSelected = threads.length == 1 && selected == 0;
        for (int i = 1; i <= threads.length; i++) {
            if (!isSelected) {
                packets.add(select((last + i) % threads.length));
            }
            packets.add("g");
        }
        List<String> answers = ask(packets);
        for (int i = 0; i < packets.size(); i++) {
            if (!packets.get(i).equals("g")) {
                GdbClient.expectOk(packets.get(i), answers.get(i));
            }
        }
        int step = isSelected ? 1 : 2;
        StubRegisters[] registers = new StubRegisters[threads.length];
        for (int i = 1; i <= threads.length; i++) {
            int vcpu = (last + i) % threads.length;
            registers[vcpu] = StubRegisters.parse(answers.get(writes.size() + i * step - 1));
            states[vcpu] = registers[vcpu].state();
        }
        selected = last;
        return List.of(registers);
    }

    @Override
    public void write(int vcpu, VcpuState state) {
        Objects.checkIndex(vcpu, threads.length);
        checkHeld();
        states[vcpu] = state.copy();
        isUnwritten[vcpu] = true;
    }

    @Override
    public void step(int vcpu) throws GuestException {
        Objects.checkIndex(vcpu, threads.length);
        VcpuState before = states[vcpu] == null ? read()[vcpu] : states[vcpu];
        List<String> packets = writes();
        // Where QEMU writes a breakpoint into the guest's code, the instruction must be itself again.
        boolean isLifted = set.contains(before.rip);
        if (isLifted) {
            packets.add(breakpoint(false, before.rip));
        }
        int steps = 0;
        do {
            runOne(packets, vcpu);
            packets = List.of();
            // The guest may have stopped for another reason before, such as a second vCPU that had come to a
            // breakpoint. What changes nothing however often it is run is an endless loop of one instruction.
        } while (isAt(before, read()[vcpu]) && ++steps < MOST_STEPS);
        if (isLifted) {
            order(List.of(breakpoint(true, before.rip)));
        }
    }

    private static boolean isAt(VcpuState before, VcpuState after) {
        return after.rip == before.rip && Arrays.equals(after.general, before.general);
    }

    private void runOne(List<String> packets, int vcpu) throws GuestException {
        stepping.set(vcpu);
        run(packets, "vCont;s:" + Integer.toHexString(threads[vcpu]));
        guest = Guest.UNKNOWN;
        if (!gdb.arrives(Deadline.after(STEP))) {
            throw new GuestException("vCPU " + vcpu + " does not run one instruction within " + STEP.toSeconds()
                    + " s; if the guest's host is under heavy load, try again");
        }
        StopReply stop = gdb.stop();
        pausedByOthers |= !stop.atBreakpoint();
        select(stop);
        hold();
    }

    /// The packets that write what is to be written. What is written to a vCPU that has run on meanwhile ruins the
    /// guest, and QEMU passes over no more than the first packet if it has: so that is the only one that writes.
    private List<String> writes() throws GuestException {
        checkHeld();
        List<String> packets = new ArrayList<>();
        for (int i = 0; i < threads.length; i++) {
            int vcpu = (Math.max(0, selected) + i) % threads.length;
            if (isUnwritten[vcpu]) {
                if (selected != vcpu) {
                    packets.add(select(vcpu));
                    order(packets);
                    packets.clear();
                    selected = vcpu;
                }
                packets.add(StubRegisters.writePacket(states[vcpu]));
                isUnwritten[vcpu] = false;
            }
        }
        return packets;
    }

    private String select(int vcpu) {
        return "Hg" + Integer.toHexString(threads[vcpu]);
    }

    private List<String> ask(List<String> packets) throws GuestException {
        beginExchange();
        List<String> answers = gdb.exchange(packets);
        guest = Guest.HELD;
        return answers;
    }

    private void order(List<String> packets) throws GuestException {
        GdbClient.expectOk(packets, ask(packets));
    }

    private void run(List<String> packets, String last) throws GuestException {
        beginExchange();
        GdbClient.expectOk(packets, gdb.exchangeAndRun(packets, last));
    }

    private void beginExchange() throws GuestException {
        checkHeld();
        guest = Guest.UNKNOWN;
        if (qmp.resumes() != resumesWhenHeld) {
            throw gdb.runs();
        }
    }

    private void checkHeld() {
        if (guest != Guest.HELD) {
            throw new IllegalStateException("the guest is to be stopped first");
        }
    }

    @Override
    public void leave() throws GuestException {
        end(false);
    }

    @Override
    public void close() throws GuestException {
        end(true);
    }

    private void end(boolean runsOn) throws GuestException {
        if (closed) {
            return;
        }
        closed = true;
        try {
            if (guest == Guest.RUNNING) {
                awaitStop(Duration.ZERO);
            }
            interrupt();
            order(writes());
            gdb.removeAllBreakpoints(threads);
            gdb.endSteps(stepping.stream().map(vcpu -> threads[vcpu]).toArray());
            if (runsOn && !pausedByOthers) {
                qmp.execute("cont");
            }
        } catch (GuestGoneException e) {
            stub.close();
            throw e;
        } catch (GuestException e) {
            stub.leave();
            throw Breakpoints.notEnded(e);
        }
        stub.close();
    }
}
