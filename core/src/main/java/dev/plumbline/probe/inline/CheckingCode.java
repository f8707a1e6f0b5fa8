package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Register.R10;
import static dev.plumbline.x86.Register.R11;
import static dev.plumbline.x86.Register.RAX;
import static dev.plumbline.x86.Register.RCX;
import static dev.plumbline.x86.Register.RDX;
import static dev.plumbline.x86.Register.RSP;

import dev.plumbline.machine.GuestException;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Condition;
import dev.plumbline.x86.Register;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/// The code of [IndirectChecks]: for each register that calls go through, one piece that looks the target up and goes
/// on there. It keeps all registers. The flags are nobody's at a call of compiled code, but modules come through thunks
/// with code that is not (`fastop` of KVM): there they are kept too.
final class CheckingCode {
    private static final int ALIGNMENT = 16;
    private static final int PUSHFQ = 0x9c;
    private static final int POPFQ = 0x9d;
    private static final String RECORD = "record";
    private static final String RECORD_BELOW_FLAGS = "record below flags";

    private final Assembler code;
    private final int wordsLog2;
    private final long known;
    private final Map<String, Long> checks = new HashMap<>();

    /// @param address where it goes
    /// @param wordsLog2 binary logarithm of how many words the table of [KnownEntries] has
    /// @param known where the table is
    CheckingCode(long address, int wordsLog2, long known) {
        this.code = new Assembler(address);
        this.wordsLog2 = wordsLog2;
        this.known = known;
    }

    /// What unknown targets are recorded by; comes before all checks.
    ///
    /// @param slots how an event is recorded
    /// @param currentTask where the current task is, from gs
    void emitRecord(Reservation slots, int currentTask) {
        emitRecord(RECORD, 0, slots, currentTask);
        emitRecord(RECORD_BELOW_FLAGS, Long.BYTES, slots, currentTask);
    }

    private void emitRecord(String name, int flagBytes, Reservation slots, int currentTask) {
        code.label(name).push(RAX).push(R10).push(R11);
        slots.emit(code, "reserved by " + name);
        // Three registers and where this returns to; the target; the two registers that the check has saved.
        code.load(R11, RSP, 32).store(R10, 24, R11);
        code.load(R11, RSP, 56 + flagBytes).store(R10, 8, R11);
        code.loadPerCpu(R11, currentTask).store(R10, 16, R11);
        code.moveInt(R11, Recorder.INDIRECT);
        slots.emitCommit(code);
        code.pop(R11).pop(R10).pop(RAX).ret();
    }

    /// Where the check of a register is, of those that end alike.
    ///
    /// @param body what goes on to the target, the same anywhere
    /// @param keepsFlags whether the flags are somebody's
    long check(Register register, byte[] body, boolean keepsFlags) {
        String label =
                register + (keepsFlags ? " with flags " : " ") + HexFormat.of().formatHex(body);
        return checks.computeIfAbsent(label, _ -> emitCheck(label, register, body, keepsFlags));
    }

    /// The whole code.
    ///
    /// @param roomBytes what there is room for
    /// @throws GuestException if that is not enough
    byte[] assemble(int roomBytes) throws GuestException {
        byte[] bytes = code.assemble();
        if (bytes.length > roomBytes) {
            throw new GuestException("the checks of indirect calls take %d bytes and there is room for %d; this kernel"
                            .formatted(bytes.length, roomBytes)
                    + " has more kinds of thunks than Plumbline knows: trace without them");
        }
        return bytes;
    }

    private long emitCheck(String name, Register target, byte[] body, boolean keepsFlags) {
        Register index = target == RAX ? RDX : RAX;
        Register words = target == RCX ? RDX : RCX;
        code.align(ALIGNMENT).label(name);
        if (keepsFlags) {
            code.bytes(PUSHFQ);
        }
        code.push(index).push(words).move(words, known);
        emitPlace(index, target);
        code.label("look " + name).compareWord(words, index, target).jump(Condition.NOT_EQUAL, "other " + name);
        code.label("through " + name).pop(words).pop(index);
        if (keepsFlags) {
            code.bytes(POPFQ);
        }
        for (byte octet : body) {
            code.bytes(octet);
        }
        code.label("other " + name).compareWord(words, index, 0).jump(Condition.EQUAL, "unknown " + name);
        code.addInt(index, 1).andInt(index, (1 << wordsLog2) - 1).jump("look " + name);
        code.label("unknown " + name);
        emitPlace(index, target);
        code.addInt(index, 1 << wordsLog2).compareWord(words, index, target);
        code.jump(Condition.EQUAL, "through " + name).storeWord(words, index, target);
        code.push(target)
                .call(code.address(keepsFlags ? RECORD_BELOW_FLAGS : RECORD))
                .pop(index)
                .jump("through " + name);
        return code.address(name);
    }

    private void emitPlace(Register index, Register target) {
        code.multiplyInt(index, target, KnownEntries.FACTOR).shiftRight(index, Integer.SIZE - wordsLog2);
    }
}
