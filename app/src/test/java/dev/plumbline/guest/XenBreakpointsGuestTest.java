package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.XenDomain;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A domain of Xen stops at each call of a function, on whichever vCPU, and only there; int3 of its own stay its own,
/// and whatever becomes of the run that stops it, it can be let run on.
@Tag("guest")
@Tag("all")
@Timeout(600)
class XenBreakpointsGuestTest {
    private static final long SEED = 20_261_127;
    private static final int KILLS = OnGuests.ALL ? 6 : 2;
    private static final int LATEST_KILL_MILLIS = 1500;
    private static final int CALLS = 100;
    private static final String RARE = "__x64_sys_getppid";
    private static final String FREQUENT = "do_filp_open";
    private static final String LOOPS = "syscall-loop %d & syscall-loop %d & wait".formatted(CALLS, CALLS);
    private static final String TRACING = "cd /sys/kernel/tracing && ";
    private static final String PROGRAM = XenUnderTest.JAVA + " -Xint " + XenBreakpointRun.class.getName();

    private static XenUnderTest xen;
    private static XenDomain older;
    private static XenDomain newer;

    @BeforeAll
    static void boot() throws Exception {
        xen = XenUnderTest.boot();
        older = xen.start("older", GuestKernel.V6_1, 1).domain();
        newer = xen.start("newer", GuestKernel.V6_12, 2).domain();
        xen.bring(XenBreakpointRun.class);
        xen.bring(BreakpointRun.class);
    }

    @AfterAll
    static void end() throws Exception {
        if (xen != null) {
            xen.close();
        }
    }

    private static String site(XenDomain domain, String function, int offset) throws GuestException {
        String address = domain.execChecked("grep ' %s$' /proc/kallsyms".formatted(function))
                .split(" ")[0];
        // Where branches are tracked the NOP stands behind an endbr64.
        int entry = domain == newer ? 4 : 0;
        return " " + Long.toUnsignedString(Long.parseUnsignedLong(address, 16) + entry + offset);
    }

    private static Dom0Command stopping(XenDomain domain, String how, String... sites) throws Exception {
        Dom0Command run =
                Dom0Command.start(xen.host().dom0(), PROGRAM, domain.name() + " " + how + String.join("", sites));
        run.awaitError("set in");
        return run;
    }

    private static List<Integer> hits(CommandRun run) {
        assertThat(run.status()).as(run.err()).isIn(0, 143);
        return run.out()
                .lines()
                .filter(line -> line.startsWith("hits "))
                .map(line -> Integer.valueOf(line.substring("hits ".length())))
                .toList();
    }

    // That it has stood still for long is no fault: some time passes between a kill and the next run.
    private static void assertWell(XenDomain domain) throws GuestException {
        assertThat(domain.execChecked("dmesg | grep -v 'soft lockup'")).doesNotContain("BUG:", "WARNING:", "Oops");
    }

    @Test
    void everyCallOfTwoVcpusIsAHit() throws Exception {
        try (Dom0Command run = stopping(newer, "both", site(newer, RARE, 0), site(newer, FREQUENT, 0))) {
            newer.execChecked(LOOPS);
            List<Integer> hits = hits(run.end());
            // The shell asks for its parent, too.
            assertThat(hits.getFirst()).isEqualTo(2 * CALLS + 1);
            assertThat(hits.getLast()).isGreaterThanOrEqualTo(2 * CALLS);
        }
        assertWell(newer);
    }

    @Test
    void anInt3OfTheDomainsOwnStaysItsOwn() throws Exception {
        String[] sites = {site(older, RARE, 0), site(older, RARE, 5)};
        older.exec("echo 0 > /proc/sys/debug/kprobes-optimization");
        older.execChecked(TRACING
                + "echo 'p:shared %s+5' > kprobe_events && echo 'p:own %s+5' >> kprobe_events".formatted(RARE, FREQUENT)
                + " && echo 1 > events/kprobes/enable");
        try (Dom0Command run = stopping(older, "step", sites)) {
            int[] before = kprobeHits();
            older.execChecked("syscall-loop " + CALLS);
            int[] after = kprobeHits();
            // Shells ask for their parent, too: that of the loop, and the one that looks.
            assertThat(after[0] - before[0])
                    .as("where there is a breakpoint as well")
                    .isEqualTo(CALLS + 2);
            assertThat(after[1] - before[1]).as("elsewhere").isGreaterThanOrEqualTo(CALLS);
            assertAnotherRunIsRefused();
            assertThat(hits(run.end())).containsExactly(CALLS + 4, CALLS + 4);
        }
        older.execChecked(TRACING + "echo 0 > events/kprobes/enable && echo > kprobe_events");
        assertWell(older);
    }

    // Of both kprobes, none of them missed.
    private static int[] kprobeHits() throws GuestException {
        List<String[]> lines = older.execChecked(TRACING + "cat kprobe_profile")
                .lines()
                .map(line -> line.strip().split(" +"))
                .toList();
        assertThat(lines).allMatch(line -> line[2].equals("0"));
        return lines.stream().mapToInt(line -> Integer.parseInt(line[1])).toArray();
    }

    private static void assertAnotherRunIsRefused() throws GuestException {
        ExecResult second = xen.host().dom0().exec(PROGRAM + " older write" + site(older, FREQUENT, 0));
        assertThat(second.stderrText()).contains("another run has its breakpoints in xen:older: end that run first");
    }

    @Test
    void aKilledRunIsRecoveredFromByTheNext() throws Exception {
        Random random = new Random(SEED);
        CodeInDomain before = CodeInDomain.of(newer);
        String[] sites = {site(newer, RARE, 0), site(newer, FREQUENT, 0)};
        newer.execChecked("(syscall-loop 900s & syscall-loop 900s) > /dev/null 2>&1 &");
        for (int kill = 0; kill < KILLS; kill++) {
            try (Dom0Command run = stopping(newer, "both", sites)) {
                assertThat(run.printed()).isEqualTo("left " + (kill > 0) + "\n");
                assertThat(newer.execChecked("echo alive")).isEqualTo("alive\n");
                Thread.sleep(random.nextInt(LATEST_KILL_MILLIS));
                run.kill();
            }
        }
        assertThat(xen.host().dom0().execChecked(PROGRAM + " newer")).isEqualTo("left true\n");
        assertThat(newer.execChecked("pidof syscall-loop").strip().split(" ")).hasSize(2);
        newer.execChecked("killall syscall-loop");
        before.assertNoBreakpointIsLeft();
        assertWell(newer);
    }
}
