package dev.plumbline.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/// The system calls among what function_graph shows of a task, without what interrupted them.
final class GraphCalls {
    private static final String DISPATCHER = "x64_sys_call";
    private static final Pattern SYSTEM_CALL = Pattern.compile("__(x64|ia32|do)_sys_.*");

    /// What the kernel's entry code calls for interrupts.
    private static final Pattern INTERRUPT =
            Pattern.compile("irq_enter_rcu|irq_exit_rcu|__sysvec_.*|sysvec_.*|__common_interrupt");
    /// What do_softirq calls on the interrupt stack.
    private static final Set<String> SOFTIRQ = Set.of("__do_softirq", "handle_softirqs");
    /// What exc_page_fault calls, first to last.
    private static final List<String> PAGE_FAULT =
            List.of("lock_vma_under_rcu", "lock_mm_and_find_vma", "handle_mm_fault", "up_read");

    private GraphCalls() {}

    static List<RanFunction> of(List<RanFunction> roots) {
        List<RanFunction> calls = new ArrayList<>();
        for (RanFunction root : roots) {
            if (root.name().equals(DISPATCHER)) {
                calls.addAll(of(root.callees()));
            } else if (SYSTEM_CALL.matcher(root.name()).matches()) {
                calls.add(new RanFunction(root.name(), undisturbed(root.callees())));
            }
        }
        return calls;
    }

    private static List<RanFunction> undisturbed(List<RanFunction> callees) {
        List<RanFunction> left = new ArrayList<>();
        boolean isFault = false;
        for (RanFunction callee : callees) {
            String name = callee.name();
            isFault |= name.equals("lock_vma_under_rcu") || name.equals("lock_mm_and_find_vma");
            if (isFault && PAGE_FAULT.contains(name)) {
                isFault = !name.equals("up_read");
            } else if (!INTERRUPT.matcher(name).matches() && !SOFTIRQ.contains(name)) {
                left.add(new RanFunction(name, undisturbed(callee.callees())));
            }
        }
        return left;
    }
}
