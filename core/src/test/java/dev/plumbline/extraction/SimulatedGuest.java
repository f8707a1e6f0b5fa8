package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;

/// Runs random system calls of random functions as tasks on CPUs, with interrupts, exceptions, switches and migrations,
/// and
/// knows which flows that makes. Each CPU keeps its events as an engine would.
final class SimulatedGuest {
    private static final int FUNCTIONS = 40;
    private static final long FRAME_BYTES = 64;
    private static final int DEEPEST = 12;

    /// An event, or with a `null` function a reading of the time stamp counter.
    record Event(String function, long returnAddress, long task, long stackPointer, long time) {}

    final SketchKernel kernel = new SketchKernel();
    final List<List<Event>> byCpu = new ArrayList<>();
    /// By task: its flows as texts, in order.
    final List<List<String>> expected = new ArrayList<>();
    /// Texts of interrupts and exceptions.
    final List<String> expectedAside = new ArrayList<>();
    private final RandomGenerator random;
    private final Set<String> jumpedTo = new HashSet<>();

    SimulatedGuest(RandomGenerator random) throws Exception {
        this.random = random;
        kernel.function("do_syscall_64", SketchKernel.call("__x64_sys_0"), SketchKernel.call("__x64_sys_1"))
                .function("__x64_sys_0", randomSteps(0, false))
                .function("__x64_sys_1", randomSteps(0, false))
                .function("exc_fault", SketchKernel.call("f1"), SketchKernel.call("f2"))
                .function("sysvec_tick", SketchKernel.call("f3"), SketchKernel.call("f4"));
        for (int function = 0; function < FUNCTIONS; function++) {
            kernel.function("f" + function, randomSteps(function, true));
        }
        kernel.build();
    }

    // A function may end with a jump, never back: a jump in a circle looks like another call from the same place. It
    // never calls itself straight: where calls stand at different depths, the outer one's look like the inner one's.
    private SketchKernel.Step[] randomSteps(int self, boolean mayJump) {
        List<SketchKernel.Step> steps = new ArrayList<>();
        int count = random.nextInt(5);
        for (int i = 0; i < count; i++) {
            steps.add(random.nextInt(4) == 0 ? SketchKernel.indirect() : SketchKernel.call("f" + otherThan(self)));
        }
        if (mayJump && self + 1 < FUNCTIONS && random.nextInt(4) == 0) {
            String target = "f" + random.nextInt(self + 1, FUNCTIONS);
            jumpedTo.add(target);
            steps.add(SketchKernel.tail(target));
        }
        return steps.toArray(SketchKernel.Step[]::new);
    }

    private int otherThan(int self) {
        return (self + random.nextInt(1, FUNCTIONS)) % FUNCTIONS;
    }

    static long task(int number) {
        return 0xffff888000000000L + number * 0x2000L;
    }

    static long stackTop(int number) {
        return 0xffffc90000004000L + number * 0x8000L;
    }

    private static long interruptStackTop(int cpu) {
        return 0xffffc90080003800L + cpu * 0x10000L;
    }

    /// What one task does, event by event; each may be followed by an interruption.
    private final class Run {
        final int number;
        final List<Event> events = new ArrayList<>();
        final List<List<Event>> asides = new ArrayList<>();
        private boolean isAside;
        private int budget;

        Run(int number) {
            this.number = number;
        }

        void systemCall() {
            int call = random.nextInt(2);
            budget = 100;
            StringBuilder text = new StringBuilder(call + ":");
            long back = kernel.returnAddress("do_syscall_64", call);
            enter("__x64_sys_" + call, back, stackTop(number) - 256, " ", 0, text);
            expected.get(number).add(text.toString());
        }

        private void enter(String function, long back, long stackPointer, String mark, int depth, StringBuilder text) {
            budget--;
            text.append(mark).append(function);
            events.add(new Event(function, back, task(number), stackPointer, 0));
            maybeException(stackPointer);
            String callees = run(function, back, stackPointer, depth);
            text.append(callees.isEmpty() ? "" : "(" + callees + " )");
        }

        private String run(String function, long back, long stackPointer, int depth) {
            StringBuilder text = new StringBuilder();
            List<SketchKernel.Step> steps = kernel.steps(function);
            for (int step = 0; step < steps.size() && depth < DEEPEST && budget > 0; step++) {
                SketchKernel.Step what = steps.get(step);
                if (what.kind() == SketchKernel.Kind.TAIL_JUMP) {
                    if (random.nextBoolean()) {
                        enter(what.target(), back, stackPointer, " >", depth + 1, text);
                    }
                } else if (random.nextInt(3) > 0) {
                    long pushed = isJumpedTo(function) ? 0 : random.nextInt(3) * 8L;
                    boolean direct = what.kind() == SketchKernel.Kind.CALL;
                    String target = direct ? what.target() : "f" + random.nextInt(FUNCTIONS);
                    if (!direct && (target.equals(function) || jumps(target))) {
                        continue;
                    }
                    long place = stackPointer - FRAME_BYTES - pushed;
                    enter(target, kernel.returnAddress(function, step), place, direct ? " " : " *", depth + 1, text);
                }
            }
            return text.toString();
        }

        // Where a function that jumps is called through a pointer, nothing tells a second call from the jump.
        private boolean jumps(String function) {
            return kernel.steps(function).stream().anyMatch(step -> step.kind() == SketchKernel.Kind.TAIL_JUMP);
        }

        // One jumped to from what it calls itself stands where its own calls stand: these must then be in one place.
        private boolean isJumpedTo(String function) {
            return jumpedTo.contains(function);
        }

        private void maybeException(long stackPointer) {
            if (!isAside && random.nextInt(20) == 0) {
                isAside = true;
                int left = budget;
                budget = 10;
                StringBuilder text = new StringBuilder("EXCEPTION:");
                for (int step = 0; step < 2; step++) {
                    String handler = "f" + (step + 1);
                    enter(handler, kernel.returnAddress("exc_fault", step), stackPointer - 400, " ", 0, text);
                }
                expectedAside.add(text.toString());
                isAside = false;
                budget = left;
            }
        }

        List<Event> interrupt(int cpu) {
            Run interrupt = new Run(number);
            interrupt.isAside = true;
            interrupt.budget = 10;
            StringBuilder text = new StringBuilder("INTERRUPT:");
            for (int step = 0; step < 2; step++) {
                String handler = "f" + (step + 3);
                long back = kernel.returnAddress("sysvec_tick", step);
                interrupt.enter(handler, back, interruptStackTop(cpu), " ", 0, text);
            }
            expectedAside.add(text.toString());
            return interrupt.events;
        }
    }

    /// Runs tasks until each has made its system calls.
    void run(int tasks, int cpus, int systemCalls) {
        List<Run> runs = new ArrayList<>();
        for (int number = 0; number < tasks; number++) {
            expected.add(new ArrayList<>());
            Run run = new Run(number);
            for (int call = 0; call < systemCalls; call++) {
                run.systemCall();
            }
            runs.add(run);
        }
        for (int cpu = 0; cpu < cpus; cpu++) {
            byCpu.add(new ArrayList<>());
        }
        schedule(runs, new int[tasks], new Run[cpus]);
    }

    private void schedule(List<Run> runs, int[] done, Run[] running) {
        long time = 1000;
        List<Run> waiting = new ArrayList<>(runs);
        while (true) {
            int cpu = random.nextInt(running.length);
            Run run = running[cpu];
            if (run == null || random.nextInt(8) == 0) {
                if (run != null && done[run.number] < run.events.size()) {
                    waiting.add(run);
                }
                running[cpu] = waiting.isEmpty() ? null : waiting.remove(random.nextInt(waiting.size()));
                byCpu.get(cpu).add(new Event(null, 0, 0, 0, time++));
            } else if (done[run.number] < run.events.size()) {
                byCpu.get(cpu).add(at(run.events.get(done[run.number]++), time++));
                if (random.nextInt(15) == 0) {
                    for (Event event : run.interrupt(cpu)) {
                        byCpu.get(cpu).add(at(event, time++));
                    }
                }
            } else {
                running[cpu] = null;
            }
            boolean isIdle = true;
            for (Run each : running) {
                isIdle &= each == null;
            }
            if (isIdle && waiting.isEmpty()) {
                return;
            }
        }
    }

    private static Event at(Event event, long time) {
        return new Event(event.function(), event.returnAddress(), event.task(), event.stackPointer(), time);
    }

    /// Brings the events in rounds, as an engine does that reads one ring after the other.
    void bring(FlowBuilder builder, boolean settling) {
        int[] next = new int[byCpu.size()];
        long now = 1000;
        boolean isMore = true;
        while (isMore) {
            isMore = false;
            for (int cpu = 0; cpu < next.length; cpu++) {
                now += random.nextInt(40);
                List<Event> events = byCpu.get(cpu);
                while (next[cpu] < events.size() && events.get(next[cpu]).time() <= now) {
                    bring(builder, cpu, events.get(next[cpu]++));
                }
                isMore |= next[cpu] < events.size();
            }
            if (settling) {
                builder.settle();
            }
        }
        builder.finish();
    }

    private void bring(FlowBuilder builder, int cpu, Event event) {
        if (event.function() == null) {
            builder.time(cpu, event.time());
        } else {
            long site = kernel.address(event.function());
            builder.call(cpu, site, event.returnAddress(), event.task(), event.stackPointer());
        }
    }

    static TaskIdentity identity(long task) {
        int number = (int) (task - task(0) >> 13);
        return new TaskIdentity(number, number, "task", false, stackTop(number) - 0x4000);
    }

    CallGraph graph() {
        return kernel.graph();
    }
}
