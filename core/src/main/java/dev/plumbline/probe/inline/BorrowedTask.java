package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Register.R10;
import static dev.plumbline.x86.Register.R11;
import static dev.plumbline.x86.Register.R12;
import static dev.plumbline.x86.Register.R8;
import static dev.plumbline.x86.Register.R9;
import static dev.plumbline.x86.Register.RAX;
import static dev.plumbline.x86.Register.RBP;
import static dev.plumbline.x86.Register.RBX;
import static dev.plumbline.x86.Register.RCX;
import static dev.plumbline.x86.Register.RDI;
import static dev.plumbline.x86.Register.RDX;
import static dev.plumbline.x86.Register.RSI;

import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Condition;
import dev.plumbline.x86.Register;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/// Runs a piece of code once in the guest, in a task that has just entered a system call and so may allocate and
/// sleep.
///
/// The entry NOPs of the system calls become calls to a routine that saves the registers and waits in a loop. The
/// monitor host samples the vCPUs until it sees one in the loop. In the same pause it puts the NOPs back and names the
/// task by its stack pointer; that task runs the code, and any that came in beside it leaves at once, since what runs
/// may need its CPU. The words the loop looks at lie before it in kernel text and are written from outside only.
///
/// Should the monitor host die, tasks that wait leave by themselves: those not chosen within a second, the chosen one
/// within some. What undoes the journal lets them go at once: [#release].
final class BorrowedTask {
    /// Kept free of other code at the start of the area, so that [#release] can always write there.
    static final int HEADER_BYTES = 64;

    private static final int LEAVE_OFFSET = 8;
    private static final Register[] SAVED = {RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11, RBX, RBP, R12};
    // A turn takes about a microsecond under TCG, a twentieth of that on a processor. Turns, unlike time, stand still
    // while the guest is paused.
    private static final int TURNS_UNTIL_CHOSEN = 1 << 20;
    private static final int TURNS_WHEN_DONE = 1 << 24;
    private static final long SAMPLE_NANOS = 500_000L;
    private static final byte[] SET = {1};

    private final GuestText text;
    private final long area;
    private final List<Long> entries;
    private final long patienceNanos;

    /// @param area where the routine may stand, overwritten
    /// @param entries entry NOPs of functions that are entered now and then
    /// @param patienceNanos how long to wait for that
    BorrowedTask(GuestText text, long area, List<Long> entries, long patienceNanos) {
        this.text = text;
        this.area = area;
        this.entries = entries;
        this.patienceNanos = patienceNanos;
    }

    /// Runs the code.
    ///
    /// @param body emits it: it may use any register but rbp and rsp, and leaves its result in rbx
    /// @return the result
    /// @throws GuestException if no task enters a system call for a while, or the guest cannot be reached
    long run(Consumer<Assembler> body) throws GuestException {
        Assembler code = new Assembler(area);
        emit(code, body);
        text.writeCode(List.of(text.patch(area, code.assemble())));
        try {
            OptionalLong stack = OptionalLong.of(choose(code));
            return await(code.address("done"), code.address("left"), stack, _ -> {})
                    .general()[RBX.ordinal()];
        } finally {
            release(text, area);
        }
    }

    /// Lets every task leave that waits in a routine in this area; does nothing to other code there.
    static void release(GuestText text, long area) throws GuestException {
        text.writeData(area + LEAVE_OFFSET, SET);
    }

    private static void emit(Assembler code, Consumer<Assembler> body) {
        code.label("chosen").word(0).label("leave").word(0);
        code.align(HEADER_BYTES).label("entry");
        for (Register register : SAVED) {
            code.push(register);
        }
        code.moveInt(RBP, TURNS_UNTIL_CHOSEN);
        code.label("wait").pause().compareByte("leave", 0).jump(Condition.NOT_EQUAL, "out");
        // What has looked at the word already may be on its last turn.
        code.compareWord("chosen", 0).label("looked").jump(Condition.NOT_EQUAL, "answered");
        code.addInt(RBP, -1).jump(Condition.NOT_EQUAL, "wait").jump("out");
        code.label("answered").compareStackPointer("chosen").jump(Condition.NOT_EQUAL, "out");
        code.clear(RBX);
        body.accept(code);
        code.moveInt(RBP, TURNS_WHEN_DONE);
        code.label("done").pause().compareByte("leave", 0).jump(Condition.NOT_EQUAL, "out");
        code.addInt(RBP, -1).jump(Condition.NOT_EQUAL, "done").label("left");
        code.label("out");
        for (int i = SAVED.length - 1; i >= 0; i--) {
            code.pop(SAVED[i]);
        }
        code.ret();
    }

    // Leaves the entries as they were.
    private long choose(Assembler code) throws GuestException {
        List<CodePatch> calls = new ArrayList<>();
        List<CodePatch> nops = new ArrayList<>();
        for (long entry : entries) {
            calls.add(text.patch(
                    entry, new Assembler(entry).call(code.address("entry")).assemble()));
            nops.add(text.patch(entry, InlineSites.nop()));
        }
        try {
            text.writeCode(calls);
            return stackPointer(await(code.address("wait"), code.address("looked"), OptionalLong.empty(), waiting -> {
                text.writeCode(nops);
                byte[] chosen = new Assembler(0).word(stackPointer(waiting)).assemble();
                text.writeData(code.address("chosen"), chosen);
            }));
        } catch (GuestException e) {
            text.writeCode(nops);
            throw e;
        }
    }

    private static long stackPointer(VcpuRegisters registers) {
        return registers.general()[VcpuRegisters.RSP];
    }

    /// What is done when a task is there, the guest still paused.
    private interface Action {
        void run(VcpuRegisters registers) throws GuestException;
    }

    private VcpuRegisters await(long from, long to, OptionalLong stack, Action action) throws GuestException {
        long deadline = System.nanoTime() + patienceNanos;
        while (System.nanoTime() - deadline < 0) {
            try (Pausing.Pause _ = text.pausing().pause()) {
                for (int vcpu = 0; vcpu < text.registers().vcpuCount(); vcpu++) {
                    VcpuRegisters registers = text.registers().read(vcpu);
                    boolean there = registers.rip() >= from && registers.rip() < to;
                    if (there && (stack.isEmpty() || stackPointer(registers) == stack.getAsLong())) {
                        action.run(registers);
                        return registers;
                    }
                }
            }
            LockSupport.parkNanos(SAMPLE_NANOS);
        }
        throw new GuestException("nothing of the guest ran that could be borrowed within "
                + patienceNanos / 1_000_000_000L + " s; let the guest do something and try again");
    }
}
