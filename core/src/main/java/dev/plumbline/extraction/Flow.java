package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.SystemCall;

/// Everything one task did in one system call, or one interrupt, exception or call of a kernel thread did: a tree of
/// calls, in the order they happened, numbered from 0. A call's callees are the calls that follow it with a larger
/// depth. Calls of interrupts and exceptions are not among those of the flow they interrupted.
public interface Flow {

    /// What it is the work of.
    FlowKind kind();

    /// The system call; `null` for other kinds. Its number is -1 for one of the 32-bit table.
    SystemCall systemCall();

    /// The task, as it was at the flow's end; for an interrupt, the task that was interrupted.
    TaskIdentity task();

    /// The CPU it began on.
    int cpu();

    /// The last reading of the time stamp counter on that CPU before the flow began; 0 if there was none.
    long timeStampCounter();

    /// Whether its end was seen. It was not where tracing ended or had no more room for the task.
    boolean hasEnded();

    /// Whether nothing is missing between its beginning and its last call: no events were lost while it was open, it
    /// had room for all its calls, and its beginning was seen.
    boolean isWhole();

    /// How many calls there are room was left for; others are counted in [#omittedCallCount].
    int callCount();

    /// How many calls at the flow's end there was no room for.
    long omittedCallCount();

    /// The graph that [#function] counts in.
    CallGraph graph();

    /// The function that was entered: its number in [#graph], or [CallGraph#NONE] if its site is no known entry.
    int function(int call);

    /// The probe site: the function's entry or behind its endbr64; for an unknown function where it was entered.
    long site(int call);

    /// How many calls of this flow were open: 0 for the first.
    int depth(int call);

    /// Where the function was to return to; for a tail call, where its jumper was to.
    long returnAddress(int call);

    /// Whether the function was reached through a pointer: an indirect call or tail jump, by thunk or plain.
    boolean isIndirect(int call);

    /// Whether the function was reached by a jump from the function of the call before it at one depth less.
    boolean isTailCall(int call);

    /// The last reading of the time stamp counter on its CPU before the call; that of the call itself where the times
    /// of calls are recorded.
    long timeStampCounter(int call);

    /// The place of the call among all call events of the trace, from 0.
    long order(int call);
}
