package dev.plumbline.command;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.extraction.EventBuilder;
import dev.plumbline.extraction.TracedCode;
import dev.plumbline.kernel.FunctionTypes;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.learning.Model;
import dev.plumbline.machine.GuestException;
import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.AlertLog;
import dev.plumbline.monitoring.CodeIntegrity;
import dev.plumbline.monitoring.EdgeComparison;
import dev.plumbline.monitoring.GeneratedCode;
import dev.plumbline.monitoring.ModelEdges;
import dev.plumbline.monitoring.NamedTailCalls;
import dev.plumbline.monitoring.PathComparison;
import dev.plumbline.probe.ProbeEngine;
import dev.plumbline.probe.Recording;
import dev.plumbline.probe.RecordingMode;
import dev.plumbline.report.MonitorSummary;
import java.util.function.Consumer;

/// Compares what runs with a model, looks after the code beside it, and does what is to be done about alerts.
final class MonitorOutput implements TraceOutput {
    /// So that what has changed is told within a second.
    private static final long LOOK_NANOS = 750_000_000L;

    private final AlertLog alerts;
    private final AlertResponse response;
    private final Consumer<String> log;
    private final GeneratedCode own;
    private final FunctionTypes types;
    private final NamedTailCalls tails;
    private final TraceOutput calls;
    private final Recording recording;
    private final CodeIntegrity integrity;
    private long nextLookNanos = System.nanoTime();
    private long known;
    private boolean isPaused;
    private MonitorSummary summary;

    /// @param traced as it is before any probe is set
    /// @param log takes lines about what cannot be watched
    MonitorOutput(
            TracedKernel traced,
            Model model,
            MonitorMode mode,
            AlertLog alerts,
            AlertResponse response,
            Consumer<String> log)
            throws GuestException {
        LinuxKernel kernel = traced.kernel();
        CallGraph graph = traced.code().graph();
        this.alerts = alerts;
        this.response = response;
        this.log = log;
        this.tails = new NamedTailCalls(graph);
        this.types = kernel.functionTypes();
        types.look().forEach(log);
        this.own = new GeneratedCode(kernel);
        EdgeComparison comparison = new EdgeComparison(model, types::of, own, tails, this::raise);
        this.calls = switch (mode) {
            case edge -> new ComparedEdges(traced, comparison);
            case full -> new ComparedFlows(traced, comparison, new PathComparison(model, this::raise));
        };
        this.recording = switch (mode) {
            case edge -> {
                ModelEdges edges = new ModelEdges(model, comparison, traced.code(), traced.sites());
                yield new Recording(RecordingMode.EDGE, true, false, edges.known(traced.calls()));
            }
            case full -> new Recording(RecordingMode.FULL, true);
        };
        this.integrity = new CodeIntegrity(kernel, graph, this::raise);
    }

    private void raise(Alert alert) {
        alerts.raise(alert).ifPresent(response::raised);
    }

    /// What the probes are to do.
    Recording recording() {
        return recording;
    }

    @Override
    public EventBuilder events() {
        return calls.events();
    }

    @Override
    public void look(ProbeEngine engine) throws GuestException {
        own.look();
        known = engine.knownEdgeCount();
        if (System.nanoTime() - nextLookNanos >= 0) {
            integrity.look(engine.written());
            nextLookNanos = System.nanoTime() + LOOK_NANOS;
        }
        isPaused |= response.act();
    }

    @Override
    public boolean leavesProbes() {
        return isPaused;
    }

    @Override
    public void codeChanged(TracedCode now) throws GuestException {
        types.look().forEach(log);
        calls.codeChanged(now);
        tails.codeChanged(now.graph());
        integrity.codeChanged(now.graph());
    }

    @Override
    public void end(long dropped, double seconds) {
        calls.end(dropped, seconds);
        summary = MonitorSummary.of(calls.eventCount(), dropped, alerts, seconds, known);
    }

    /// What came of it, when it has ended.
    MonitorSummary summary() {
        return summary;
    }
}
