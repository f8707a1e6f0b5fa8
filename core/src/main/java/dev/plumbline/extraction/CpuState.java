package dev.plumbline.extraction;

/// What runs on a CPU: a task, and above it what interrupts it on stacks that are not the task's. For one thread.
final class CpuState {
    /// An interrupt, a softirq within, an NMI, a debug exception and a machine check can be on each other.
    private static final int MOST_SIDES = 8;

    final int number;
    TaskState task;
    long timeStampCounter;
    /// Whether what runs on the other stacks may have begun unseen, since events were lost.
    boolean mayMissBeginning;
    private final CallStack[] sides = new CallStack[MOST_SIDES];
    private final long[] tops = new long[MOST_SIDES];
    private int sideCount;

    CpuState(int number) {
        this.number = number;
        for (int side = 0; side < MOST_SIDES; side++) {
            sides[side] = new CallStack();
        }
    }

    boolean hasSides() {
        return sideCount != 0;
    }

    CallStack innermostSide() {
        return sides[sideCount - 1];
    }

    /// Whether the innermost of the other stacks is the one that holds the address.
    boolean isOnInnermost(long stackPointer) {
        return Math.abs(tops[sideCount - 1] - stackPointer) < TaskState.STACK_BYTES;
    }

    /// Whether one of the other stacks holds the address.
    boolean isOnSide(long stackPointer) {
        for (int side = 0; side < sideCount; side++) {
            if (Math.abs(tops[side] - stackPointer) < TaskState.STACK_BYTES) {
                return true;
            }
        }
        return false;
    }

    boolean hasRoomForSide() {
        return sideCount < MOST_SIDES;
    }

    CallStack openSide(long stackPointer) {
        tops[sideCount] = stackPointer;
        return sides[sideCount++];
    }

    /// Takes the innermost one off; its flows are closed.
    void closeSide() {
        sides[--sideCount].clear();
        mayMissBeginning &= sideCount != 0;
    }

    void markIncomplete() {
        mayMissBeginning = true;
        if (task != null) {
            task.markIncomplete();
        }
        for (int side = 0; side < sideCount; side++) {
            sides[side].markIncomplete();
        }
    }

    void renumber(TracedCode code) {
        for (int side = 0; side < sideCount; side++) {
            sides[side].renumber(code);
        }
    }
}
