package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.learning.Context;
import dev.plumbline.learning.ContextKind;
import dev.plumbline.learning.ContextModel;
import dev.plumbline.learning.LearntFunction;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.GuestShell;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Domains of Xen, seen from dom0: what is read, traced, learnt and reported of them is what the domain says of itself,
/// and what the same kernel does under QEMU.
@Tag("guest")
@Timeout(900)
class XenDomainsGuestTest {
    private static final String OLDER = "older";
    private static final String NEWER = "newer";
    private static final long SEED = 20_261_126;
    private static final int KILLS = OnGuests.ALL ? 4 : 1;
    /// Setting the probes, two seconds of tracing and taking them out, on a host that is not busy.
    private static final int LATEST_KILL_MICROS = 8_000_000;
    private static final String JOURNALS = "/var/lib/plumbline";

    /// Runs until it is killed some microseconds after its journal has come, which is before the first change.
    private static final String KILLED_RUN = XenUnderTest.PROGRAM + """
             trace %s --for 2s -o /dev/null 2> /tmp/said & run=$!
            until [ -e /var/lib/plumbline/journal-* ]; do
                kill -0 $run || { cat /tmp/said >&2; exit 1; }
                usleep 10000
            done
            usleep %d
            kill -9 %s
            wait $run
            true
            """;

    private static final List<AttackModule> ATTACKS = List.of(AttackModule.HIDE_FILE, AttackModule.ENTRY_JUMP);
    private static final String CALL = "getdents64";
    private static final String LEARNING = "6s";
    private static final int ROUNDS = 5;
    private static final String LIST = "ls /etc";
    private static final int MOST_ATTEMPTS = 4;
    private static final long REPORT_LIMIT_SECONDS = 60;
    /// Of the flows of a system call.
    private static final double USUAL = 0.25;

    /// OCSF's numbers of severities.
    private static final int LOW = 2;

    private static final int HIGH = 4;

    @TempDir
    private static Path directory;

    private static XenUnderTest xen;

    @BeforeAll
    static void boot() throws Exception {
        xen = XenUnderTest.boot();
        xen.start(OLDER, GuestKernel.V6_1, 1);
        xen.start(NEWER, GuestKernel.V6_12, 2);
    }

    @AfterAll
    static void end() throws Exception {
        if (xen != null) {
            xen.close();
        }
    }

    @Test
    void vmsListsTheDomains() throws Exception {
        assertThat(xen.launch("--version").succeeded().out())
                .isEqualTo(CommandRun.of("--version").out());
        JsonNode vms = xen.launch("vms", "--json").succeeded().json();
        for (DomainUnderTest each : xen.domains().values()) {
            assertThat(vms)
                    .filteredOn(vm -> vm.path("name").asText().equals(each.vm()))
                    .singleElement()
                    .matches(vm -> !vm.has("missing"))
                    .extracting(vm -> vm.path("domain").asInt())
                    .isEqualTo(each.domain().id());
        }
        assertThat(vms).hasSize(xen.domains().size());
    }

    @ParameterizedTest
    @OnGuests(
            value = {OLDER, NEWER},
            first = 2)
    void inspectSaysWhatTheDomainSays(String name) throws Exception {
        DomainUnderTest it = xen.domains().get(name);
        it.domain().execChecked("modprobe bridge && modprobe 8021q");
        JsonNode inspected = xen.run("inspect", it.vm(), "--json").succeeded().json();
        CommandsContract.assertIsWhatTheGuestSays(inspected, it.says(), it.cpus());
        JsonNode hypervisor = inspected.path("hypervisor");
        assertThat(hypervisor.path("name").asText()).startsWith("Xen 4.17.");
        assertThat(hypervisor.path("virtualisation").asText()).isEqualTo("SVM");
        assertThat(hypervisor.path("events").toString()).contains("software-breakpoint");
        assertThat(it.says().modules()).hasSizeGreaterThan(5);
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({NEWER, OLDER})
    void flowsHaveTheFunctionsThatTheSameKernelRunsUnderQemu(String name) throws Exception {
        DomainUnderTest it = xen.domains().get(name);
        List<JsonNode> flows = traced(it);
        ContextModel model = ModelFile.read(ofQemu(name))
                .context(new Context(ContextKind.SYSTEM_CALL, CALL))
                .orElseThrow();
        Map<String, Integer> found = new HashMap<>();
        for (JsonNode flow : flows) {
            Set<String> functions = new HashSet<>();
            flow.path("calls")
                    .forEach(call -> functions.add(call.path("function").asText()));
            functions.forEach(function -> found.merge(function, 1, Integer::sum));
        }
        Set<String> usual = found.keySet().stream()
                .filter(function -> found.get(function) > USUAL * flows.size())
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(usual).contains("__x64_sys_" + CALL, "iterate_dir").allMatch(model::knowsFunction);
        assertThat(model.functions())
                .filteredOn(function -> function.flows() > USUAL * model.flowCount())
                .extracting(LearntFunction::name)
                .isSubsetOf(found.keySet());
    }

    private static List<JsonNode> traced(DomainUnderTest it) throws Exception {
        try (Dom0Command trace =
                xen.start("trace", it.vm(), "--syscall", CALL, "--mode", "lossless", "--format", "jsonl")) {
            trace.awaitError("tracing");
            for (int i = 0; i < ROUNDS; i++) {
                work(it.domain());
            }
            CommandRun run = trace.end();
            assertThat(run.err()).endsWith("every probe is out\n");
            List<JsonNode> lines = run.jsonLines();
            JsonNode summary = lines.removeLast().path("summary");
            assertThat(summary.path("flows").asInt()).isEqualTo(lines.size());
            lines.removeIf(flow -> !flow.path("whole").asBoolean());
            assertThat(lines)
                    .hasSizeGreaterThan(ROUNDS)
                    .allMatch(flow -> flow.path("syscall").asText().equals(CALL));
            return lines;
        }
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({OLDER, NEWER})
    void whatWasLearntIsNoAlertAndAttacksAre(String name) throws Exception {
        DomainUnderTest it = xen.domains().get(name);
        String model = "/tmp/" + name + ".model";
        work(it.domain());
        Dom0Command learn = xen.start("learn", it.vm(), "--model", model, "--for", LEARNING);
        learn.awaitError("tracing");
        while (learn.running().running()) {
            work(it.domain());
        }
        CommandRun learnt = learn.await();
        assertThat(learnt.status()).as(learnt.err()).isZero();
        TestModules modules = AttackModule.built(it.domain(), it.kernel());
        try (Dom0Command monitor = xen.start("monitor", it.vm(), "--model", model, "--json", "--for", "60s")) {
            monitor.awaitError("tracing");
            for (int i = 0; i < ROUNDS; i++) {
                work(it.domain());
            }
            long attacked = 1000
                    * Long.parseLong(xen.host().dom0().execChecked("date +%s").strip());
            for (AttackModule attack : ATTACKS) {
                attack.load(modules);
                awaitReport(it, monitor, attack);
                attack.unload(modules);
            }
            CommandRun run = monitor.await();
            assertThat(run.status()).as(run.err()).isEqualTo(3);
            assertThat(run.jsonLines())
                    .filteredOn(finding ->
                            finding.at("/finding_info/first_seen_time").asLong() < attacked)
                    .filteredOn(finding -> finding.path("severity_id").asInt() > LOW)
                    .as("alerts of learnt work")
                    .isEmpty();
        }
    }

    private static void awaitReport(DomainUnderTest it, Dom0Command monitor, AttackModule attack) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(REPORT_LIMIT_SECONDS);
        while (monitor.findings().noneMatch(finding -> isOf(finding, attack))) {
            assertThat(System.nanoTime() < deadline && monitor.running().running())
                    .as("%s among %s", attack, monitor.running().stdoutSoFar())
                    .isTrue();
            it.domain().execChecked(attack.trigger());
        }
    }

    private static boolean isOf(JsonNode finding, AttackModule attack) {
        return finding.path("severity_id").asInt() >= HIGH
                && attack.hooked().stream().anyMatch(finding.toString()::contains);
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({NEWER, OLDER})
    void breakpointsShowTheSameFlowsAsProbesInTheDomain(String name) throws Exception {
        DomainUnderTest it = xen.domains().get(name);
        it.domain().execChecked(LIST);
        List<String> inline = List.of();
        List<String> trap = List.of("nothing was compared");
        for (int attempt = 0; attempt < MOST_ATTEMPTS && !trap.equals(inline); attempt++) {
            // A tick may have come in between, or an access time have had to be changed.
            inline = listed(it, "--whitelist", "shipped", "--for", "4s");
            trap = listed(it, "--engine", "trap", "--for", "12s");
        }
        assertThat(trap).isEqualTo(inline).contains("0 __x64_sys_getdents64", "1 iterate_dir");
    }

    private static List<String> listed(DomainUnderTest it, String... options) throws Exception {
        List<String> arguments =
                new ArrayList<>(List.of("trace", it.vm(), "--syscall", CALL, "--comm", "ls", "--format", "jsonl"));
        arguments.addAll(List.of(options));
        try (Dom0Command trace = xen.start(arguments.toArray(String[]::new))) {
            trace.awaitError("tracing");
            it.domain().execChecked(LIST);
            CommandRun run = trace.await();
            assertThat(run.status()).as(run.err()).isZero();
            List<String> functions = new ArrayList<>();
            for (JsonNode flow : run.jsonLines()) {
                flow.path("calls")
                        .forEach(call -> functions.add(call.path("depth").asText() + " "
                                + call.path("function").asText()));
            }
            return functions;
        }
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({NEWER, OLDER})
    void aModelOfTheSameKernelUnderQemuServes(String name) throws Exception {
        DomainUnderTest it = xen.domains().get(name);
        String model = "/tmp/qemu-" + name + ".model";
        xen.put(model, Files.readAllBytes(ofQemu(name)));
        try (Dom0Command monitor = xen.start("monitor", it.vm(), "--model", model, "--json", "--severity", "low")) {
            monitor.awaitError("tracing");
            for (int i = 0; i < ROUNDS; i++) {
                work(it.domain());
            }
            CommandRun run = monitor.end();
            List<JsonNode> findings = run.jsonLines();
            assertThat(findings.removeLast().at("/summary/known").asInt())
                    .as("what the domain was told is normal")
                    .isPositive();
            // The module that brings commands into the domain is none that a guest of QEMU can have loaded.
            assertThat(findings)
                    .filteredOn(finding -> finding.path("severity_id").asInt() > LOW)
                    .allMatch(finding -> finding.path("message").asText().contains("xen_netfront"));
        }
    }

    @Tag("all")
    @ParameterizedTest
    @OnGuests({NEWER, OLDER})
    void theDomainWorksOnAfterAKillAndNothingOfOursIsLeft(String name) throws Exception {
        DomainUnderTest it = xen.domains().get(name);
        Random random = new Random(SEED + it.cpus());
        String before = TextInside.of(it.domain());
        for (int kill = 0; kill < KILLS; kill++) {
            int moment = random.nextInt(LATEST_KILL_MICROS);
            String when = "kill %d after %,d us, seed %d".formatted(kill, moment, SEED);
            // Each second time nobody is there to clean up but the next command.
            boolean isUnguarded = (kill + it.cpus()) % 2 == 1;
            String killed = isUnguarded ? "$run $(" + XenUnderTest.GUARDS + " | cut -d / -f 3)" : "$run";
            xen.host().dom0().execChecked(KILLED_RUN.formatted(it.vm(), moment, killed));
            if (isUnguarded) {
                CommandRun detach = xen.launch("detach", it.vm());
                assertThat(detach.status()).as(when + detach.err()).isZero();
            }
            xen.awaitGuards();
            assertThat(it.domain().execChecked("echo alive")).as(when).isEqualTo("alive\n");
            assertThat(TextInside.of(it.domain())).as(when).isEqualTo(before);
            assertThat(xen.host().dom0().execChecked("ls " + JOURNALS)).as(when).isEqualTo("lock\n");
        }
    }

    @Test
    void whoMayNotCommandXenIsToldSo() throws Exception {
        xen.host().dom0().execChecked("echo guest::1000:1000::/tmp:/bin/sh >> /etc/passwd");
        CommandRun run = XenUnderTest.ended(
                List.of("inspect"),
                xen.host().dom0().exec("su guest -c '/opt/plumbline inspect xen:" + OLDER + "'"),
                0);
        assertThat(run.failed(1).err()).contains("no permission to command Xen");
    }

    // What is learnt; and what the attacks are to be seen by.
    private static void work(GuestShell guest) throws IOException {
        for (AttackModule attack : ATTACKS) {
            guest.execChecked(attack.trigger());
        }
        guest.execChecked("ls / /bin > /dev/null; lsmod; syscall-loop 20");
    }

    // Learnt when it is first asked for.
    private static Path ofQemu(String name) throws Exception {
        Path file = directory.resolve(name);
        DomainUnderTest it = xen.domains().get(name);
        if (!Files.exists(file)) {
            try (GuestUnderTest guest = GuestUnderTest.boot(
                    GuestOptions.DEFAULT.withKernel(it.kernel()).withCpus(it.cpus()))) {
                work(guest.guest());
                new LauncherForTests(directory).learn(guest.vm(), file, LEARNING, () -> work(guest.guest()));
            }
        }
        return file;
    }
}
