package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.plumbline.learning.Context;
import dev.plumbline.learning.ContextKind;
import dev.plumbline.learning.ContextModel;
import dev.plumbline.learning.LearntFunction;
import dev.plumbline.learning.ModelFile;
import dev.plumbline.testbed.ExecLimits;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.GuestShell;
import dev.plumbline.testbed.RunningCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Domains of Xen, seen from dom0: what is read, traced, learnt and reported of them is what the domain says of itself,
/// and what the same kernel does under QEMU.
@Tag("guest")
@Timeout(1200)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class XenDomainsGuestTest {
    private static final String OLDER = "older";
    private static final String NEWER = "newer";
    private static final long SEED = 20_261_126;
    private static final int KILLS = OnGuests.ALL ? 4 : 1;
    /// From a run's first word in its journal: setting the probes, and some tracing, on a host that is not busy.
    private static final int LATEST_KILL_MILLIS = 8_000;
    /// A domain whose vCPU is at a breakpoint of a killed run says nothing until that is taken out.
    private static final ExecLimits A_BUSY_DOMAIN =
            ExecLimits.DEFAULT.withSilence(Duration.ofMinutes(5)).withTotal(Duration.ofMinutes(30));

    private static final String JOURNALS = "/var/lib/plumbline";

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
    @OnGuests({NEWER, OLDER})
    void inspectSaysWhatTheDomainSays(String name) throws Exception {
        DomainUnderTest it = xen.domains().get(name);
        it.domain().execChecked("modprobe bridge && modprobe 8021q");
        Set<Integer> tasks = it.says().tasks().keySet();
        JsonNode inspected = xen.run("inspect", it.vm(), "--json").succeeded().json();
        CommandsContract.assertIsWhatTheGuestSays(inspected, it.says(), tasks, it.cpus());
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

    // First: its end is that of the process that commands run in.
    @Order(1)
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
        try (Dom0Command monitor = xen.start("monitor", it.vm(), "--model", model, "--json")) {
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
            CommandRun run = monitor.end();
            assertThat(run.status()).as(run.err()).isIn(3, 143);
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
            // A tick may have come in between.
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
                addCalls(flow, functions);
            }
            return functions;
        }
    }

    // Without what touch_atime calls: that depends on whether a tick has passed.
    private static void addCalls(JsonNode flow, List<String> to) {
        int folded = Integer.MAX_VALUE;
        for (JsonNode call : flow.path("calls")) {
            int depth = call.path("depth").asInt();
            String function = call.path("function").asText();
            if (depth <= folded) {
                to.add(depth + " " + function);
                folded = function.equals("touch_atime") ? depth : Integer.MAX_VALUE;
            }
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

    // Last, for the same reason.
    @Order(Integer.MAX_VALUE)
    @ParameterizedTest
    @OnGuests({OLDER, NEWER})
    void breakpointsOfAKilledRunAreTakenOutAndTheDomainWorksOn(String name) throws Exception {
        assertWorksOnAfterKills(xen.domains().get(name), true, "--engine", "trap", "--syscall", CALL);
    }

    @Tag("all")
    @Order(Integer.MAX_VALUE)
    @ParameterizedTest
    @OnGuests({NEWER, OLDER})
    void probesOfAKilledRunAreTakenOutAndTheDomainWorksOn(String name) throws Exception {
        assertWorksOnAfterKills(xen.domains().get(name), false, "--mode", "full");
    }

    // Each second time nobody is there to clean up but the next command.
    private static void assertWorksOnAfterKills(DomainUnderTest it, boolean isFirstGuarded, String... how)
            throws Exception {
        Random random = new Random(SEED + it.cpus());
        CodeInDomain before = CodeInDomain.of(it.domain());
        List<String> arguments = new ArrayList<>(List.of("trace", it.vm(), "-o", "/dev/null"));
        arguments.addAll(List.of(how));
        try (RunningCommand busy =
                it.domain().withLimits(A_BUSY_DOMAIN).start("while " + LIST + " > /dev/null; do usleep 200000; done")) {
            for (int kill = 0; kill < KILLS; kill++) {
                int moment = random.nextInt(LATEST_KILL_MILLIS);
                boolean isGuarded = (kill % 2 == 0) == isFirstGuarded;
                String when = "kill %d after %,d ms, seed %d".formatted(kill, moment, SEED);
                kill(it, moment, isGuarded, arguments.toArray(String[]::new));
                assertThat(it.domain().execChecked("echo alive")).as(when).isEqualTo("alive\n");
                before.assertRestored(when);
                assertThat(busy.running()).as(when + busy.stderrSoFar()).isTrue();
                assertThat(xen.host().dom0().execChecked("ls " + JOURNALS))
                        .as(when)
                        .isEqualTo("lock\n");
            }
        }
    }

    private static void kill(DomainUnderTest it, int moment, boolean isGuarded, String... command) throws Exception {
        try (Dom0Command trace = xen.start(command)) {
            xen.awaitJournal(trace);
            Thread.sleep(moment);
            xen.kill(!isGuarded);
            assertThat(trace.await().err()).doesNotContain("plumbline:");
        }
        if (!isGuarded) {
            CommandRun detach = xen.launch("detach", it.vm());
            assertThat(detach.status()).as(detach.err() + it.domain().console()).isZero();
        }
        xen.awaitGuards();
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
