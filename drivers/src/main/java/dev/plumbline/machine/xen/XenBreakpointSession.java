package dev.plumbline.machine.xen;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.machine.VcpuState;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;

/// A domain held through Xen's monitor. A vCPU that comes to a breakpoint stands still by itself; for the others the
/// domain is paused, where there are others.
///
/// The registers of a vCPU go with the answer that lets it run on. Xen would also take those of a vCPU that has come
/// to no breakpoint, but together with its clock, as it was when it was read, and without part of the FPU's state: so
/// only vCPUs that have come to a breakpoint are written.
final class XenBreakpointSession implements Breakpoints.Session {
    private static final Duration STEP = Duration.ofSeconds(10);
    private static final Duration STEP_LOOK = Duration.ofMillis(1);
    private static final Duration RUN_ON = Duration.ofSeconds(1);

    private final XenDomain domain;
    private final XenMemory memory;
    private final XenRegisters registers;
    private final BreakpointJournal journal;
    private final XenMonitor monitor;
    private final SetBreakpoints breakpoints;

    /// What each vCPU has come to and waits at; null where it does not.
    private final VmEvent[] come;

    /// How it is to go on; null where it goes on as it is.
    private final VcpuState[] written;

    /// Where each vCPU stood when it was let run on in another state; null if it has done so.
    private final Long[] leaving;

    /// Of those that have come to nothing, as long as they are held.
    private final VcpuRegisters[] others;

    private KernelPages pages;
    private boolean isPaused;
    private boolean isHeld;
    private boolean closed;
    private long stops;
    private long orders;

    XenBreakpointSession(
            XenDomain domain, XenMemory memory, XenRegisters registers, BreakpointJournal journal, XenMonitor monitor) {
        this.domain = domain;
        this.memory = memory;
        this.registers = registers;
        this.journal = journal;
        this.monitor = monitor;
        this.breakpoints = new SetBreakpoints(memory, journal);
        this.come = new VmEvent[domain.vcpuCount()];
        this.written = new VcpuState[come.length];
        this.leaving = new Long[come.length];
        this.others = new VcpuRegisters[come.length];
    }

    @Override
    public void insert(long... addresses) throws GuestException {
        checkHeld();
        for (long address : addresses) {
            breakpoints.insert(pages(), address);
        }
    }

    @Override
    public void remove(long... addresses) throws GuestException {
        checkHeld();
        for (long address : addresses) {
            breakpoints.remove(pages(), address);
        }
    }

    @Override
    public int count() {
        return breakpoints.count();
    }

    @Override
    public Breakpoints.Traffic traffic() {
        return new Breakpoints.Traffic(orders, orders, stops);
    }

    @Override
    public void resume() throws GuestException {
        checkHeld();
        for (int vcpu = 0; vcpu < come.length; vcpu++) {
            if (come[vcpu] != null && (written[vcpu] != null || !breakpoints.has(come[vcpu].rip()))) {
                letRunOn(vcpu);
            }
        }
        run();
    }

    private void letRunOn(int vcpu) {
        VcpuState state = written[vcpu];
        monitor.answer(state == null ? come[vcpu].runOn() : come[vcpu].runOn(state));
        leaving[vcpu] = state == null ? null : (Long) come[vcpu].rip();
        come[vcpu] = null;
        written[vcpu] = null;
    }

    private void run() throws GuestException {
        orders++;
        monitor.tell();
        endPause();
        isHeld = false;
        pages = null;
        Arrays.fill(others, null);
    }

    @Override
    public boolean awaitStop(Duration longest) throws GuestException {
        long start = System.nanoTime();
        while (!isHeld) {
            take();
            if (count(come) > 0) {
                hold();
            } else {
                long left = longest.toNanos() - (System.nanoTime() - start);
                if (left <= 0) {
                    domain.now();
                    return false;
                }
                monitor.await(Duration.ofNanos(left));
            }
        }
        return true;
    }

    private void hold() throws GuestException {
        if (count(come) < come.length) {
            pause();
            take();
        }
        isHeld = true;
        stops++;
    }

    /// Takes what vCPUs have come to. An int3 that is none of ours is the guest's.
    private void take() throws GuestException {
        for (VmEvent event = monitor.next(); event != null; event = monitor.next()) {
            if (event.version() != VmEvent.VERSION) {
                throw new GuestException("Xen reports in version " + event.version()
                        + " of its monitor's interface, and " + VmEvent.VERSION + " is known: use --engine inline");
            }
            int vcpu = event.vcpu();
            if (vcpu >= 0 && vcpu < come.length) {
                leaving[vcpu] = null;
                if (event.isBreakpoint() && breakpoints.has(event.rip()) && event.state().cpl == 0) {
                    come[vcpu] = event;
                } else {
                    giveBack(event);
                }
            }
        }
        monitor.tell();
    }

    private void giveBack(VmEvent event) throws GuestException {
        try {
            // One that was ours, or the guest's, and was taken out meanwhile is run anew.
            if (event.isBreakpoint() && isInt3(event.place())) {
                monitor.passOn(event.vcpu());
            }
        } finally {
            // Nobody else would: the vCPU would stand still for ever.
            monitor.answer(event.runOn());
        }
    }

    private boolean isInt3(PhysicalAddress place) throws GuestException {
        try {
            return SetBreakpoints.byteAt(memory, place) == DisplacedBytes.INT3;
        } catch (UnreadableMemoryException _) {
            return true;
        }
    }

    @Override
    public void stop() throws GuestException {
        if (!isHeld) {
            pause();
            take();
            isHeld = true;
        }
    }

    // Written down before, and until after.
    private void pause() throws GuestException {
        if (!isPaused) {
            journal.paused(true);
            try {
                domain.control().pause(domain.id());
            } catch (GuestException e) {
                throw domain.explained(e);
            }
            orders++;
            isPaused = true;
        }
    }

    private void endPause() throws GuestException {
        if (isPaused) {
            isPaused = false;
            try {
                domain.control().unpause(domain.id());
            } catch (GuestException e) {
                throw domain.explained(e);
            }
            journal.paused(false);
            orders++;
        }
    }

    @Override
    public VcpuState[] read() throws GuestException {
        checkHeld();
        VcpuState[] states = new VcpuState[come.length];
        for (int vcpu = 0; vcpu < states.length; vcpu++) {
            if (written[vcpu] != null) {
                states[vcpu] = written[vcpu].copy();
            } else {
                states[vcpu] = come[vcpu] != null ? come[vcpu].state() : stateOfOther(vcpu);
            }
        }
        return states;
    }

    private VcpuState stateOfOther(int vcpu) throws GuestException {
        VcpuRegisters read = registersOfOther(vcpu);
        return new VcpuState(read.general(), read.rip(), read.rflags(), read.gsBase(), read.cpl());
    }

    private VcpuRegisters registersOfOther(int vcpu) throws GuestException {
        if (others[vcpu] == null) {
            orders++;
            others[vcpu] = registers.read(vcpu);
        }
        return others[vcpu];
    }

    @Override
    public boolean hasCome(int vcpu) {
        return come[vcpu] != null;
    }

    @Override
    public void write(int vcpu, VcpuState state) throws GuestException {
        checkCome(vcpu);
        written[vcpu] = state.copy();
    }

    /// Xen runs the instruction in the vCPU's place, or has it take the exception of the guest's own int3; then the
    /// vCPU runs on, and so do the others, with all breakpoints set.
    @Override
    public void step(int vcpu) throws GuestException {
        checkCome(vcpu);
        VmEvent event = come[vcpu];
        VcpuState before = written[vcpu] == null ? event.state() : written[vcpu];
        byte[] instruction = code(before.rip);
        if (written[vcpu] != null) {
            monitor.answer(event.stay(written[vcpu]));
        }
        if (instruction[0] == DisplacedBytes.INT3) {
            monitor.passOn(vcpu);
            monitor.answer(event.runOn());
        } else {
            monitor.answer(event.runOnBehind(instruction));
        }
        come[vcpu] = null;
        written[vcpu] = null;
        long start = System.nanoTime();
        do {
            run();
            monitor.await(STEP_LOOK);
            stop();
            if (System.nanoTime() - start > STEP.toNanos()) {
                throw new GuestException("vCPU " + vcpu + " of " + domain.name() + " does not run one instruction"
                        + " within " + STEP.toSeconds() + " s; if the domain is paused, let it run");
            }
        } while (come[vcpu] == null && registers.read(vcpu).rip() == before.rip);
    }

    // As much of it as is mapped, and zeros.
    private byte[] code(long address) throws GuestException {
        byte[] code = new byte[VmEvent.INSTRUCTION_BYTES];
        for (int i = 0; i < code.length; i++) {
            PhysicalAddress place = pages().place(address + i).orElse(null);
            if (place == null) {
                break;
            }
            memory.read(place, MemorySegment.ofArray(code).asSlice(i, 1));
        }
        return code;
    }

    private KernelPages pages() throws GuestException {
        if (pages == null) {
            KernelPages all = new KernelPages(memory);
            for (int vcpu = 0; vcpu < come.length; vcpu++) {
                VmEvent event = come[vcpu];
                if (event != null) {
                    all.add(event.cr3(), event.cr4());
                } else {
                    all.add(registersOfOther(vcpu));
                }
            }
            pages = all;
        }
        return pages;
    }

    private static int count(Object[] all) {
        int count = 0;
        for (Object one : all) {
            count += one == null ? 0 : 1;
        }
        return count;
    }

    private void checkHeld() {
        if (!isHeld) {
            throw new IllegalStateException("the guest is to be stopped first");
        }
    }

    private void checkCome(int vcpu) {
        Objects.checkIndex(vcpu, come.length);
        checkHeld();
        if (come[vcpu] == null) {
            throw new IllegalStateException("vCPU " + vcpu + " has come to no breakpoint");
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
        try (journal) {
            try (monitor) {
                letGo(runsOn);
            } catch (GuestGoneException e) {
                journal.end();
                throw e;
            }
            journal.end();
        } catch (GuestGoneException e) {
            throw e;
        } catch (GuestException e) {
            throw Breakpoints.notEnded(e);
        }
    }

    private void letGo(boolean runsOn) throws GuestException {
        stop();
        if (breakpoints.count() > 0) {
            breakpoints.removeAll(pages());
        }
        for (int vcpu = 0; vcpu < come.length; vcpu++) {
            if (come[vcpu] != null) {
                letRunOn(vcpu);
            }
        }
        run();
        awaitLeaving();
        if (!runsOn) {
            pause();
        }
    }

    // What a vCPU is to go on with is lost when Xen is told to report no more before the vCPU has gone on. Where
    // somebody else has paused the domain that cannot be helped: the vCPU runs itself, then, what was run in its place.
    private void awaitLeaving() throws GuestException {
        long start = System.nanoTime();
        while (isAnyLeaving() && System.nanoTime() - start < RUN_ON.toNanos()) {
            monitor.await(STEP_LOOK);
            take();
        }
    }

    private boolean isAnyLeaving() throws GuestException {
        for (int vcpu = 0; vcpu < leaving.length; vcpu++) {
            if (leaving[vcpu] != null && registers.read(vcpu).rip() != leaving[vcpu]) {
                leaving[vcpu] = null;
            }
        }
        return count(leaving) > 0;
    }
}
