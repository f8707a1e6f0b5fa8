package dev.plumbline.probe.inline;

import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import dev.plumbline.x86.Assembler;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Predicate;

/// Runs code once in the guest: in a task that makes a system call if one does soon, else in an interrupt of the
/// timer, which comes even to a guest that has nothing to do.
final class GuestCode {
    private static final String TIMER = "hrtimer_interrupt";
    private static final int ENDBR_BYTES = 4;
    private static final long TASK_PATIENCE_NANOS = 1_000_000_000L;
    private static final long TIMER_PATIENCE_NANOS = 20_000_000_000L;

    private final GuestText text;
    private final InlineUndo area;
    private final long address;
    private final List<Long> systemCalls;
    private final List<Long> timer;

    /// @param area can clear the area
    /// @param address where the area is
    GuestCode(LinuxKernel kernel, GuestText text, InlineUndo area, long address) throws GuestException {
        this.text = text;
        this.area = area;
        this.address = address;
        this.systemCalls = freeSites(kernel, systemCalls(kernel));
        this.timer = freeSites(kernel, timer(kernel));
    }

    /// Emits code that is to be run.
    interface Body {
        /// @param allocationFlags how it may allocate
        void emit(Assembler code, int allocationFlags);
    }

    /// Runs it and clears the area.
    ///
    /// @return what it left in rbx
    /// @throws GuestException if nothing of the guest ran that could be borrowed, or the guest cannot be reached
    long run(Body body) throws GuestException {
        long result;
        try {
            result = new BorrowedTask(text, address, systemCalls, TASK_PATIENCE_NANOS)
                    .run(code -> body.emit(code, GuestAllocation.MAY_SLEEP));
        } catch (GuestException _) {
            area.clearArea();
            result = new BorrowedTask(text, address, timer, TIMER_PATIENCE_NANOS)
                    .run(code -> body.emit(code, GuestAllocation.MAY_NOT_SLEEP));
        }
        area.clearArea();
        return result;
    }

    /// All sites that may be changed for a moment, be it after the guest's own tracer has left them.
    static Set<Long> sites(LinuxKernel kernel) throws GuestException {
        Set<Long> functions = systemCalls(kernel);
        functions.addAll(timer(kernel));
        return new HashSet<>(sites(kernel, functions, record -> !record.disabled()));
    }

    private static Set<Long> systemCalls(LinuxKernel kernel) throws GuestException {
        Set<Long> functions = new HashSet<>();
        for (SystemCall call : kernel.systemCalls()) {
            functions.add(call.entryAddress());
        }
        return functions;
    }

    private static Set<Long> timer(LinuxKernel kernel) {
        SymbolTable symbols = kernel.coreSymbols();
        OptionalInt function = symbols.find(TIMER);
        return function.isEmpty() ? Set.of() : Set.of(symbols.address(function.getAsInt()));
    }

    private static List<Long> freeSites(LinuxKernel kernel, Set<Long> functions) throws GuestException {
        return sites(kernel, functions, record -> !record.isInUse() && !record.disabled());
    }

    private static List<Long> sites(LinuxKernel kernel, Set<Long> functions, Predicate<FtraceRecord> which)
            throws GuestException {
        return kernel.ftraceRecords().stream()
                .filter(which)
                .map(FtraceRecord::address)
                .filter(site -> functions.contains(site) || functions.contains(site - ENDBR_BYTES))
                .toList();
    }
}
