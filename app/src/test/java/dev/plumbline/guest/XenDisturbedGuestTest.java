package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.testbed.DomainOptions;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.XenDomain;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Domains of Xen that are paused, saved, rebooted and destroyed under Plumbline, and whose vCPUs come and go. What is
/// not possible is one line.
@Tag("guest")
@Tag("all")
@Timeout(900)
class XenDisturbedGuestTest {
    private static final String NEWER = "newer";
    private static final String ONLINE = "/sys/devices/system/cpu/cpu1/online";
    private static final String LOSSLESS = "--mode lossless --functions reachable";

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
        before.assertRestored("after the domain was saved and restored");
    }

    @Test
    void aDomainThatIsPausedWhileTracedIsTracedOn() throws Exception {
        DomainUnderTest it = xen.domains().get(NEWER);
        Map<Integer, Set<Integer>> vcpus = vcpusOfFlows(it, LOSSLESS, () -> {
            xen.host().dom0().execChecked("xl pause %1$s; sleep 2; xl unpause %1$s".formatted(NEWER));
            return List.of(list(it.domain(), ""));
        });
        assertThat(vcpus.values()).doesNotContain(Set.of());
    }

    @ParameterizedTest
    @ValueSource(strings = {LOSSLESS, "--engine trap"})
    void vcpusMayBeDownAndComeAndGoWhileTraced(String how) throws Exception {
        DomainOptions options = DomainOptions.DEFAULT.withCpus(2).withAppend("maxcpus=1");
        DomainUnderTest it = xen.start("partly", options);
        try (XenDomain domain = it.domain()) {
            assertThat(domain.execChecked("cat " + ONLINE)).isEqualTo("0\n");
            Map<Integer, Set<Integer>> vcpus = vcpusOfFlows(it, how, () -> {
                int before = list(domain, "");
                int meanwhile = list(domain, "echo 1 > " + ONLINE + " && taskset 2 ");
                domain.execChecked("echo 0 > " + ONLINE);
                awaitDown(domain);
                return List.of(before, meanwhile, list(domain, ""));
            });
            assertThat(vcpus.values()).containsExactly(Set.of(0), Set.of(1), Set.of(0));
        }
    }

    private static void awaitDown(XenDomain domain) throws Exception {
        xen.host()
                .dom0()
                .execChecked(
                        "until xl vcpu-list %s | grep -q ' 1 .* --p '; do usleep 50000; done".formatted(domain.name()));
    }

    /// Has a directory listed.
    ///
    /// @return the process that does it, and lives until its name has been read
    private static int list(XenDomain domain, String before) throws Exception {
        return Integer.parseInt(domain.execChecked(before + "sh -c 'echo /etc/* > /dev/null; sleep 2; echo $$'")
                .strip());
    }

    /// On which vCPUs processes had whole flows.
    private static Map<Integer, Set<Integer>> vcpusOfFlows(
            DomainUnderTest it, String how, Callable<List<Integer>> processes) throws Exception {
        try (Dom0Command trace = xen.start("trace", it.vm(), how, "--syscall", "getdents64", "--format", "jsonl")) {
            trace.awaitError("tracing");
            Map<Integer, Set<Integer>> vcpus = new LinkedHashMap<>();
            processes.call().forEach(process -> vcpus.put(process, new HashSet<>()));
            CommandRun run = trace.end();
            assertThat(run.status()).as(run.err()).isIn(0, 143);
            assertThat(run.err()).endsWith("every probe is out\n");
            for (JsonNode flow : run.jsonLines()) {
                Set<Integer> ofProcess = vcpus.get(flow.path("pid").asInt());
                if (ofProcess != null && flow.path("whole").asBoolean()) {
                    ofProcess.add(flow.path("cpu").asInt());
                }
            }
            return vcpus;
        }
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
