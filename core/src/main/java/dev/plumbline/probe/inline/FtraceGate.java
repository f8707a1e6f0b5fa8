package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Register.R10;
import static dev.plumbline.x86.Register.R11;
import static dev.plumbline.x86.Register.R12;
import static dev.plumbline.x86.Register.R8;
import static dev.plumbline.x86.Register.R9;
import static dev.plumbline.x86.Register.RAX;
import static dev.plumbline.x86.Register.RBX;
import static dev.plumbline.x86.Register.RCX;
import static dev.plumbline.x86.Register.RDI;
import static dev.plumbline.x86.Register.RDX;
import static dev.plumbline.x86.Register.RSI;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.probe.ProbeJournal.Changes;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Condition;
import dev.plumbline.x86.Register;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/// Makes the guest's own function tracer wait at the door before it changes code: it looks first whether what it
/// knows stands at the places it is to change, and a call of ours does not.
///
/// `ftrace_modify_all_code` is where all its changes of a running kernel come through (x86's
/// arch_ftrace_update_code calls nothing else, and has not stopped the machine since 3.5), one at a time, since
/// the caller holds ftrace_lock; it may sleep. So a jump over its first instructions, the [GateDoor], leads to the
/// gate, which takes a ticket and sleeps until that number is called. The
/// word it looks at lies in kernel text and is written from outside only. Each number is called once: nobody
/// comes through unseen behind another.
///
/// A task that waits goes on by itself after some twenty seconds, so that nobody hangs should the monitor host
/// die.
final class FtraceGate {
    /// What the gate takes of our code, at its end.
    static final int BYTES = 4096;

    private static final Register[] SAVED = {RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11, R12, RBX};
    private static final int WITHOUT_TICKET = 0x7fff_ffff;
    private static final int CALLED_AT = 0;
    private static final int TICKETS_POINTER_AT = 8;
    private static final int NAP_MILLIS = 10;
    // A nap takes 11 to 20 ms, by the kernel's tick.
    private static final int MOST_NAPS = 1500;
    private static final long LOCK_PATIENCE_NANOS = 30_000_000_000L;
    private static final long RETRY_NANOS = 2_000_000L;

    private final LinuxKernel kernel;
    private final GuestText text;
    private final long address;
    private final GateDoor door;
    private final GuestMutex lock;
    private PhysicalAddress tickets;
    private long called;

    private FtraceGate(LinuxKernel kernel, GuestText text, long address, GateDoor door) throws GuestException {
        this.kernel = kernel;
        this.text = text;
        this.address = address;
        this.door = door;
        this.lock = GuestMutex.find(kernel, text, "ftrace_lock")
                .orElseThrow(() -> new GuestException("the kernel has no symbol ftrace_lock; inline probes need it"));
    }

    /// A gate that does not stand yet.
    ///
    /// @param address where it will stand
    /// @throws GuestException if this kernel's tracer cannot be made to wait
    static FtraceGate at(LinuxKernel kernel, GuestText text, long address) throws GuestException {
        return new FtraceGate(kernel, text, address, GateDoor.find(kernel, text));
    }

    /// The gate that stands in a guest, by the journal.
    static Optional<FtraceGate> standing(LinuxKernel kernel, GuestText text, Changes changes) throws GuestException {
        long address = changes.areaAddress() + changes.areaBytes() - BYTES;
        for (Code code : changes.codes()) {
            GateDoor door = GateDoor.of(kernel, text, code);
            long target = door.target().orElse(0);
            if (target >= address && target < address + BYTES) {
                return Optional.of(new FtraceGate(kernel, text, address, door));
            }
        }
        return Optional.empty();
    }

    /// The place that is changed for it.
    Code door() {
        return door.code();
    }

    /// Builds it, and leaves it open.
    ///
    /// @throws GuestException if tasks stand in the door all the time, or a kprobe of the guest's own does
    void build() throws GuestException {
        SymbolTable symbols = kernel.coreSymbols();
        var sleep = symbols.find("msleep");
        if (sleep.isEmpty()) {
            throw new GuestException("the kernel has no function msleep; inline probes need it");
        }
        Assembler code = new Assembler(address);
        emit(code, symbols.address(sleep.getAsInt()));
        text.writeCode(List.of(text.patch(address, code.assemble())));
        door.leadTo(code.address("entry"));
    }

    private void emit(Assembler code, long sleep) {
        code.word(Long.MAX_VALUE).word(0).align(64).label("entry");
        for (Register register : SAVED) {
            code.push(register);
        }
        code.moveInt(R12, MOST_NAPS).moveInt(RBX, WITHOUT_TICKET);
        code.label("look").compareInt(RBX, WITHOUT_TICKET).jump(Condition.NOT_EQUAL, "numbered");
        code.move(RAX, address).load(RAX, RAX, TICKETS_POINTER_AT).test(RAX).jump(Condition.EQUAL, "numbered");
        code.moveInt(RBX, 1).exchangeAdd(RAX, 0, RBX).add(RBX, 1);
        code.label("numbered").move(RAX, address).load(RAX, RAX, CALLED_AT);
        code.compare(RAX, RBX).jump(Condition.ABOVE_OR_EQUAL, "through");
        code.addInt(R12, -1).jump(Condition.EQUAL, "through");
        code.moveInt(RDI, NAP_MILLIS).call(sleep).jump("look");
        code.label("through");
        for (int i = SAVED.length - 1; i >= 0; i--) {
            code.pop(SAVED[i]);
        }
        for (byte octet : door.code().original()) {
            code.bytes(octet);
        }
        code.jump(door.resumesAt());
    }

    /// Shuts it at a moment when nobody is past it.
    ///
    /// @throws GuestException if the tracer is at work for too long
    void shut() throws GuestException {
        long deadline = System.nanoTime() + LOCK_PATIENCE_NANOS;
        while (true) {
            try (Pausing.Pause _ = text.pausing().pause()) {
                if (isIdle()) {
                    shutNow();
                    return;
                }
            }
            if (System.nanoTime() - deadline > 0) {
                throw busy();
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    /// Shuts it; to be called in a pause in which it [#isIdle()].
    void shutNow() throws GuestException {
        writeCalled(0);
    }

    /// Whether nobody is past the gate. What it says of a running guest may be over already.
    boolean isIdle() throws GuestException {
        return lock.isFree();
    }

    /// Has tickets be counted from now on.
    ///
    /// @param counter virtual address of a word that is 0
    void countAt(long counter) throws GuestException {
        tickets = text.physical(counter);
        text.writeData(
                address + TICKETS_POINTER_AT, new Assembler(0).word(counter).assemble());
    }

    /// Whether somebody waits.
    boolean isWaitedAt() throws GuestException {
        return word(tickets) != called;
    }

    /// Lets through whoever waits; to be called while the guest is paused.
    void letThrough() throws GuestException {
        writeCalled(word(tickets));
    }

    /// Lets everybody through from now on, and counts no more tickets.
    void openForGood() throws GuestException {
        try (Pausing.Pause _ = text.pausing().pause()) {
            text.writeData(address + TICKETS_POINTER_AT, new byte[8]);
            writeCalled(Long.MAX_VALUE);
        }
    }

    /// Puts back what stood in the door. Some may still be in the gate, which is open.
    ///
    /// @throws GuestException if a kprobe of the guest's own keeps it from that: then the gate stays
    void restoreDoor() throws GuestException {
        door.restore();
    }

    private void writeCalled(long number) throws GuestException {
        called = number;
        text.writeData(address + CALLED_AT, new Assembler(0).word(number).assemble());
    }

    private long word(PhysicalAddress at) throws GuestException {
        return ByteBuffer.wrap(text.readPhysical(at, 8))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong();
    }

    private GuestException busy() {
        return new GuestException("the function tracer of " + kernel.machine().name()
                + " is at work all the time; try again when it has finished");
    }
}
