package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.testbed.GuestKernel;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// `--engine trap` on a domain of Xen: it keeps out of the way of the domain's own breakpoints, and leaves none behind,
/// however it ends.
@Tag("guest")
@Tag("all")
@Timeout(900)
class XenTrapGuestTest {
    private static final String LIST = "ls /etc";
    private static final String TRACING = "cd /sys/kernel/tracing && ";

    private static XenUnderTest xen;
    private static DomainUnderTest it;

    @BeforeAll
    static void boot() throws Exception {
        xen = XenUnderTest.boot();
        it = xen.start("older", GuestKernel.V6_1, 1);
    }

    @AfterAll
    static void end() throws Exception {
        if (xen != null) {
            xen.close();
        }
    }

    private static Dom0Command tracing() throws Exception {
        Dom0Command trace = xen.startLaunched(
                "trace", it.vm(), "--engine", "trap", "--syscall", "getdents64", "--comm", "ls", "--format", "jsonl");
        trace.awaitError("tracing");
        return trace;
    }

    @Test
    void aKprobeOfTheDomainsOwnGoesOnCounting() throws Exception {
        it.domain()
                .execChecked("echo 0 > /proc/sys/debug/kprobes-optimization; " + TRACING
                        + "echo 'p:entry iterate_dir' > kprobe_events && echo 'p:inside iterate_dir+5' >> kprobe_events"
                        + " && echo 1 > events/kprobes/enable");
        try (Dom0Command trace = tracing()) {
            it.domain().execChecked("for i in 1 2 3 4 5; do " + LIST + "; done > /dev/null");
            CommandRun run = trace.end();
            assertThat(run.status()).as(run.err()).isIn(0, 143);
            assertThat(run.jsonLines()).filteredOn(line -> line.has("calls")).hasSize(10);
        }
        List<String> counts = it.domain()
                .execChecked(TRACING + "cat kprobe_profile")
                .lines()
                .map(line -> line.strip().replaceAll(" +", " "))
                .toList();
        it.domain().execChecked(TRACING + "echo 0 > events/kprobes/enable && echo > kprobe_events");
        assertThat(counts).containsExactly("entry 10 0", "inside 10 0");
    }

    @Test
    void whoIsKilledIsCleanedUpAfterByTheGuard() throws Exception {
        try (Dom0Command trace = tracing()) {
            it.domain().execChecked(LIST);
            trace.kill();
        }
        xen.awaitGuards();
        assertDetached("nothing of ours is in the guest\n");
    }

    @Test
    void whoIsKilledWithoutAGuardIsCleanedUpAfterByDetach() throws Exception {
        try (Dom0Command trace = tracing()) {
            it.domain().execChecked(LIST);
            xen.host().dom0().execChecked("kill -9 $(" + XenUnderTest.GUARDS + " | cut -d / -f 3)");
            trace.kill();
        }
        assertDetached("the breakpoints are out\n");
    }

    private static void assertDetached(String said) throws IOException {
        CommandRun detached = xen.launch("detach", it.vm());
        assertThat(detached.err()).isEqualTo(said);
        assertThat(detached.status()).isZero();
        assertThat(it.domain().execChecked("echo alive")).isEqualTo("alive\n");
    }
}
