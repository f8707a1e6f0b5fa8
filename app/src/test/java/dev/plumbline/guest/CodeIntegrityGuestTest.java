package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Severity;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Code and read-only data that attack modules change are noticed while a guest is traced; what the kernel changes
/// itself is no attack.
@Tag("guest")
@Timeout(600)
class CodeIntegrityGuestTest {
    private static final String TRACING = "cd /sys/kernel/tracing; ";
    /// A tracepoint calls one probe itself and two through a function of its own; where the CPU is given up, and how,
    /// depends on the mode of preemption. Static calls, both.
    private static final String SWITCH_STATIC_CALLS = "cd /sys/kernel/tracing && mkdir instances/second"
            + " && for of in . instances/second; do echo 1 > $of/events/sched/sched_wakeup/enable; done"
            + " && echo full > /sys/kernel/debug/sched/preempt";

    private static final String SWITCH_BACK = "cd /sys/kernel/tracing"
            + " && for of in . instances/second; do echo 0 > $of/events/sched/sched_wakeup/enable; done"
            + " && rmdir instances/second && echo voluntary > /sys/kernel/debug/sched/preempt";

    /// These change pointers in data that a kernel writes.
    private static final Set<AttackModule> UNSEEN = EnumSet.of(AttackModule.PROTOCOL_POINTER, AttackModule.LOOSE_CODE);

    @TempDir
    private Path directory;

    @ParameterizedTest
    @OnGuests({"V6_12", "V6_1"})
    void attacksAreToldFromWhatTheKernelDoes(GuestKernel version) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withKernel(version)
                .withCpus(2)
                .withExtraQemuArguments(GuestUnderTest.ONE_THREAD))) {
            TestModules modules = AttackModule.built(guest.guest(), version);
            try (IntegrityWatch watch = IntegrityWatch.start(guest, directory)) {
                patchLegally(guest.guest());
                watch.awaitLooks(4);
                assertThat(watch.alerts())
                        .extracting(Alert::title)
                        .containsExactlyInAnyOrder(
                                "the guest's own function tracer is in use", "the guest's own kprobes are in use");
                assertThat(watch.alerts()).extracting(Alert::severity).containsOnly(Severity.LOW);
                for (AttackModule attack : EnumSet.complementOf(EnumSet.copyOf(UNSEEN))) {
                    attack(attack, watch, modules);
                }
                watch.strikeRecorder();
                Alert alert = watch.await(0, each -> each.title().contains("recorder"), "alert of the recorder");
                assertThat(alert.severity()).isEqualTo(Severity.CRITICAL);
                System.err.printf("code integrity of %s: %.1f ms a look%n", version, watch.millisPerLook());
            }
        }
    }

    // Static calls stay switched for longer than a change may be under way.
    private static void patchLegally(TestGuest guest) throws Exception {
        guest.execChecked(SWITCH_STATIC_CALLS);
        guest.execChecked("modprobe dummy && sleep 1 && rmmod dummy");
        guest.execChecked(TRACING + "for on in 1 0 1 0; do echo $on > events/sched/sched_switch/enable;"
                + " echo $on > /proc/sys/kernel/sched_schedstats; sleep 0.6; done");
        guest.execChecked(TRACING + "echo function > current_tracer; sleep 1; echo nop > current_tracer");
        guest.execChecked(TRACING + "echo 'p:mine vfs_read' > kprobe_events;"
                + " echo 1 > events/kprobes/mine/enable; sleep 1;"
                + " echo 0 > events/kprobes/mine/enable; echo > kprobe_events");
        guest.execChecked("modprobe dummy && sleep 1 && rmmod dummy");
        guest.execChecked(SWITCH_BACK);
    }

    private static void attack(AttackModule attack, IntegrityWatch watch, TestModules modules) throws Exception {
        int before = watch.alerts().size();
        attack.load(modules);
        Alert alert = watch.await(before, each -> names(each, attack), "alert of " + attack);
        assertThat(alert.severity()).as("%s", alert).isGreaterThanOrEqualTo(Severity.HIGH);
        assertThat(alert.evidence()).as("%s", alert).isNotEmpty();
        attack.unload(modules);
        watch.awaitLooks(2);
        List<Alert> all = watch.alerts();
        assertThat(all.subList(before, all.size())).as("alerts of %s", attack).allMatch(each -> names(each, attack));
    }

    private static boolean names(Alert alert, AttackModule attack) {
        return attack.isHidden()
                ? alert.title().contains("module " + attack.module() + " is hidden")
                : attack.hooked().contains(alert.function());
    }
}
