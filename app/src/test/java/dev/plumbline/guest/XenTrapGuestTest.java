package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.XenDomain;
import dev.plumbline.testbed.XenHost;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// `--engine trap` on domains of Xen, as Xen's own breakpoints serve it.
@Tag("guest")
@Tag("all")
@Timeout(900)
class XenTrapGuestTest {
    private static final int ATTEMPTS = 4;
    private static final String TRACE = Dom0Run.PLUMBLINE + "trace xen:older --engine trap";
    private static final String LIST = "ls /etc";
    private static final String OF_LIST = " --syscall getdents64 --comm ls --format jsonl";

    private static XenPair pair;
    private static XenHost host;
    private static XenDomain older;
    private static XenDomain newer;

    @BeforeAll
    static void boot() throws Exception {
        pair = XenPair.boot("xentrap");
        host = pair.host();
        older = pair.older();
        newer = pair.newer();
    }

    @AfterAll
    static void end() throws Exception {
        if (pair != null) {
            pair.close();
        }
    }

    private static List<String> listed(XenDomain domain, String options) throws Exception {
        String command = Dom0Run.PLUMBLINE + "trace xen:" + domain.name() + options + OF_LIST;
        try (Dom0Run trace = Dom0Run.until("tracing", host, command)) {
            domain.execChecked(LIST);
            return functions(trace.end());
        }
    }

    private static List<String> functions(List<String> lines) throws IOException {
        List<String> functions = new ArrayList<>();
        for (JsonNode flow : flows(lines)) {
            flow.get("calls")
                    .forEach(call -> functions.add(
                            call.get("depth") + " " + call.get("function").textValue()));
        }
        return functions;
    }

    private static List<JsonNode> flows(List<String> lines) throws IOException {
        List<JsonNode> flows = new ArrayList<>();
        for (String line : lines) {
            JsonNode read = new ObjectMapper().readTree(line);
            if (read.has("calls")) {
                flows.add(read);
            }
        }
        return flows;
    }

    private static void flowsLookTheSame(XenDomain domain) throws Exception {
        domain.execChecked(LIST);
        List<String> inline = listed(domain, " --whitelist shipped");
        List<String> trap = listed(domain, " --engine trap");
        for (int again = 1; again < ATTEMPTS && !trap.equals(inline); again++) {
            // A tick may have come in between, or an access time have had to be changed.
            inline = listed(domain, " --whitelist shipped");
            trap = listed(domain, " --engine trap");
        }
        assertThat(trap).isEqualTo(inline).contains("0 __x64_sys_getdents64", "1 iterate_dir");
    }

    @Test
    void flowsLookLikeThoseOfInlineProbes() throws Exception {
        flowsLookTheSame(older);
    }

    @Test
    void flowsLookLikeThoseOfInlineProbesOnTwoVcpus() throws Exception {
        flowsLookTheSame(newer);
    }

    @Test
    void aKprobeOfTheDomainsOwnGoesOnCounting() throws Exception {
        String tracing = "cd /sys/kernel/tracing && ";
        older.execChecked("echo 0 > /proc/sys/debug/kprobes-optimization; " + tracing
                + "echo 'p:entry iterate_dir' > kprobe_events && echo 'p:inside iterate_dir+5' >> kprobe_events"
                + " && echo 1 > events/kprobes/enable");
        try (Dom0Run trace = Dom0Run.until("tracing", host, TRACE + OF_LIST)) {
            older.execChecked("for i in 1 2 3 4 5; do " + LIST + "; done > /dev/null");
            assertThat(flows(trace.end())).hasSize(10);
        }
        List<String> counts = older.execChecked(tracing + "cat kprobe_profile")
                .lines()
                .map(line -> line.strip().replaceAll(" +", " "))
                .toList();
        older.execChecked(tracing + "echo 0 > events/kprobes/enable && echo > kprobe_events");
        assertThat(counts).containsExactly("entry 10 0", "inside 10 0");
    }

    @Test
    void whoIsKilledIsCleanedUpAfterByTheGuard() throws Exception {
        try (Dom0Run _ = Dom0Run.until("tracing", host, TRACE + OF_LIST)) {
            older.execChecked(LIST);
        }
        while (host.dom0().exec("grep -l after-[k]ill /proc/[0-9]*/cmdline").status() == 0) {
            Thread.sleep(100);
        }
        assertDetached("nothing of ours is in the guest\n");
    }

    @Test
    void whoIsKilledWithoutAGuardIsCleanedUpAfterByDetach() throws Exception {
        try (Dom0Run _ = Dom0Run.until("tracing", host, TRACE + OF_LIST)) {
            older.execChecked(LIST);
            host.dom0()
                    .execChecked("for each in $(grep -l after-[k]ill /proc/[0-9]*/cmdline 2> /dev/null);"
                            + " do kill -9 $(basename ${each%/*}); done");
        }
        assertDetached("the breakpoints are out\n");
    }

    private static void assertDetached(String said) throws GuestException {
        ExecResult detached = host.dom0().exec(Dom0Run.PLUMBLINE + "detach xen:older");
        assertThat(detached.stderrText()).isEqualTo(said);
        assertThat(detached.status()).isZero();
        assertThat(older.execChecked("echo alive")).isEqualTo("alive\n");
    }

    @Test
    void inspectTellsWhatThisXenCanReport() throws Exception {
        JsonNode hypervisor = new ObjectMapper()
                .readTree(host.dom0().execChecked(Dom0Run.PLUMBLINE + "inspect xen:older --json"))
                .get("hypervisor");
        assertThat(hypervisor.get("name").textValue()).startsWith("Xen 4.17.");
        assertThat(hypervisor.get("virtualisation").textValue()).isEqualTo("SVM");
        assertThat(hypervisor.get("events").toString()).contains("software-breakpoint");
    }
}
