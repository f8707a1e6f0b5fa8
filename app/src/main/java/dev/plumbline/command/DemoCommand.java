package dev.plumbline.command;

import dev.plumbline.testbed.RunningCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `plumbline demo`: the whole story, on a guest of its own: what can be seen of its kernel from outside, what that
/// kernel does, what is normal, and how somebody is noticed who hides a file.
@Command(
        name = "demo",
        description = "Tells the whole story on a guest of its own, in about two minutes: looks into its kernel, learns"
                + " what is normal, and notices a rootkit that hides a file")
final class DemoCommand implements Callable<Integer> {
    private static final String LEARNING = "30s";
    private static final long CALM_MILLIS = 8_000;
    private static final long AFTER_MILLIS = 4_000;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--output",
            paramLabel = "DIRECTORY",
            defaultValue = "plumbline-demo",
            description = "Where the model and the report are left; default plumbline-demo")
    private Path directory;

    @Override
    public Integer call() throws IOException {
        DemoStage stage = new DemoStage(spec.commandLine().getOut());
        Files.createDirectories(directory);
        Path model = directory.resolve("model");
        Path report = directory.resolve("alerts.jsonl");
        Files.deleteIfExists(model);
        Files.deleteIfExists(report);
        String name = "demo-" + ProcessHandle.current().pid();
        stage.say("Booting a Debian guest under QEMU; the first time its kernel is fetched …");
        long start = System.nanoTime();
        try (DemoGuest guest = DemoGuest.boot(name)) {
            stage.say("It is up after %.1f s. Nothing of Plumbline is in it.".formatted(secondsSince(start)));
            boolean isRight = look(stage, guest, name);
            learn(stage, guest, name, model);
            long hidden = monitor(stage, guest, name, model, report);
            stage.say("");
            stage.say(new DemoFindings(report).conclusion(hidden));
            stage.title("Is anything of it left in the guest?");
            stage.run("detach", name);
            stage.title("What is left here:");
            stage.say("  %s  what is normal for this kernel; plumbline model show reads it".formatted(model));
            stage.say("  %s  the alerts, as OCSF Detection Findings".formatted(report));
            return isRight ? 0 : 1;
        }
    }

    private boolean look(DemoStage stage, DemoGuest guest, String name) throws IOException {
        stage.title("Which guests run on this host?");
        stage.run("vms");
        stage.title("Which kernel runs in it? Its memory tells, without symbols or profiles:");
        stage.run("inspect", name);
        stage.title("Is that right? Asked itself, the guest says:");
        boolean isRight = new DemoClaims(name, guest.guest()).compare(stage.out());
        stage.title("What does that kernel do when somebody lists a directory?");
        String[] trace = {"trace", name, "--syscall", "getdents64", "--comm", "ls", "--for", "4s"};
        try (DemoStage.Scene scene = stage.start(trace)) {
            scene.await("tracing");
            guest.list();
            stage.verify(trace, scene.status());
        }
        return isRight;
    }

    private void learn(DemoStage stage, DemoGuest guest, String name, Path model) throws IOException {
        stage.title("What is normal? The guest does its everyday work, and Plumbline learns:");
        String[] command = {"learn", name, "--model", model.toString(), "--for", LEARNING};
        try (RunningCommand _ = guest.work();
                DemoStage.Scene scene = stage.start(command)) {
            // Commands that come from outside are everyday work as well.
            while (scene.runs()) {
                guest.list();
                Moments.pass(500);
            }
            stage.verify(command, scene.status());
        }
    }

    // Says when the file was hidden, in milliseconds of the clock of the alerts.
    private long monitor(DemoStage stage, DemoGuest guest, String name, Path model, Path report) throws IOException {
        stage.title("Is it still normal? Plumbline watches:");
        String[] command = {"monitor", name, "--model", model.toString(), "--report", report.toString()};
        try (RunningCommand _ = guest.work();
                DemoStage.Scene scene = stage.start(command)) {
            scene.await("tracing");
            stage.say("The guest goes on with its everyday work for %d s.".formatted(CALM_MILLIS / 1000));
            Moments.pass(CALM_MILLIS);
            stage.title("Now somebody who is root in the guest hides a file:");
            stage.typed("guest#", DemoGuest.LIST);
            stage.say(guest.list());
            stage.typed("guest#", DemoGuest.HIDE);
            long hidden = System.currentTimeMillis();
            guest.hide();
            stage.typed("guest#", DemoGuest.LIST);
            stage.say(guest.list());
            stage.say("In the guest the file is gone: nobody in there can trust a listing any more. From outside:");
            stage.say("");
            Moments.pass(AFTER_MILLIS);
            return hidden;
        }
    }

    private static double secondsSince(long startNanos) {
        return (System.nanoTime() - startNanos) / 1e9;
    }
}
