package dev.plumbline.probe.trap;

import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VcpuState;
import dev.plumbline.x86.BranchOperand;
import dev.plumbline.x86.DataMemory;
import dev.plumbline.x86.InstructionEmulator;
import java.util.Optional;

/// Runs the instruction that stands at a breakpoint: in the vCPU's place where it is of a form that is known, so that
/// the breakpoint need not be lifted; else by a single step, with the other vCPUs standing still.
final class Displaced {
    private static final int LONGEST_INSTRUCTION = 15;
    private static final int INT3 = 0xcc;

    private final Breakpoints.Session session;
    private final GuestData memory;
    private long emulated;
    private long stepped;

    Displaced(Breakpoints.Session session, GuestData memory) {
        this.session = session;
        this.memory = memory;
    }

    long emulated() {
        return emulated;
    }

    long stepped() {
        return stepped;
    }

    /// Runs it.
    ///
    /// @return where the vCPU stands then
    VcpuState run(int vcpu, VcpuState state) throws GuestException {
        if (emulates(state)) {
            emulated++;
            session.write(vcpu, state);
            return state;
        }
        stepped++;
        session.step(vcpu);
        return session.read()[vcpu];
    }

    /// Where an indirect call or jump leads that is about to run.
    ///
    /// @param target the address
    /// @param returnAddress where what stands there will return to
    record Led(long target, long returnAddress) {}

    /// Reads where it leads from where the instruction will take it.
    ///
    /// @return empty if that cannot be told, as when the guest has put something else there
    Optional<Led> led(IndirectSite site, VcpuState state) throws GuestException {
        Trial trial = new Trial();
        VcpuState after = state.copy();
        try {
            if (!InstructionEmulator.run(memory.code(state.rip, LONGEST_INSTRUCTION), after, trial)) {
                return Optional.empty();
            }
            long target = site.viaThunk() && site.operand() instanceof BranchOperand.InRegister register
                    ? state.general[register.number()]
                    : after.rip;
            long returnAddress = site.isCall() ? trial.pushed : memory.read(state.general[VcpuState.RSP], Long.BYTES);
            return Optional.of(new Led(target, returnAddress));
        } catch (UnreadableMemoryException _) {
            return Optional.empty();
        }
    }

    // What is written goes nowhere.
    private final class Trial implements DataMemory {
        private long pushed;

        @Override
        public long read(long address, int bytes) throws GuestException {
            return memory.read(address, bytes);
        }

        @Override
        public void write(long address, int bytes, long value) {
            pushed = value;
        }
    }

    // An int3 is the guest's own, or the hypervisor's that stands for something else: the step tells them apart.
    private boolean emulates(VcpuState state) throws GuestException {
        try {
            byte[] code = memory.code(state.rip, LONGEST_INSTRUCTION);
            return (code[0] & 0xff) != INT3 && InstructionEmulator.run(code, state, memory);
        } catch (UnreadableMemoryException _) {
            // The vCPU's own fault is what has to happen.
            return false;
        }
    }
}
