package dev.plumbline.extraction;

/// What is known of a task while it is followed. For one thread.
final class TaskState {
    /// A kernel stack's size, THREAD_SIZE, and its alignment.
    static final long STACK_BYTES = 16 << 10;
    static final long STACK_MASK = -STACK_BYTES;

    // No masked address equals it.
    private static final long UNKNOWN = 1;

    final long address;
    final CallStack stack = new CallStack();
    private final TaskIdentities identities;
    private TaskIdentity identity;
    private boolean isStale;
    /// Lowest address of its stack.
    long stackBase;
    /// The count of losses when it was last known to miss nothing.
    long lossesKnown;
    /// The count of losses when its stack was last looked up.
    long lossesAtLookUp;
    /// The number of the last event at which it began or stopped to run.
    long lastOrder;
    /// Whether what is under way, or begins next, may have begun unseen, since events were lost.
    boolean mayMissBeginning;
    /// Whether it has made its last call.
    boolean isDead;

    TaskState(long address, TaskIdentities identities) {
        this.address = address;
        this.identities = identities;
        lookUp();
    }

    private void lookUp() {
        identity = identities.identity(address);
        isStale = false;
        stackBase = identity.stackBase() == 0 ? UNKNOWN : identity.stackBase() & STACK_MASK;
    }

    boolean stackIsUnknown() {
        return stackBase == UNKNOWN;
    }

    /// Asks again where its stack is.
    void lookUp(long losses) {
        lossesAtLookUp = losses;
        long known = stackBase;
        lookUp();
        stackBase = stackIsUnknown() ? known : stackBase;
    }

    /// This place is certainly on its stack.
    void standsAt(long stackPointer) {
        if (stackBase != (stackPointer & STACK_MASK)) {
            stackBase = stackPointer & STACK_MASK;
            isStale = true;
        }
    }

    /// Its name may have changed, or it is another task at the same address.
    void forgetIdentity() {
        isStale = true;
    }

    /// Whether something that was interrupted can stand on its stack below an interruption. There is no room for it
    /// where the interruption came from user mode.
    boolean mayStandBelow(long stackPointer) {
        return stackBase + STACK_BYTES - stackPointer > 2 * FlowRecord.ENTRY_BYTES;
    }

    /// Events of it were lost.
    void markIncomplete() {
        mayMissBeginning = true;
        stack.markIncomplete();
    }

    TaskIdentity identity() {
        if (isStale) {
            isStale = false;
            TaskIdentity now = identities.identity(address);
            // A task that has just ended keeps the name it had.
            identity = now.pid() < 0 ? identity : now;
        }
        return identity;
    }
}
