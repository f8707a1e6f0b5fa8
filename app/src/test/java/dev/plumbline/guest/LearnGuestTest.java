package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.KernelIdentity;
import dev.plumbline.learning.Context;
import dev.plumbline.learning.ContextKind;
import dev.plumbline.learning.ContextModel;
import dev.plumbline.learning.Learner;
import dev.plumbline.learning.LearntFunction;
import dev.plumbline.learning.Model;
import dev.plumbline.learning.ModelDifference;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// `learn` as a process of its own, on two boots of one kernel.
@Tag("guest")
@Timeout(900)
class LearnGuestTest {
    private static final double THRESHOLD = 0.005;
    private static final Set<String> LOOP = Set.of("openat", "getdents64", "close", "newfstatat", "getppid");
    /// Of the flows of a system call.
    private static final double FEW = 0.05;
    private static final int MOST_BOOTS = 3;

    /// From before learning begins until after it has ended.
    private static final String WORK = "syscall-loop 400s";

    @TempDir
    private Path directory;

    private Path file() {
        return directory.resolve("model");
    }

    private LauncherForTests.Command learn(GuestUnderTest guest, String... options) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("learn", guest.vm(), "--model", file().toString()));
        arguments.addAll(List.of(options));
        return new LauncherForTests(directory).start(arguments.toArray(String[]::new));
    }

    @ParameterizedTest
    @OnGuests({"V6_12, 1", "V6_1, 2"})
    void aModelOfOneBootFitsTheNext(GuestKernel version, int cpus) throws Exception {
        GuestOptions options = GuestOptions.DEFAULT.withKernel(version).withCpus(cpus);
        long slide;
        Model first;
        try (GuestUnderTest guest = GuestUnderTest.boot(options);
                RunningCommand _ = guest.guest().start(WORK)) {
            slide = guest.read(kernel -> kernel.image().kaslrSlide());
            first = learnUntilStable(guest);
            assertShowsWhatGetdentsDoes();
            assertOtherBuildsAreRefused(guest);
        }
        try (GuestUnderTest guest = bootElsewhere(options, slide);
                RunningCommand _ = guest.guest().start(WORK)) {
            Model both = learnUntilInterrupted(guest);
            assertThat(both.systemCallCount()).isGreaterThan(first.systemCallCount());
            assertThat(ModelDifference.between(first, both)).isEmpty();
            assertThat(unheardOf(both, first))
                    .as("functions of the loop that no context of the first boot shows")
                    .isEmpty();
            assertThat(guest.guest().execChecked("echo alive").strip()).isEqualTo("alive");
        }
    }

    // There are some 480 places.
    private static GuestUnderTest bootElsewhere(GuestOptions options, long slide) throws Exception {
        for (int attempt = 0; attempt < MOST_BOOTS; attempt++) {
            GuestUnderTest guest = GuestUnderTest.boot(options);
            if (guest.read(kernel -> kernel.image().kaslrSlide()) != slide) {
                return guest;
            }
            guest.close();
        }
        throw new AssertionError("the kernel lies at the same place each time: slide " + slide);
    }

    // In more than a few of the flows: what happens now and then, such as that a task is switched away, may not have
    // happened in the first boot.
    private static List<String> unheardOf(Model now, Model before) {
        List<String> names = new ArrayList<>();
        for (String call : LOOP) {
            Context context = new Context(ContextKind.SYSTEM_CALL, call);
            ContextModel then = before.context(context).orElseThrow();
            ContextModel each = now.context(context).orElseThrow();
            each.functions().stream()
                    .filter(function -> function.flows() > FEW * (each.flowCount() - then.flowCount()))
                    .map(LearntFunction::name)
                    .filter(name -> before.contexts().values().stream().noneMatch(it -> it.knowsFunction(name)))
                    .forEach(names::add);
        }
        return names;
    }

    private Model learnUntilStable(GuestUnderTest guest) throws Exception {
        LauncherForTests.Command learn = learn(guest, "--until-stable", Double.toString(THRESHOLD), "--for", "240s");
        assertThat(learn.process().waitFor(300, TimeUnit.SECONDS)).isTrue();
        assertThat(learn.process().exitValue())
                .as(learn.errorLines().toString())
                .isZero();
        assertThat(learn.errorLines()).noneMatch(line -> line.contains("not stable"));
        Model model = ModelFile.read(file());
        // Flows that were open at the end have been added since.
        assertThat(model.unseen().isBelow(2 * THRESHOLD))
                .as(model.unseen().toString())
                .isTrue();
        for (String name : LOOP) {
            assertThat(model.context(new Context(ContextKind.SYSTEM_CALL, name)))
                    .as(name)
                    .hasValueSatisfying(each -> {
                        assertThat(each.knowsFunction("__x64_sys_" + name)).isTrue();
                        assertThat(each.flowCount()).isGreaterThan(100);
                    });
        }
        return model;
    }

    private void assertShowsWhatGetdentsDoes() {
        CommandRun show = CommandRun.of("model", "show", file().toString(), "--syscall", "getdents64")
                .succeeded();
        assertThat(show.out()).contains("__x64_sys_getdents64", "iterate_dir", "INDIRECT CALL AT", "filldir64");
        assertThat(CommandRun.of("model", "show", file().toString()).succeeded().out())
                .contains("getdents64", "interrupt", "all system calls");
    }

    private void assertOtherBuildsAreRefused(GuestUnderTest guest) throws Exception {
        Path other = directory.resolve("other");
        try (ModelFile held = ModelFile.hold(other)) {
            held.replace(new Learner(new KernelIdentity("Linux version 6.99.0", "00c0ffee", "0")).model(0));
        }
        CommandRun refused =
                CommandRun.of("learn", guest.vm(), "--model", other.toString()).failed(1);
        assertThat(refused.err()).contains("another kernel build (6.99.0");
        CommandRun unmerged =
                CommandRun.of("model", "merge", "-o", other.toString(), file().toString(), other.toString());
        assertThat(unmerged.failed(1).err()).contains("different kernel builds");
    }

    private Model learnUntilInterrupted(GuestUnderTest guest) throws Exception {
        long before = ModelFile.read(file()).flowCount();
        LauncherForTests.Command learn = learn(guest);
        learn.awaitError("tracing");
        // A commit of the run itself comes after some seconds; what is learnt after it comes with the end.
        while (ModelFile.read(file()).flowCount() == before) {
            assertThat(learn.process().isAlive())
                    .as(learn.errorLines().toString())
                    .isTrue();
            Thread.sleep(200);
        }
        learn.process().destroy();
        assertThat(learn.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(learn.errorLines().getLast()).endsWith("every probe is out");
        assertThat(directory.resolve("model.lock")).doesNotExist();
        return ModelFile.read(file());
    }
}
