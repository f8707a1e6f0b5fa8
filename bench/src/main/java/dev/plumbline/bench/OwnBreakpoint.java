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

/// A breakpoint at a function's entry, handled by Plumbline's own session: where the function was called from and which
/// task runs are read, its NOP is run in the vCPU's place.
final class OwnBreakpoint implements AutoCloseable {
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
    private static final int INSTRUCTION_BYTES = 15;

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

    /// Lets the guest run until the breakpoint was hit so often.
    HitCost hits(int hits, Work work, HitCost.CoreTimes core, GuestMonitor monitor, StubLog log) throws IOException {
        log.hits();
        session.resume();
        work.start();
        Breakpoints.Traffic traffic = session.traffic();
        GuestMonitor.Translations first = null;
        for (int hit = 0; hit < hits; ) {
            if (!session.awaitStop(LONGEST_WAIT)) {
                throw new IOException("the guest has come to its breakpoint only " + hit + " times");
            }
            if (handle()) {
                core.hit(++hit);
                first = hit == 2 ? monitor.translations() : first;
            }
            if (hit < hits) {
                session.resume();
            }
        }
        GuestMonitor.Translations last = monitor.translations();
        double roundTrips = session.traffic().roundTrips() - traffic.roundTrips() + 1.0;
        return HitCost.of(log.hits(), core)
                .withRoundTrips(roundTrips / (hits + strays))
                .withTranslations(last.blocks(), (last.flushes() - first.flushes()) / (hits - 2.0));
    }

    /// How often another breakpoint was hit, which was taken out then.
    long strays() {
        return strays;
    }

    private boolean handle() throws GuestException {
        VcpuState state = session.read()[0];
        boolean isOurs = state.rip == site;
        if (isOurs) {
            memory.read(state.gsBase + currentTask, Long.BYTES);
            memory.read(state.general[VcpuState.RSP], Long.BYTES);
        } else {
            strays++;
            session.remove(state.rip);
        }
        byte[] code = new byte[INSTRUCTION_BYTES];
        kernel.addressSpace().read(new VirtualAddress(state.rip), MemorySegment.ofArray(code));
        if (!InstructionEmulator.run(code, state, memory)) {
            throw new GuestException("what stands at 0x%x is no NOP".formatted(state.rip));
        }
        session.write(0, state);
        return isOurs;
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
