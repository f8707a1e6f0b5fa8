package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.probe.ProbeJournal.Code;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.locks.LockSupport;

/// The first instructions of a function of the guest's own tracer, whose place a jump to the gate takes. It has no
/// entry NOP, being a part of the tracer.
///
/// Modules of the guest can set kprobes there, which the tracer's own files refuse. One that comes while the jump
/// is in its place does no harm as long as the jump stays.
final class GateDoor {
    private static final List<String> FUNCTIONS = List.of("ftrace_modify_all_code", "arch_ftrace_update_code");
    private static final int LONGEST_BYTES = 16;
    private static final String GATE_STAYS = "; probes are out, and only a gate of ours stays, open: ";
    private static final long PATIENCE_NANOS = 30_000_000_000L;
    private static final long RETRY_NANOS = 2_000_000L;

    private final LinuxKernel kernel;
    private final GuestText text;
    private final Detour detour;

    private GateDoor(LinuxKernel kernel, GuestText text, Detour detour) throws GuestException {
        this.kernel = kernel;
        this.text = text;
        this.detour = detour;
    }

    /// The door of a gate that does not stand yet.
    ///
    /// @throws GuestException if this kernel's tracer has none that a jump can take the place of
    static GateDoor find(LinuxKernel kernel, GuestText text) throws GuestException {
        SymbolTable symbols = kernel.coreSymbols();
        for (String name : FUNCTIONS) {
            Optional<Detour> detour = Detour.at(text, symbols, name);
            if (detour.isPresent()) {
                return new GateDoor(kernel, text, detour.get());
            }
            var symbol = symbols.find(name);
            if (symbol.isPresent()) {
                refuseKprobes(kernel, text, symbols.address(symbol.getAsInt()), LONGEST_BYTES);
            }
        }
        throw new GuestException("the function tracer of " + kernel.machine().name()
                + " cannot be made to wait, so that it and probes would disturb each other; inline probes cannot be"
                + " used on this kernel");
    }

    private static void refuseKprobes(LinuxKernel kernel, GuestText text, long address, int sizeBytes)
            throws GuestException {
        Optional<KprobePlaces> kprobes = KprobePlaces.read(kernel, text);
        if (kprobes.isPresent() && kprobes.get().mayCopy(address, sizeBytes)) {
            throw new GuestException(
                    probed(kernel, address) + ", where probes need a jump of theirs: remove it and try again");
        }
    }

    /// A place that is in a journal.
    static GateDoor of(LinuxKernel kernel, GuestText text, Code code) throws GuestException {
        return new GateDoor(kernel, text, new Detour(code));
    }

    /// The place, and what stood there.
    Code code() {
        return detour.code();
    }

    /// Where the jump leads that stands there; empty if none does.
    OptionalLong target() throws GuestException {
        return detour.targetOf(text.readPhysical(code().physical(), code().original().length));
    }

    /// Where the function goes on behind the displaced instructions.
    long resumesAt() {
        return detour.resumesAt();
    }

    /// Has it lead to the gate.
    ///
    /// @throws GuestException if tasks stand in it all the time, or a kprobe of the guest's own does
    void leadTo(long gate) throws GuestException {
        long address = code().address();
        var jump = text.patch(address, detour.jumpTo(gate));
        boolean done = new Quiescence(kernel, text, address + 1, resumesAt()).awaitAndDo(PATIENCE_NANOS, () -> {
            if (KprobePlaces.read(kernel, text).isEmpty()) {
                return false;
            }
            refuseKprobes(kernel, text, address, code().original().length);
            text.writeCode(List.of(jump));
            return true;
        });
        if (!done) {
            throw new GuestException("the function tracer of "
                    + kernel.machine().name() + " is at work all the time; try again when it has finished");
        }
    }

    /// Puts back what stood there. Some may still be in the gate, which is open.
    ///
    /// @throws GuestException if a kprobe of the guest's own stands there, which has kept our jump and will put
    /// its first byte back: then the gate has to stay
    void restore() throws GuestException {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (true) {
            try (Pausing.Pause _ = text.pausing().pause()) {
                Optional<KprobePlaces> kprobes = KprobePlaces.read(kernel, text);
                if (kprobes.isPresent()) {
                    restoreNow(kprobes.get());
                    return;
                }
            }
            if (System.nanoTime() - deadline > 0) {
                throw new GuestException("kprobes of " + kernel.machine().name() + " are being set all the time"
                        + GATE_STAYS + "try plumbline detach later");
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    private void restoreNow(KprobePlaces kprobes) throws GuestException {
        if (kprobes.mayCopy(code().address(), code().original().length)) {
            throw new GuestException(
                    probed(kernel, code().address()) + GATE_STAYS + "remove the kprobe and run plumbline detach");
        }
        text.writeCode(List.of(new CodePatch(code().physical(), code().original())));
    }

    private static String probed(LinuxKernel kernel, long address) {
        return "a kprobe of the guest's own stands at 0x%x in the function tracer of ".formatted(address)
                + kernel.machine().name();
    }
}
