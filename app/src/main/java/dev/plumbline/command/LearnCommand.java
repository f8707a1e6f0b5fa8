package dev.plumbline.command;

import dev.plumbline.extraction.ModuleWatch;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.learning.Learner;
import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.learning.ModelKeeper;
import dev.plumbline.machine.Machine;
import dev.plumbline.probe.Recording;
import dev.plumbline.report.Json;
import dev.plumbline.report.LearningSummary;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `plumbline learn`: makes a model of what is normal in a guest's kernel.
@Command(
        name = "learn",
        description = "Learns what is normal in a guest's kernel, into a model; goes on with one that exists")
final class LearnCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "VM", description = "The guest: qemu:NAME, xen:NAME, qmp:SOCKET or a bare NAME")
    private String vm;

    @Option(names = "--model", paramLabel = "FILE", required = true, description = "The model's file")
    private Path file;

    @Mixin
    private ProbeOptions probes;

    @Option(
            names = "--mode",
            defaultValue = "lossless",
            description =
                    "lossless: the guest waits for this reader where it must, since nothing is learnt from what is"
                            + " not whole (default); full: it never waits, and what is lost is counted")
    private TraceMode mode;

    @Option(
            names = "--for",
            paramLabel = "TIME",
            converter = DurationConverter.class,
            description = "How long, e.g. 60s, 10m; default until interrupted")
    private Long forNanos;

    @Option(
            names = "--until-stable",
            paramLabel = "P",
            arity = "0..1",
            fallbackValue = "0.001",
            description = "End when the next system call shows something new with a probability below P,"
                    + " by all three methods; default 0.001")
    private Double stableBelow;

    @Option(names = "--json", description = "Print a JSON object")
    private boolean json;

    @Override
    public Integer call() throws Exception {
        verifyOptions();
        try (OrderlyEnd end = OrderlyEnd.watch()) {
            try (Machine machine = GuestNames.attach(vm);
                    ModelFile held = ModelFile.hold(file)) {
                learn(LinuxKernel.open(machine), held, end);
                return 0;
            } catch (IOException e) {
                return end.tell(spec.commandLine(), e);
            }
        }
    }

    private void verifyOptions() {
        if (mode == TraceMode.edge) {
            throw new ParameterException(
                    spec.commandLine(), "learning needs every call: --mode is lossless or full here");
        }
        if (stableBelow != null && !(stableBelow > 0 && stableBelow <= 1)) {
            throw new ParameterException(spec.commandLine(), "--until-stable takes a probability above 0, up to 1");
        }
        probes.verify(spec);
    }

    private void learn(LinuxKernel kernel, ModelFile held, OrderlyEnd end) throws IOException {
        Optional<Model> known = held.known();
        if (known.isPresent()) {
            known.get().verifyIsOf(kernel.identity().buildId(), file.toString());
        }
        Learner learner = known.map(Learner::new).orElseGet(() -> new Learner(kernel.identity()));
        ProbeOptions.Choice choice = probes.of(kernel);
        ProgressLine progress = new ProgressLine(spec.commandLine().getErr());
        try (ModelKeeper keeper = new ModelKeeper(held);
                Guard _ = Guard.start(vm);
                ModuleWatch modules = choice.traced().watchModules()) {
            // What cannot be written is better known before the guest is touched.
            keeper.keepLast(learner.model(0));
            double threshold = stableBelow == null ? 0 : stableBelow;
            LearnOutput output =
                    new LearnOutput(choice.traced(), choice.systemCalls(), learner, keeper, progress, threshold);
            Recording recording = new Recording(mode.recording(), false);
            new TraceRun(choice, modules, output, recording, progress::say)
                    .follow(() -> end.isAsked() || output.isEnough(), Optional.ofNullable(forNanos));
            print(output.summary());
            if (stableBelow != null && !output.isStable()) {
                progress.say("the model is not stable yet: learn on with the same --model");
            }
        }
    }

    private void print(LearningSummary summary) {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            Json.print(out, summary.json());
        } else {
            summary.print(out);
        }
        out.flush();
    }
}
