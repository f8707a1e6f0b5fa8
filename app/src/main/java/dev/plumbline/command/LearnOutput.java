package dev.plumbline.command;

import dev.plumbline.extraction.EventBuilder;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.extraction.TaskStructs;
import dev.plumbline.learning.Learner;
import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelKeeper;
import dev.plumbline.machine.GuestException;
import dev.plumbline.report.FlowFilter;
import dev.plumbline.report.LearningSummary;
import java.io.IOException;
import java.util.Set;

/// Learns from flows, shows how far that has come, and has the model written every few seconds.
final class LearnOutput implements TraceOutput {
    private static final long LOOK_NANOS = 100_000_000L;
    // Fewer system calls say nothing, whatever the estimate.
    private static final long LEAST_SYSTEM_CALLS = 1000;
    // A second: an estimate that wavers about the threshold is not below it.
    private static final int ENOUGH_LOOKS = 10;

    private final FlowBuilder flows;
    private final Learner learner;
    private final Learner.Progress before;
    private final ModelKeeper keeper;
    private final ProgressLine progress;
    private final double stableBelow;
    private long nextLookNanos = System.nanoTime();
    private int stableLooks;
    private IOException fault;
    private LearningSummary summary;

    /// @param systemCalls the kernel's names of system calls; with any, only these are learnt
    /// @param stableBelow the threshold of the estimates, 0 for none
    LearnOutput(
            TracedKernel traced,
            Set<String> systemCalls,
            Learner learner,
            ModelKeeper keeper,
            ProgressLine progress,
            double stableBelow)
            throws GuestException {
        this.learner = learner;
        this.before = learner.progress();
        this.keeper = keeper;
        this.progress = progress;
        this.stableBelow = stableBelow;
        FlowSink sink = systemCalls.isEmpty() ? learner : new FlowFilter(systemCalls, Set.of(), learner);
        this.flows = new FlowBuilder(traced.code(), new TaskStructs(traced.kernel()), traced.cpuCount(), sink);
    }

    @Override
    public EventBuilder events() {
        return flows;
    }

    @Override
    public void settle() {
        flows.settle();
        if (System.nanoTime() - nextLookNanos >= 0) {
            look();
            nextLookNanos = System.nanoTime() + LOOK_NANOS;
        }
    }

    private void look() {
        if (fault != null) {
            return;
        }
        Learner.Progress now = learner.progress();
        if (!isStable()) {
            stableLooks = isBelow(now) ? stableLooks + 1 : 0;
        }
        if (progress.isDue()) {
            progress.show(LearningSummary.line(now, flows.eventCount(), flows.lostCount()));
        }
        try {
            if (keeper.isDue()) {
                keeper.keep(learner.model(flows.lostCount()));
            }
        } catch (IOException e) {
            // First the probes come out.
            fault = e;
        }
    }

    private boolean isBelow(Learner.Progress now) {
        return now.systemCalls() >= LEAST_SYSTEM_CALLS
                && now.unseen().isBelow(stableBelow)
                && now.unseenOfAll().isBelow(stableBelow);
    }

    /// Whether there is no point in going on: what is still unseen is rare enough, or the model cannot
    /// be written.
    boolean isEnough() {
        return isStable() || fault != null;
    }

    /// Whether what is still unseen has been rare enough for a second. What came after that, while the
    /// probes were taken out, is in the model as well.
    boolean isStable() {
        return stableLooks == ENOUGH_LOOKS;
    }

    @Override
    public void end(long dropped, double seconds) {
        flows.finish();
        progress.end();
        try {
            if (fault == null) {
                Model model = learner.model(dropped);
                keeper.keepLast(model);
                summary = new LearningSummary(model, before, learner.progress(), flows.eventCount(), dropped, seconds);
            }
        } catch (IOException e) {
            fault = e;
        }
    }

    /// What came of it, when it has ended.
    ///
    /// @throws IOException if the model could not be written
    LearningSummary summary() throws IOException {
        if (fault != null) {
            throw fault;
        }
        return summary;
    }
}
