package dev.plumbline.guest;

import java.util.List;
import java.util.Map;
import java.util.Set;

/// What is not compared between two recordings of the same program, and why. It is left out on both sides, with all it
/// calls, or kept without what it calls.
final class SlowPaths {
    private static final String SLAB = "how full the slab allocator's lists for this CPU are";
    private static final String PAGES = "how full the page allocator's lists for this CPU are";
    private static final String PER_CPU = "where the per-CPU allocator has room";
    private static final String BATCH = "how many pages wait for the LRU lists on this CPU";
    private static final String LOAD = "what else is runnable, and how long everything took";

    /// Functions that run now and then.
    static final Map<String, String> LEFT_OUT = Map.ofEntries(
            Map.entry("___slab_alloc", SLAB),
            Map.entry("__slab_free", SLAB),
            Map.entry("rmqueue_bulk", PAGES),
            Map.entry("free_pcppages_bulk", PAGES),
            Map.entry("folio_batch_move_lru", BATCH),
            Map.entry("__vmalloc_node_range", "whether the stack of a task that ended can be used again"),
            Map.entry("__vmalloc_node_range_noprof", "whether the stack of a task that ended can be used again"),
            Map.entry(
                    "ktime_get_seconds",
                    "whether the guest has booted less than two minutes ago, for new random seeds"),
            Map.entry("__kthread_should_park", "asked before softirqs are run where ksoftirqd is about to run as well"),
            Map.entry("__traceiter_sched_switch", "the guest's tracer hooks task switches"));

    /// Functions whose callees are others each time.
    static final Map<String, String> FOLDED = Map.ofEntries(
            Map.entry("enqueue_task_fair", LOAD),
            Map.entry("dequeue_task_fair", LOAD),
            Map.entry("pick_next_task_fair", LOAD),
            Map.entry("select_task_rq_fair", LOAD),
            Map.entry("yield_task_fair", LOAD),
            Map.entry("try_to_wake_up", LOAD),
            Map.entry("__cond_resched", LOAD),
            Map.entry("task_sched_runtime", LOAD),
            Map.entry("pcpu_find_block_fit", PER_CPU),
            Map.entry("pcpu_alloc_area", PER_CPU),
            Map.entry("pcpu_free_area", PER_CPU),
            Map.entry("pcpu_block_update_hint_alloc", PER_CPU),
            Map.entry("touch_atime", "whether a tick has passed between the last change of the file and now"),
            Map.entry("file_update_time", "whether a tick has passed between the last change of the file and now"),
            Map.entry("task_work_add", "whether the task already has something to do on its way to user mode"));

    /// The same for whole trees only: who calls whom in there is compared.
    static final Map<String, String> FOLDED_IN_TREES =
            Map.of("schedule", LOAD, "__local_bh_enable_ip", "whether a softirq has become due, a timer for instance");

    /// System calls in which so much can happen that hardly two are the same: there it is compared who calls whom.
    static final Set<String> VARYING = Set.of(
            "execve", // what is in the page cache and mapped around each fault, a thousand functions
            "exit_group", // the same for unmapping
            "clone", // whether the child runs first
            "wait4"); // whether the child has ended

    /// Calls that only one tracer can see.
    static final Map<String, String> ONE_SIDED = Map.of(
            "do_task_dead > save_fpregs_to_fpstate", "whether the task has its FPU registers in the CPU at its end",
            "copy_process > kmalloc_trace", "the guest's tracer gives a new task its stack of return addresses",
            "copy_process > __kmalloc_cache_noprof", "the same, as 6.10 named it");

    private SlowPaths() {}

    /// What of the function's tree is compared.
    static RanFunction tree(RanFunction function) {
        return without(function, true);
    }

    /// What is compared of who calls whom.
    static RanFunction calls(RanFunction function) {
        return without(function, false);
    }

    private static RanFunction without(RanFunction function, boolean isTree) {
        String name = function.name();
        if (FOLDED.containsKey(name) || isTree && FOLDED_IN_TREES.containsKey(name)) {
            return new RanFunction(name, List.of());
        }
        return new RanFunction(
                name,
                function.callees().stream()
                        .filter(callee -> !LEFT_OUT.containsKey(callee.name()))
                        .map(callee -> without(callee, isTree))
                        .toList());
    }
}
