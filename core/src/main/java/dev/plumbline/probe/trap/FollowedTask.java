package dev.plumbline.probe.trap;

import dev.plumbline.callgraph.CallGraph;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/// A task in a system call that is followed: the functions it is in, as they were entered under our eyes, by where
/// their return addresses stand. What interrupts the system call, and what that calls, is not its own and is told by
/// its caller: that one was not entered under our eyes.
final class FollowedTask {
    private static final int MOST_FRAMES = 1 << 10;
    /// Kernel stacks are of 16 KiB, 32 with KASAN.
    private static final long MOST_STACK_BYTES = 32 << 10;

    private final long task;
    private final int systemCall;
    private final long entryStackPointer;
    private final long exit;
    private long[] stackPointers = new long[64];
    private int[] functions = new int[64];
    private final Set<Integer> passed = new HashSet<>();
    private int expected = CallGraph.NONE;
    private int count;

    /// @param task address of its `struct task_struct`
    /// @param systemCall the system call's number
    /// @param exit where the system call's function returns to
    /// @param stackPointer where that return address stands
    FollowedTask(long task, int systemCall, int function, long exit, long stackPointer) {
        this.task = task;
        this.systemCall = systemCall;
        this.exit = exit;
        this.entryStackPointer = stackPointer;
        push(function, stackPointer);
    }

    long task() {
        return task;
    }

    int systemCall() {
        return systemCall;
    }

    long exit() {
        return exit;
    }

    /// Whether the system call's function has just returned.
    boolean isExit(long rip, long stackPointer) {
        return rip == exit && stackPointer == entryStackPointer + Long.BYTES;
    }

    /// A function is entered on the task.
    ///
    /// @param caller the function that its return address lies in, or [CallGraph#NONE]
    /// @return whether that is part of the system call; else of what has interrupted it
    boolean enter(Leads leads, int function, long site, int caller, long stackPointer) {
        if (!isOnStack(stackPointer)) {
            return false;
        }
        int remaining = count;
        while (remaining > 0 && stackPointers[remaining - 1] < stackPointer) {
            remaining--;
        }
        if (function != expected && !isOwn(leads, remaining, site, caller, stackPointer)) {
            return false;
        }
        // A jump leaves nothing of the one that jumped.
        while (remaining > 0 && stackPointers[remaining - 1] == stackPointer) {
            remaining--;
        }
        count = remaining;
        expected = CallGraph.NONE;
        push(function, stackPointer);
        return true;
    }

    private boolean isOwn(Leads leads, int remaining, long site, int caller, long stackPointer) {
        if (caller == CallGraph.NONE) {
            return false;
        }
        if (leads.hasSite(caller)) {
            return isIn(remaining, caller) || isJump(leads, remaining, site, stackPointer);
        }
        if (passed.contains(caller)) {
            return true;
        }
        for (int frame = remaining - 1; frame >= 0; frame--) {
            if (leads.of(functions[frame]).hasEntry(site)) {
                return true;
            }
        }
        return false;
    }

    // Of a function that jumped here the caller is where the jumper was called, which need not be followed itself.
    private boolean isJump(Leads leads, int remaining, long site, long stackPointer) {
        return remaining > 0
                && stackPointers[remaining - 1] == stackPointer
                && leads.of(functions[remaining - 1]).hasEntry(site);
    }

    private boolean isIn(int remaining, int function) {
        for (int frame = remaining - 1; frame >= 0; frame--) {
            if (functions[frame] == function) {
                return true;
            }
        }
        return false;
    }

    /// Whether the task is in a function that this site lies in, or leads to it through ones without a site.
    boolean isAt(Leads leads, int function, long stackPointer) {
        if (!isOnStack(stackPointer)) {
            return false;
        }
        for (int frame = count - 1; frame >= 0; frame--) {
            if (functions[frame] == function || !leads.hasSite(function)) {
                return true;
            }
        }
        return false;
    }

    /// A pointer is about to lead to a function: its caller may be where the one was called that jumps there.
    void expect(int function) {
        expected = function;
    }

    /// A pointer has led to a function without a site: what that calls is the system call's own.
    void pass(int function) {
        passed.add(function);
    }

    /// Whether this is deeper in the system call than its own function.
    boolean isWithin(long stackPointer) {
        return isOnStack(stackPointer) && stackPointer != entryStackPointer;
    }

    private boolean isOnStack(long stackPointer) {
        long depth = entryStackPointer - stackPointer;
        return depth >= 0 && depth < MOST_STACK_BYTES;
    }

    private void push(int function, long stackPointer) {
        if (count == MOST_FRAMES) {
            return;
        }
        if (count == functions.length) {
            functions = Arrays.copyOf(functions, count * 2);
            stackPointers = Arrays.copyOf(stackPointers, count * 2);
        }
        functions[count] = function;
        stackPointers[count++] = stackPointer;
    }
}
