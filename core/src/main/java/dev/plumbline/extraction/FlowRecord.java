package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.SystemCall;
import java.util.Arrays;
import java.util.Objects;

/// A flow while it grows, and as it is shown. For one thread.
final class FlowRecord implements Flow {
    static final int INDIRECT = 1;
    static final int TAIL = 2;

    private static final int FLAG_BITS = 2;
    // What the processor pushes when it is interrupted, struct pt_regs, lies between two entries on one stack.
    static final int ENTRY_BYTES = 168;

    private final FlowRoom room;
    private long[] sites = new long[FlowRoom.FIRST_CALLS];
    private long[] returnAddresses = new long[FlowRoom.FIRST_CALLS];
    private int[] functions = new int[FlowRoom.FIRST_CALLS];
    private int[] depths = new int[FlowRoom.FIRST_CALLS];
    private int[] orders = new int[FlowRoom.FIRST_CALLS];
    private long[] times = new long[FlowRoom.FIRST_CALLS];
    private int count;
    private long omitted;

    private FlowKind kind;
    private SystemCall systemCall;
    private TaskIdentity task;
    private CallGraph graph;
    private int cpu;
    private long timeStampCounter;
    private long firstOrder;
    private boolean hasEnded;
    private boolean isWhole;

    private int entryCaller;
    private long lastReturnAddress;
    private long firstStackPointer;

    FlowRecord(FlowRoom room) {
        this.room = room;
    }

    void begin(FlowKind kind, SystemCall systemCall, int cpu, long timeStampCounter, long order) {
        this.kind = kind;
        this.systemCall = systemCall;
        this.cpu = cpu;
        this.timeStampCounter = timeStampCounter;
        this.firstOrder = order;
        this.isWhole = true;
        this.count = 0;
        this.omitted = 0;
    }

    /// Remembers where the flow comes from, to tell what belongs to it from what comes after.
    void entered(int caller, long stackPointer) {
        entryCaller = caller;
        firstStackPointer = stackPointer;
        lastReturnAddress = 0;
    }

    void end(TaskIdentity task, CallGraph graph, boolean hasEnded) {
        this.task = task;
        this.graph = graph;
        this.hasEnded = hasEnded;
    }

    void add(long site, long returnAddress, int function, int depth, int flags, long order, long time) {
        int at = count;
        if (at == functions.length && !grow()) {
            omitted++;
            return;
        }
        sites[at] = site;
        returnAddresses[at] = returnAddress;
        functions[at] = function;
        depths[at] = depth << FLAG_BITS | flags;
        times[at] = time;
        orders[at] = (int) Math.min(Integer.MAX_VALUE, order - firstOrder);
        count = at + 1;
        if (depth == 0) {
            lastReturnAddress = returnAddress;
        }
    }

    private boolean grow() {
        if (!room.grow(functions.length)) {
            return false;
        }
        int capacity = functions.length * 2;
        sites = Arrays.copyOf(sites, capacity);
        returnAddresses = Arrays.copyOf(returnAddresses, capacity);
        functions = Arrays.copyOf(functions, capacity);
        depths = Arrays.copyOf(depths, capacity);
        orders = Arrays.copyOf(orders, capacity);
        times = Arrays.copyOf(times, capacity);
        return true;
    }

    int capacity() {
        return functions.length;
    }

    void markIncomplete() {
        isWhole = false;
    }

    /// Whether a call at the flow's own level belongs to it: entry code makes its calls one after the other.
    boolean goesOn(int caller, long returnAddress) {
        return kind != FlowKind.SYSTEM_CALL
                && kind != FlowKind.KERNEL_THREAD
                && caller == entryCaller
                && caller != CallGraph.NONE
                && Long.compareUnsigned(returnAddress, lastReturnAddress) > 0;
    }

    /// Whether a call from the same entry code is of the same entry, although it is deeper in the stack.
    boolean isSameEntry(int caller, long returnAddress, long stackPointer) {
        return goesOn(caller, returnAddress) && Math.abs(firstStackPointer - stackPointer) < ENTRY_BYTES;
    }

    /// Counts functions as another graph does.
    void renumber(TracedCode code) {
        for (int call = 0; call < count; call++) {
            functions[call] = (int) code.entry(sites[call]) - 1;
        }
        entryCaller = CallGraph.NONE;
    }

    @Override
    public FlowKind kind() {
        return kind;
    }

    @Override
    public SystemCall systemCall() {
        return systemCall;
    }

    @Override
    public TaskIdentity task() {
        return task;
    }

    @Override
    public int cpu() {
        return cpu;
    }

    @Override
    public long timeStampCounter() {
        return timeStampCounter;
    }

    @Override
    public boolean hasEnded() {
        return hasEnded;
    }

    @Override
    public boolean isWhole() {
        return isWhole && omitted == 0;
    }

    @Override
    public int callCount() {
        return count;
    }

    @Override
    public long omittedCallCount() {
        return omitted;
    }

    @Override
    public CallGraph graph() {
        return graph;
    }

    @Override
    public int function(int call) {
        return functions[Objects.checkIndex(call, count)];
    }

    @Override
    public long site(int call) {
        return sites[Objects.checkIndex(call, count)];
    }

    @Override
    public int depth(int call) {
        return depths[Objects.checkIndex(call, count)] >> FLAG_BITS;
    }

    @Override
    public long returnAddress(int call) {
        return returnAddresses[Objects.checkIndex(call, count)];
    }

    @Override
    public boolean isIndirect(int call) {
        return (depths[Objects.checkIndex(call, count)] & INDIRECT) != 0;
    }

    @Override
    public boolean isTailCall(int call) {
        return (depths[Objects.checkIndex(call, count)] & TAIL) != 0;
    }

    @Override
    public long timeStampCounter(int call) {
        return times[Objects.checkIndex(call, count)];
    }

    @Override
    public long order(int call) {
        return firstOrder + orders[Objects.checkIndex(call, count)];
    }
}
