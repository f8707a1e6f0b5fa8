package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.probe.CallEventSink;
import java.util.Comparator;
import java.util.List;

/// Makes flows from call events in their right order. Where flows begin and end is what functions and return addresses
/// say by their [Role]; what lies between is told by the stack pointer. For one thread.
final class FlowTracker implements CallEventSink {
    private final TaskIdentities identities;
    private final FlowSink sink;
    private final FlowRoom room;
    private final TaskTable tasks;
    private final CpuState[] cpus;
    private TracedCode code;
    private long flowCount;
    private long losses;

    // The event at hand.
    private CpuState cpu;
    private TaskState task;
    private long site;
    private long returnAddress;
    private long stackPointer;
    private long origin;
    private int function;
    private int ownRole;
    private long order;

    FlowTracker(TracedCode code, TaskIdentities identities, int cpuCount, FlowLimits limits, FlowSink sink) {
        this.code = code;
        this.identities = identities;
        this.sink = sink;
        this.room = new FlowRoom(limits);
        this.tasks = new TaskTable(limits.tasks());
        this.cpus = new CpuState[cpuCount];
        for (int number = 0; number < cpuCount; number++) {
            cpus[number] = new CpuState(number);
        }
    }

    @Override
    public void call(int cpuNumber, long site, long returnAddress, long taskAddress, long stackPointer) {
        cpu = cpus[cpuNumber];
        task = cpu.task;
        if (task == null || task.address != taskAddress) {
            switchTo(taskAddress);
        }
        this.site = site;
        this.returnAddress = returnAddress;
        this.stackPointer = stackPointer;
        int place = code.call(site, returnAddress);
        long entry = code.entryAt(place);
        function = (int) entry - 1;
        ownRole = (int) (entry >>> 32);
        origin = code.originAt(place);
        if ((stackPointer & TaskState.STACK_MASK) == task.stackBase) {
            onTaskStack();
        } else {
            onOtherStack();
        }
        order++;
    }

    // There is no stack pointer to tell the place by: it is below the innermost open call of the caller, or else of
    // all. What is known to be a function is seen when it is entered, or not at all.
    @Override
    public void indirect(int cpuNumber, long target, long returnAddress, long taskAddress) {
        cpu = cpus[cpuNumber];
        task = cpu.task;
        if (task == null || task.address != taskAddress) {
            switchTo(taskAddress);
        }
        if (!code.isFunction(target)) {
            origin = code.origin(returnAddress);
            stackPointer = 0;
            addUnknown(target, returnAddress);
        }
        order++;
    }

    private void addUnknown(long target, long returnAddress) {
        int caller = Origin.caller(origin);
        CallStack stack = task.stack;
        if (cpu.hasSides() && (stack.callsOf(caller) == 0 || cpu.innermostSide().callsOf(caller) != 0)) {
            stack = cpu.innermostSide();
        }
        openFlow(stack);
        int place = stack.callsOf(caller);
        int depth = Math.max(0, (place == 0 ? stack.count() : place) - stack.base);
        stack.flow.add(target, returnAddress, CallGraph.NONE, depth, FlowRecord.INDIRECT, order, cpu.timeStampCounter);
    }

    @Override
    public void edge(int cpu, long site, long returnAddress, long task, int systemCall) {
        throw new IllegalStateException("flows are made of every call, not of edges");
    }

    @Override
    public void returned(int cpuNumber, long taskAddress) {
        cpu = cpus[cpuNumber];
        task = cpu.task;
        if (task == null || task.address != taskAddress) {
            switchTo(taskAddress);
        }
        // Its name may have been changed where nobody looked.
        task.forgetIdentity();
        endFlows(task, task.stack, 0, true);
        task.stack.clear();
    }

    @Override
    public void time(int cpuNumber, long timeStampCounter) {
        cpus[cpuNumber].timeStampCounter = timeStampCounter;
    }

    @Override
    public void lost(int cpuNumber, long count) {
        losses++;
        cpus[cpuNumber].markIncomplete();
    }

    // Losses while a task did not run anywhere may be of what it did meanwhile.
    private void switchTo(long address) {
        endSides(cpu);
        TaskState last = cpu.task;
        if (last != null) {
            last.lossesKnown = losses;
            last.lastOrder = order - 1;
            if (last.isDead) {
                retire(last, true);
            }
        }
        task = tasks.find(address);
        if (task == null) {
            task = newTask(address);
        } else if (task.lossesKnown != losses) {
            task.markIncomplete();
        }
        task.lossesKnown = losses;
        task.lastOrder = order;
        cpu.task = task;
    }

    private TaskState newTask(long address) {
        if (tasks.isFull()) {
            retireOldest();
        }
        TaskState created = new TaskState(address, identities);
        created.lossesAtLookUp = losses;
        created.mayMissBeginning = losses != 0;
        tasks.add(created);
        return created;
    }

    // Those that ran in the older half of the time since the one that ran longest ago.
    private void retireOldest() {
        for (CpuState each : cpus) {
            if (each.task != null) {
                each.task.lastOrder = order;
            }
        }
        long oldest =
                tasks.all().stream().mapToLong(each -> each.lastOrder).min().orElse(order);
        long limit = oldest + (order - oldest) / 2;
        for (TaskState each : tasks.all()) {
            if (each.lastOrder <= limit) {
                retire(each, false);
            }
        }
    }

    private void retire(TaskState gone, boolean hasEnded) {
        endFlows(gone, gone.stack, 0, hasEnded);
        tasks.remove(gone);
        for (CpuState each : cpus) {
            if (each.task == gone) {
                endSides(each);
                each.task = null;
            }
        }
    }

    private void onTaskStack() {
        if (cpu.hasSides()) {
            endSides(cpu);
        }
        CallStack stack = task.stack;
        int remaining = stack.remaining(code, function, origin, returnAddress, stackPointer);
        if (remaining > stack.base && (ownRole | Origin.role(origin)) == 0) {
            add(stack, remaining - stack.base);
            push(stack, remaining);
        } else {
            placeOnTaskStack(stack, remaining);
        }
    }

    private void placeOnTaskStack(CallStack stack, int remaining) {
        if (ownRole == Role.EXIT) {
            task.isDead = true;
        } else if (ownRole == Role.RENAME) {
            task.forgetIdentity();
        }
        switch (Origin.role(origin)) {
            case Role.DISPATCHER -> {
                if (ownRole == Role.SYSTEM_CALL || ownRole == Role.DISPATCHER) {
                    dispatch(stack);
                    return;
                }
            }
            case Role.FORK, Role.THREAD -> {
                if (stack.jump == TailJumps.NONE || stack.flow == null) {
                    start(stack, remaining);
                    return;
                }
            }
            case Role.SWITCH -> {
                addLeaf(stack, remaining);
                return;
            }
            case Role.USER_MODE -> remaining = stack.jump == TailJumps.NONE ? 0 : remaining;
            default -> {
                // A call, or an interruption.
            }
        }
        place(stack, remaining, task.identity().isKernelThread() ? FlowKind.KERNEL_THREAD : FlowKind.OTHER);
    }

    // The dispatcher's own event, where it can be seen, ends what was before and belongs to no flow.
    private void dispatch(CallStack stack) {
        endFlows(task, stack, 0, true);
        stack.clear();
        if (ownRole == Role.SYSTEM_CALL) {
            SystemCall call = code.systemCall(function);
            begin(stack, FlowKind.SYSTEM_CALL, call, 0);
            add(stack, 0);
            push(stack, 0);
        }
    }

    // In ret_from_fork, which has an entry to be seen at where it is C code, as in 6.12, or in kthread() below it. The
    // function called through a pointer runs the thread; what that function calls are flows of their own, since it
    // does not return.
    private void start(CallStack stack, int remaining) {
        endFinished(stack, remaining);
        boolean isThreadStart = Origin.isIndirect(origin);
        boolean isBelow = stack.flow != null && remaining > stack.base && code.isSeen(Origin.caller(origin));
        boolean isNew = stack.flow == null
                || stack.flow.kind() != FlowKind.NEW_TASK
                || !isBelow
                        && Origin.role(origin) == Role.FORK
                        && !stack.flow.goesOn(Origin.caller(origin), returnAddress);
        if (isNew) {
            endFlows(task, stack, 0, true);
            if (Origin.role(origin) == Role.FORK && !isThreadStart) {
                stack.clear();
                task.forgetIdentity();
                task.isDead = false;
            }
            begin(stack, FlowKind.NEW_TASK, null, Math.min(remaining, stack.count()));
        }
        int place = Math.max(stack.base, Math.min(remaining, stack.count()));
        add(stack, place - stack.base);
        push(stack, place);
        if (isThreadStart && !code.startsThreads(function)) {
            endInnermost(task, stack, true);
        }
    }

    private void place(CallStack stack, int remaining, FlowKind outermost) {
        int role = Origin.role(origin);
        int at = remaining;
        endFinished(stack, at);
        // A function jumped to has its jumper's return address, though that is in entry code.
        boolean isJump = stack.jump != TailJumps.NONE && stack.flow != null;
        if (!isJump && (role == Role.INTERRUPT || role == Role.EXCEPTION)) {
            int caller = Origin.caller(origin);
            if (stack.flow != null && stack.flow.isSameEntry(caller, returnAddress, stackPointer)) {
                at = Math.min(at, stack.base);
            }
            if (stack.flow == null || stack.base != at) {
                interrupt(stack, at, role == Role.INTERRUPT ? FlowKind.INTERRUPT : FlowKind.EXCEPTION);
            }
        }
        if (stack.flow == null) {
            begin(stack, outermost, null, at);
        }
        add(stack, at - stack.base);
        push(stack, at);
    }

    private void interrupt(CallStack stack, int at, FlowKind kind) {
        if (stack.hasRoomForFlow()) {
            begin(stack, kind, null, at);
        } else {
            stack.flow.markIncomplete();
        }
    }

    private void endFinished(CallStack stack, int remaining) {
        while (stack.flow != null && stack.base >= remaining) {
            if (stack.base == remaining && stack.flow.goesOn(Origin.caller(origin), returnAddress)) {
                return;
            }
            endInnermost(task, stack, true);
        }
    }

    private void onOtherStack() {
        int role = Origin.role(origin);
        if (role == Role.SWITCH) {
            // Already on the next task's stack, still the last task.
            addLeaf(task.stack, task.stack.remaining(code, origin));
            return;
        }
        boolean isEntry = role == Role.DISPATCHER && ownRole == Role.SYSTEM_CALL || role == Role.FORK;
        boolean isGuess = task.stackIsUnknown() && role != Role.INTERRUPT;
        if (isEntry || isGuess) {
            restart();
        } else if (task.lossesAtLookUp != losses) {
            task.lookUp(losses);
        }
        if ((stackPointer & TaskState.STACK_MASK) == task.stackBase) {
            onTaskStack();
        } else {
            aside();
        }
    }

    // The task is another one than was known at this address.
    private void restart() {
        endFlows(task, task.stack, 0, true);
        task.stack.clear();
        task.standsAt(stackPointer);
    }

    private void aside() {
        CallStack side;
        if (cpu.isOnSide(stackPointer)) {
            while (!cpu.isOnInnermost(stackPointer)) {
                endSide(cpu);
            }
            side = cpu.innermostSide();
        } else {
            if (!cpu.hasRoomForSide()) {
                endSide(cpu);
            }
            side = cpu.openSide(stackPointer);
        }
        place(side, side.remaining(code, function, origin, returnAddress, stackPointer), FlowKind.INTERRUPT);
    }

    private void begin(CallStack stack, FlowKind kind, SystemCall systemCall, int base) {
        FlowRecord flow = room.take();
        flow.begin(kind, systemCall, cpu.number, cpu.timeStampCounter, order);
        flow.entered(Origin.caller(origin), stackPointer);
        boolean isAfterLoss = stack == task.stack ? task.mayMissBeginning : cpu.mayMissBeginning;
        if (FlowBeginning.isMissed(code, kind, stack, base, origin, function)
                || isAfterLoss && !FlowBeginning.isCertain(kind, stack, base, origin)) {
            flow.markIncomplete();
        }
        boolean mayStandBelow = isInterruption(kind) && task.mayStandBelow(stackPointer + Origin.frameBytes(origin));
        if (stack == task.stack && !mayStandBelow) {
            task.mayMissBeginning = false;
        }
        // What jumped to its first function, if anything did, is not in the flow.
        stack.jump = TailJumps.NONE;
        stack.open(flow, base);
    }

    private static boolean isInterruption(FlowKind kind) {
        return kind == FlowKind.INTERRUPT || kind == FlowKind.EXCEPTION;
    }

    private void add(CallStack stack, int depth) {
        int flags = stack.jump == TailJumps.NONE ? 0 : FlowRecord.TAIL;
        boolean isIndirect =
                stack.jump == TailJumps.NONE ? Origin.isIndirect(origin) : stack.jump == TailJumps.INDIRECT;
        flags |= isIndirect ? FlowRecord.INDIRECT : 0;
        stack.flow.add(site, returnAddress, function, depth, flags, order, cpu.timeStampCounter);
    }

    private void addLeaf(CallStack stack, int remaining) {
        openFlow(stack);
        stack.jump = TailJumps.NONE;
        add(stack, Math.max(0, remaining - stack.base));
    }

    private void openFlow(CallStack stack) {
        if (stack.flow == null) {
            begin(
                    stack,
                    task.identity().isKernelThread() ? FlowKind.KERNEL_THREAD : FlowKind.OTHER,
                    null,
                    stack.count());
        }
    }

    private void push(CallStack stack, int remaining) {
        if (remaining >= CallStack.MOST_FRAMES && stack.flow != null) {
            stack.flow.markIncomplete();
        }
        stack.push(remaining, site, function, returnAddress, stackPointer);
    }

    private void endSides(CpuState of) {
        while (of.hasSides()) {
            endSide(of);
        }
    }

    private void endSide(CpuState of) {
        endFlows(of.task, of.innermostSide(), 0, true);
        of.closeSide();
    }

    private void endFlows(TaskState of, CallStack stack, int base, boolean hasEnded) {
        while (stack.flow != null && stack.base >= base) {
            endInnermost(of, stack, hasEnded);
        }
    }

    private void endInnermost(TaskState of, CallStack stack, boolean hasEnded) {
        FlowRecord flow = stack.close();
        if (flow.kind() == FlowKind.SYSTEM_CALL && code.renames(flow.function(0))) {
            of.forgetIdentity();
        }
        flow.end(of.identity(), code.graph(), hasEnded);
        flowCount++;
        try {
            sink.flow(flow);
        } finally {
            room.release(flow);
        }
    }

    /// Ends all flows: nothing more will be known of them.
    void finish() {
        for (CpuState each : cpus) {
            if (each.task != null) {
                endSides(each);
                each.task.lossesKnown = losses;
            }
        }
        List<TaskState> all = tasks.all();
        all.sort(Comparator.comparingLong(each -> each.lastOrder));
        for (TaskState each : all) {
            if (each.lossesKnown != losses) {
                each.stack.markIncomplete();
            }
            retire(each, each.isDead);
        }
    }

    /// The code has changed: modules came or went.
    void code(TracedCode now) {
        code = now;
        tasks.all().forEach(each -> each.stack.renumber(now));
        for (CpuState each : cpus) {
            each.renumber(now);
        }
    }

    long eventCount() {
        return order;
    }

    long flowCount() {
        return flowCount;
    }
}
