package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.testbed.GuestKernel;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Domains of Xen that are paused, rebooted and destroyed under Plumbline: what cannot be is one line.
@Tag("guest")
@Tag("all")
@Timeout(900)
class XenDisturbedGuestTest {
    private static final String NEWER = "newer";
    private static final int MOST_PATCHED_BYTES = 500;
    private static XenUnderTest xen;

    @BeforeAll
    static void boot() throws Exception {
        xen = XenUnderTest.boot();
        xen.start(NEWER, GuestKernel.V6_12, 2);
    }

    @AfterAll
    static void end() throws Exception {
        if (xen != null) {
            xen.close();
        }
    }

    @Test
    void aDomainThatIsRebootedOrDestroyedWhileTracedIsOneLine() throws Exception {
        DomainUnderTest it = xen.start("victim", GuestKernel.V6_1, 1);
        int id = it.domain().id();
        try (Dom0Command trace = traced(it)) {
            it.domain().reboot();
            assertEndsInOneLine(trace, "the domain xen:victim has ended or was rebooted");
        }
        assertThat(it.domain().id()).isNotEqualTo(id);
        try (Dom0Command trace = traced(it)) {
            xen.host().dom0().execChecked("xl destroy victim");
            assertEndsInOneLine(trace, "the domain xen:victim has ended or was rebooted");
        }
        assertThat(xen.run("inspect", it.vm()).failed(1).err()).contains("no domain is named victim");
    }

    @Test
    void aDomainThatIsSavedWhileTracedTakesWhatIsInItAlong() throws Exception {
        DomainUnderTest it = xen.domains().get(NEWER);
        CodeInDomain before = CodeInDomain.of(it.domain());
        try (Dom0Command trace = traced(it)) {
            xen.host().dom0().execChecked("xl save " + NEWER + " /tmp/saved");
            assertEndsInOneLine(trace, "the domain xen:newer has ended or was rebooted");
        }
        xen.host().dom0().execChecked("xl restore /tmp/saved && rm /tmp/saved");
        assertThat(it.domain().execChecked("echo on")).isEqualTo("on\n");
        CommandRun detach = xen.run("detach", it.vm());
        assertThat(detach.status()).as(detach.err()).isZero();
        assertThat(detach.err()).isEqualTo("the probes are out\n");
        // The kernel switches some static keys meanwhile; each of 40,000 probes would be five bytes.
        assertThat(before.differences()).hasSizeLessThan(MOST_PATCHED_BYTES);
    }

    private static Dom0Command traced(DomainUnderTest it) throws Exception {
        Dom0Command trace = xen.start("trace", it.vm(), "-o", "/dev/null");
        trace.awaitError("tracing");
        return trace;
    }

    private static void assertEndsInOneLine(Dom0Command trace, String what) throws Exception {
        CommandRun run = trace.await();
        assertThat(run.status()).as(run.err()).isEqualTo(1);
        List<String> lines = run.err().lines().toList();
        assertThat(lines).hasSize(2);
        assertThat(lines.getLast()).startsWith("plumbline: ").contains(what);
    }

    @Test
    void aPausedDomainIsReadAndNotTraced() throws Exception {
        DomainUnderTest it = xen.domains().get(NEWER);
        xen.host().dom0().execChecked("xl pause " + NEWER);
        try {
            xen.run("inspect", it.vm()).succeeded();
            assertThat(xen.run("trace", it.vm(), "--for", "1s").failed(1).err()).contains("is paused");
        } finally {
            xen.host().dom0().execChecked("xl unpause " + NEWER);
        }
        assertThat(it.domain().execChecked("echo on")).isEqualTo("on\n");
    }
}
