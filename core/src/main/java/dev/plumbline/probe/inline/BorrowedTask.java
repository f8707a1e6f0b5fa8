package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Assembler.Register.R10;
import static dev.plumbline.x86.Assembler.Register.R11;
import static dev.plumbline.x86.Assembler.Register.R12;
import static dev.plumbline.x86.Assembler.Register.R8;
import static dev.plumbline.x86.Assembler.Register.R9;
import static dev.plumbline.x86.Assembler.Register.RAX;
import static dev.plumbline.x86.Assembler.Register.RBP;
import static dev.plumbline.x86.Assembler.Register.RBX;
import static dev.plumbline.x86.Assembler.Register.RCX;
import static dev.plumbline.x86.Assembler.Register.RDI;
import static dev.plumbline.x86.Assembler.Register.RDX;
import static dev.plumbline.x86.Assembler.Register.RSI;

import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Assembler.Condition;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;

/// Runs a piece of code once in the guest, in a task that has just entered a system call and so may allocate and
/// sleep.
///
/// The entry NOPs of the system calls become calls to a routine that saves the registers and waits in a loop. The
/// monitor host samples the vCPUs until it sees one in the loop, puts the NOPs back, and lets exactly that task,
/// told by its stack pointer, run the code; tasks that came in beside it leave when it is done. The words the loop
/// looks at lie beside it in kernel text and are written from outside only.
///
/// A task that waits leaves by itself after some seconds at most, so that nobody hangs should the monitor host die.
final class BorrowedTask {
    private static final Assembler.Register[] SAVED = {RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11, RBX, RBP, R12};
    private static final int MOST_TURNS = 1 << 26;
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
        List<CodePatch> calls = new ArrayList<>();
        List<CodePatch> nops = new ArrayList<>();
        for (long entry : entries) {
            calls.add(text.patch(
                    entry, new Assembler(entry).call(code.address("entry")).assemble()));
            nops.add(text.patch(entry, InlineSites.nop()));
        }
        try {
            long stack;
            text.writeCode(calls);
            try {
                stack = await(code.address("wait"), code.address("waited"), OptionalLong.empty())
                        .general()[VcpuRegisters.RSP];
            } finally {
                text.writeCode(nops);
            }
            text.writeData(code.address("chosen"), new Assembler(0).word(stack).assemble());
            return await(code.address("done"), code.address("left"), OptionalLong.of(stack))
                    .general()[RBX.ordinal()];
        } finally {
            text.writeData(code.address("leave"), SET);
        }
    }

    private static void emit(Assembler code, Consumer<Assembler> body) {
        code.label("chosen").word(0).label("leave").word(0);
        code.align(64).label("entry");
        for (Assembler.Register register : SAVED) {
            code.push(register);
        }
        code.moveInt(RBP, MOST_TURNS);
        code.label("wait").pause().compareByte("leave", 0).jump(Condition.NOT_EQUAL, "out");
        code.addInt(RBP, -1).jump(Condition.EQUAL, "out");
        code.compareStackPointer("chosen").jump(Condition.NOT_EQUAL, "wait").label("waited");
        code.clear(RBX);
        body.accept(code);
        code.moveInt(RBP, MOST_TURNS);
        code.label("done").pause().compareByte("leave", 0).jump(Condition.NOT_EQUAL, "out");
        code.addInt(RBP, -1).jump(Condition.NOT_EQUAL, "done").label("left");
        code.label("out");
        for (int i = SAVED.length - 1; i >= 0; i--) {
            code.pop(SAVED[i]);
        }
        code.ret();
    }

    private VcpuRegisters await(long from, long to, OptionalLong stack) throws GuestException {
        long deadline = System.nanoTime() + patienceNanos;
        while (System.nanoTime() - deadline < 0) {
            try (Pausing.Pause _ = text.pausing().pause()) {
                for (int vcpu = 0; vcpu < text.registers().vcpuCount(); vcpu++) {
                    VcpuRegisters registers = text.registers().read(vcpu);
                    boolean there = registers.rip() >= from && registers.rip() < to;
                    if (there && (stack.isEmpty() || registers.general()[VcpuRegisters.RSP] == stack.getAsLong())) {
                        return registers;
                    }
                }
            }
            java.util.concurrent.locks.LockSupport.parkNanos(SAMPLE_NANOS);
        }
        throw new GuestException("nothing of the guest ran that could be borrowed within "
                + patienceNanos / 1_000_000_000L + " s; let the guest do something and try again");
    }
}
