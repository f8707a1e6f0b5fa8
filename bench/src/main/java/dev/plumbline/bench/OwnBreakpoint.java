package dev.plumbline.bench;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuState;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.GuestMonitor;
import dev.plumbline.x86.DataMemory;
import dev.plumbline.x86.InstructionEmulator;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Optional;

/// A breakpoint at a function's entry, handled by Plumbline's own session: where the function was called from and which
/// task runs are read, its NOP is run in the vCPU's place.
final class OwnBreakpoint implements AutoCloseable {
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
    private static final int INSTRUCTION_BYTES = 15;
    private static final int WARM_UPS = 3000;

    private final LinuxKernel kernel;
    private final Breakpoints.Session session;
    private final long site;
    private final int currentTask;
    private final DataMemory memory = new KernelMemory();
    private long strays;

    /// The guest stands still from now on until [#hits].
    OwnBreakpoint(LinuxKernel kernel, long site, long[] others) throws GuestException {
        this.kernel = kernel;
        this.site = site;
        currentTask = kernel.perCpuPlaces().currentTask();
        session = kernel.machine().capability(Breakpoints.class).orElseThrow().open();
        session.insert(site);
        session.insert(others);
    }

    /// Starts what comes to the breakpoint.
    interface Work {
        void start() throws IOException;
    }

    /// Lets the guest run until the breakpoint was hit so often. The first hit is for warming up.
    ///
    /// @return empty if the guest did not come to it for half a minute
    Optional<HitCost> hits(int hits, Work work, HitCost.CoreTimes core, GuestMonitor monitor, StubLog log)
            throws IOException {
        log.hits();
        session.resume();
        work.start();
        Breakpoints.Traffic traffic = session.traffic();
        long flushes = 0;
        for (int hit = 0; hit < hits; ) {
            if (!session.awaitStop(LONGEST_WAIT)) {
                return Optional.empty();
            }
            if (hit == 0) {
                warmUp();
            }
            if (handle()) {
                core.hit(++hit);
                if (hit == 1) {
                    stepOn();
                    traffic = session.traffic();
                }
                flushes = hit == 2 ? monitor.translationFlushes() : flushes;
            }
            if (hit < hits) {
                session.resume();
            }
        }
        flushes = monitor.translationFlushes() - flushes;
        double roundTrips = session.traffic().roundTrips() - traffic.roundTrips();
        return Optional.of(HitCost.of(log.hits(), core)
                .withRoundTrips(roundTrips / (hits - 1 + strays))
                .withFlushes(flushes / (hits + strays - 2.0)));
    }

    /// How often another breakpoint was hit, which was taken out then.
    long strays() {
        return strays;
    }

    // Has the compiler compile what a hit takes: reads where the vCPU stands and writes it back as it was. As many hits
    // would take QEMU minutes.
    private void warmUp() throws GuestException {
        for (int i = 0; i < WARM_UPS; i++) {
            VcpuState state = session.read()[0];
            look(state);
            InstructionEmulator.run(code(state), state.copy(), memory);
            session.write(0, state);
        }
    }

    // And what waiting for a stop takes.
    private void stepOn() throws GuestException {
        for (int i = 0; i < WARM_UPS / 2; i++) {
            session.step(0);
        }
    }

    private boolean handle() throws GuestException {
        kernel.addressSpace().forgetTranslations();
        VcpuState state = session.read()[0];
        boolean isOurs = state.rip == site;
        if (isOurs) {
            look(state);
        } else {
            strays++;
            session.remove(state.rip);
        }
        if (!InstructionEmulator.run(code(state), state, memory)) {
            throw new GuestException("what stands at 0x%x is no NOP".formatted(state.rip));
        }
        session.write(0, state);
        return isOurs;
    }

    // Which task runs, and where the function is to return to.
    private void look(VcpuState state) throws GuestException {
        memory.read(state.gsBase + currentTask, Long.BYTES);
        memory.read(state.general[VcpuState.RSP], Long.BYTES);
    }

    private byte[] code(VcpuState state) throws GuestException {
        byte[] code = new byte[INSTRUCTION_BYTES];
        kernel.addressSpace().read(new VirtualAddress(state.rip), MemorySegment.ofArray(code));
        return code;
    }

    @Override
    public void close() throws GuestException {
        session.close();
    }

    private final class KernelMemory implements DataMemory {
        private final MemorySegment word = MemorySegment.ofArray(new byte[Long.BYTES]);

        @Override
        public long read(long address, int bytes) throws GuestException {
            kernel.addressSpace().read(new VirtualAddress(address), word.asSlice(0, bytes));
            return word.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
        }

        @Override
        public void write(long address, int bytes, long value) throws GuestException {
            throw new GuestException("a NOP writes nothing to 0x%x".formatted(address));
        }
    }
}
