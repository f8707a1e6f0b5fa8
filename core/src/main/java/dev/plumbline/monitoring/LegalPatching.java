package dev.plumbline.monitoring;

import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.monitoring.PatchablePlaces.Place;
import dev.plumbline.x86.DirectBranch;
import dev.plumbline.x86.PatchShape;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Tells whether the kernel itself makes a change of its code, by its own tables. They are read after the code was, and
/// only when something has changed. For one thread.
final class LegalPatching {
    private static final String KPROBE_CODE = "__builtin__kprobes";
    private static final String RETURNS_ZERO = "__static_call_return0";
    /// Where the kernel counts the depth of calls, static calls lead to that in front of the function (since 6.2).
    private static final int PADDING_BYTES = 16;

    private final LinuxKernel kernel;
    private final KernelPlaces places;
    private long[] kprobes;
    private Set<Long> traced;
    private Map<Long, Long> keyTargets;
    private Map<Long, Long> calledFunctions;

    LegalPatching(LinuxKernel kernel, KernelPlaces places) {
        this.kernel = kernel;
        this.places = places;
    }

    /// What to think of a change.
    enum Verdict {
        /// The kernel does that.
        LEGAL,
        /// The kernel may be about it just now.
        UNDER_WAY,
        /// The kernel does not do that.
        TAMPERED
    }

    /// What was read of the kernel's tables is old.
    void forget() {
        kprobes = null;
        traced = null;
        keyTargets = null;
        calledFunctions = null;
    }

    /// @param place where the change is, if the kernel changes its code there; the change begins with it
    Verdict judge(TextChange change, Optional<Place> place) throws GuestException {
        byte[] found = change.found();
        // What stands in a module may have gone and come back with it; then the probe is set again.
        if (Arrays.equals(found, change.expected()) || change.owner() != null && Arrays.equals(found, change.built())) {
            return Verdict.LEGAL;
        }
        if (isKprobe(change)) {
            return Verdict.LEGAL;
        }
        if (place.isEmpty()) {
            return Verdict.TAMPERED;
        }
        PatchShape shape = PatchShape.of(found, 0, found.length);
        if (shape == PatchShape.BREAKPOINT) {
            return Verdict.UNDER_WAY;
        }
        return switch (place.get().kind()) {
            case FTRACE -> ofTracer(change, shape);
            case STATIC_KEY -> legal(isKey(change, shape));
            case STATIC_CALL -> ofStaticCall(change, shape);
            case TRACER -> legal(shape == PatchShape.NOP5 || leadsToKernel(change, shape));
        };
    }

    private static Verdict legal(boolean isLegal) {
        return isLegal ? Verdict.LEGAL : Verdict.TAMPERED;
    }

    // A breakpoint, or the jump it was made into where nothing jumps to what the jump stands over.
    private boolean isKprobe(TextChange change) throws GuestException {
        if (kprobes == null) {
            kprobes = kernel.kprobes();
        }
        int at = Arrays.binarySearch(kprobes, change.address());
        if (at < 0) {
            return false;
        }
        byte[] found = change.found();
        if (PatchShape.of(found, 0, found.length) == PatchShape.BREAKPOINT) {
            byte[] whole = found.clone();
            whole[0] = change.expected()[0];
            return Arrays.equals(whole, change.expected()) || isJumpToCopy(change, whole, 1);
        }
        return isJumpToCopy(change, found, 0);
    }

    // The breakpoint comes first and goes last: the jump's operand stands behind it for a moment.
    private boolean isJumpToCopy(TextChange change, byte[] found, int known) throws GuestException {
        byte[] jump = found.clone();
        if (known > 0) {
            jump[0] = (byte) 0xe9;
        }
        return PatchShape.of(jump, 0, jump.length) == PatchShape.JUMP
                && places.generator(target(change.address(), jump))
                        .filter(KPROBE_CODE::equals)
                        .isPresent();
    }

    // The record changes first when a call comes, and when it goes.
    private Verdict ofTracer(TextChange change, PatchShape shape) throws GuestException {
        if (shape == PatchShape.NOP5) {
            return Verdict.LEGAL;
        }
        if (shape != PatchShape.CALL || !isTracer(target(change.address(), change.found()))) {
            return Verdict.TAMPERED;
        }
        return isTraced(change.address()) ? Verdict.LEGAL : Verdict.UNDER_WAY;
    }

    private boolean isTraced(long site) throws GuestException {
        if (traced == null) {
            traced = new HashSet<>();
            for (FtraceRecord record : kernel.ftraceRecords()) {
                if (record.isInUse()) {
                    traced.add(record.address());
                }
            }
        }
        return traced.contains(site);
    }

    private boolean isTracer(long target) throws GuestException {
        return switch (places.owner(target)) {
            case KERNEL ->
                places.function(target)
                        .filter(name -> name.startsWith("ftrace_"))
                        .isPresent();
            case GENERATED ->
                places.generator(target)
                        .filter(name -> !name.equals(KPROBE_CODE))
                        .isPresent();
            case MODULE, NOBODY -> false;
        };
    }

    private boolean isKey(TextChange change, PatchShape shape) throws GuestException {
        if (shape == PatchShape.NOP2 || shape == PatchShape.NOP5) {
            return true;
        }
        if (keyTargets == null) {
            keyTargets = kernel.staticKeyTargets();
        }
        Long own = keyTargets.get(change.address());
        return own != null
                && (shape == PatchShape.JUMP || shape == PatchShape.SHORT_JUMP)
                && target(change.address(), change.found()) == own;
    }

    // The kernel says first where a call is to lead and then changes one place after the other, so that what stands
    // there may be of before.
    private Verdict ofStaticCall(TextChange change, PatchShape shape) throws GuestException {
        if (calledFunctions == null) {
            calledFunctions = kernel.staticCallFunctions();
        }
        long target = isBranch(shape) ? target(change.address(), change.found()) : 0;
        if (isBranch(shape) && !isCode(target) || !isBranch(shape) && !isWithoutCall(shape)) {
            return Verdict.TAMPERED;
        }
        Long function = calledFunctions.get(change.address());
        boolean isNow = function != null && leads(shape, target, function);
        return isNow ? Verdict.LEGAL : Verdict.UNDER_WAY;
    }

    private static boolean isBranch(PatchShape shape) {
        return shape == PatchShape.CALL || shape == PatchShape.JUMP || shape == PatchShape.CONDITIONAL_JUMP;
    }

    private static boolean isWithoutCall(PatchShape shape) {
        return shape == PatchShape.NOP5 || shape == PatchShape.RETURN || shape == PatchShape.RETURN_ZERO;
    }

    // A BPF dispatcher is called somewhere in the page that was made for it.
    private boolean isCode(long target) throws GuestException {
        return switch (places.owner(target)) {
            case KERNEL, MODULE ->
                beginsFunction(target) || beginsFunction(target + PADDING_BYTES - 1 & -PADDING_BYTES);
            case GENERATED -> true;
            case NOBODY -> false;
        };
    }

    private boolean beginsFunction(long address) throws GuestException {
        return places.function(address).isPresent();
    }

    // arch/x86/kernel/static_call.c, __static_call_transform()
    private boolean leads(PatchShape shape, long target, long function) throws GuestException {
        return switch (shape) {
            case NOP5, RETURN -> function == 0;
            case RETURN_ZERO ->
                places.function(function).filter(RETURNS_ZERO::equals).isPresent();
            case CALL -> function - target >= 0 && function - target <= PADDING_BYTES;
            case JUMP, CONDITIONAL_JUMP -> target == function || function == 0 && isReturn(target);
            default -> false;
        };
    }

    // What stands in place of a return depends on the CPU: __x86_return_thunk, srso_return_thunk and others.
    private boolean isReturn(long target) throws GuestException {
        return places.function(target)
                .filter(name -> name.endsWith("_return_thunk") || name.equals("__static_call_return"))
                .isPresent();
    }

    private boolean leadsToKernel(TextChange change, PatchShape shape) throws GuestException {
        if (shape != PatchShape.CALL && shape != PatchShape.JUMP) {
            return false;
        }
        long target = target(change.address(), change.found());
        return places.owner(target) == KernelPlaces.Owner.KERNEL
                && places.function(target).isPresent();
    }

    /// Where the direct branch that `code` begins with leads.
    static long target(long address, byte[] code) {
        int lengthBytes = switch (PatchShape.of(code, 0, code.length)) {
            case SHORT_JUMP -> 2;
            case CONDITIONAL_JUMP -> 6;
            default -> 5;
        };
        return DirectBranch.target(code, 0, lengthBytes, address);
    }
}
