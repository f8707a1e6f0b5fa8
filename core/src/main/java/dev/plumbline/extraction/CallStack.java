package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import java.util.Arrays;

/// The calls open on one stack, outermost first, and the flows they belong to. One flow interrupts another: the
/// innermost is last. For one thread.
final class CallStack {
    /// As many calls as fit on a kernel stack, and tail calls.
    static final int MOST_FRAMES = 1024;
    /// Interruptions of interruptions; more is a guest that lies.
    static final int MOST_FLOWS = 8;
    /// The level of the innermost flow where there is none.
    static final int NO_FLOW = Integer.MAX_VALUE;

    private long[] stackPointers = new long[32];
    private long[] returnAddresses = new long[32];
    private int[] functions = new int[32];
    private long[] sites = new long[32];
    private int count;

    private final FlowRecord[] flows = new FlowRecord[MOST_FLOWS];
    private final int[] bases = new int[MOST_FLOWS];
    private int flowCount;

    /// The innermost flow, or `null`.
    FlowRecord flow;
    /// How many calls of outer flows are open, or [#NO_FLOW].
    int base = NO_FLOW;
    /// How the event that [#remaining] was asked about was reached from the innermost call: as in [TailJumps].
    int jump;

    /// How many of the open calls are still open when a function is entered. Those that stand lower on the stack have
    /// returned; so have those above the caller, where it is known.
    int remaining(TracedCode code, int function, long origin, long returnAddress, long stackPointer) {
        jump = TailJumps.NONE;
        int top = count;
        while (top > 0 && stackPointers[top - 1] < stackPointer) {
            top--;
        }
        if (top > 0 && stackPointers[top - 1] == stackPointer) {
            if (returnAddresses[top - 1] == returnAddress) {
                jump = jumpFrom(top - 1, code, function, origin);
                if (jump != TailJumps.NONE) {
                    return top;
                }
            }
            while (top > 0 && stackPointers[top - 1] == stackPointer) {
                top--;
            }
        }
        int caller = Origin.caller(origin);
        if (top == 0 || functions[top - 1] == caller || caller == CallGraph.NONE) {
            return top;
        }
        int frameBytes = Origin.frameBytes(origin);
        long place = frameBytes == 0 ? 0 : stackPointer + frameBytes;
        if (code.isSeen(caller)) {
            return belowCaller(caller, top, place);
        }
        int role = Origin.role(origin);
        return role == Role.NONE || role == Role.SWITCH ? belowUnseen(code, caller, top, place) : top;
    }

    // The caller's return address stands at `place`, if that is known: of several calls of it, it is the one there.
    private int belowCaller(int caller, int top, long place) {
        int found = top;
        for (int frame = top - 2; frame >= 0; frame--) {
            if (functions[frame] == caller) {
                if (place == 0 || stackPointers[frame] == place) {
                    return frame + 1;
                }
                found = found == top ? frame + 1 : found;
            }
        }
        return found;
    }

    // The caller has no entry to be seen at. Of the calls that can have led to it, the innermost has not returned; with
    // frames of just the right size in between, if these are known.
    private int belowUnseen(TracedCode code, int caller, int top, long place) {
        int open = top;
        while (place != 0 && open > 1 && stackPointers[open - 1] < place) {
            open--;
        }
        for (int frame = open - 1; place != 0 && frame >= 0; frame--) {
            if (code.leads(functions[frame], caller, stackPointers[frame] - place)) {
                return frame + 1;
            }
        }
        for (int frame = open - 1; place != 0 && frame >= 0; frame--) {
            if (code.leadsByPointer(functions[frame], caller, stackPointers[frame] - place)) {
                return frame + 1;
            }
        }
        return belowUnseen(code, caller, open);
    }

    /// The same by the caller only, for an event on another stack than the calls that led to it.
    int remaining(TracedCode code, long origin) {
        int caller = Origin.caller(origin);
        return caller == CallGraph.NONE || code.isSeen(caller) ? count : belowUnseen(code, caller, count);
    }

    /// Whether one of the outer calls is of this function.
    ///
    /// @param outer how many of them there are
    boolean isOpen(int function, int outer) {
        return callsOf(function, Math.min(outer, count)) != 0;
    }

    /// How many of the open calls are still open when the caller calls; 0 if it is none of them.
    int callsOf(int caller) {
        return callsOf(caller, count);
    }

    private int callsOf(int caller, int outer) {
        int frame = outer;
        while (frame > 0 && functions[frame - 1] != caller) {
            frame--;
        }
        return frame;
    }

    // The same place on the stack and the same return address: a function that the last one jumped to, or one called
    // from the same place when the last one had returned.
    private int jumpFrom(int last, TracedCode code, int function, long origin) {
        int callee = Origin.callee(origin);
        if (callee != CallGraph.NONE && callee == function) {
            return TailJumps.NONE;
        }
        int known = code.jump(functions[last], function);
        if (known != TailJumps.NONE) {
            return known;
        }
        int first = last;
        while (first > 0 && stackPointers[first - 1] == stackPointers[last]) {
            first--;
        }
        // The call instruction names the first of the chain and nothing else, so this one was jumped to.
        return callee != CallGraph.NONE && functions[first] == callee ? TailJumps.DIRECT : TailJumps.NONE;
    }

    private int belowUnseen(TracedCode code, int caller, int top) {
        for (int frame = top - 1; frame >= 0; frame--) {
            if (code.leads(functions[frame], caller)) {
                return frame + 1;
            }
        }
        for (int frame = top - 1; frame >= 0; frame--) {
            if (code.leadsAnywhere(functions[frame])) {
                return frame + 1;
            }
        }
        return top;
    }

    /// Opens a call above `remaining` others; beyond the bound it takes the place of the last.
    void push(int remaining, long site, int function, long returnAddress, long stackPointer) {
        int at = Math.min(remaining, MOST_FRAMES - 1);
        if (at == functions.length) {
            grow();
        }
        stackPointers[at] = stackPointer;
        returnAddresses[at] = returnAddress;
        functions[at] = function;
        sites[at] = site;
        count = at + 1;
    }

    private void grow() {
        int capacity = functions.length * 2;
        stackPointers = Arrays.copyOf(stackPointers, capacity);
        returnAddresses = Arrays.copyOf(returnAddresses, capacity);
        functions = Arrays.copyOf(functions, capacity);
        sites = Arrays.copyOf(sites, capacity);
    }

    int count() {
        return count;
    }

    boolean hasRoomForFlow() {
        return flowCount < MOST_FLOWS;
    }

    void open(FlowRecord flow, int base) {
        flows[flowCount] = flow;
        bases[flowCount++] = base;
        this.flow = flow;
        this.base = base;
    }

    /// Takes the innermost flow off.
    FlowRecord close() {
        FlowRecord closed = flow;
        flows[--flowCount] = null;
        flow = flowCount == 0 ? null : flows[flowCount - 1];
        base = flowCount == 0 ? NO_FLOW : bases[flowCount - 1];
        return closed;
    }

    /// Forgets all calls.
    void clear() {
        count = 0;
    }

    void markIncomplete() {
        for (int i = 0; i < flowCount; i++) {
            flows[i].markIncomplete();
        }
    }

    void renumber(TracedCode code) {
        for (int frame = 0; frame < count; frame++) {
            functions[frame] = (int) code.entry(sites[frame]) - 1;
        }
        for (int i = 0; i < flowCount; i++) {
            flows[i].renumber(code);
        }
    }
}
