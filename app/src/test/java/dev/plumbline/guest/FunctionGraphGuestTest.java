package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// The flows of a program's system calls are what the guest's own function_graph tracer records for the same program:
/// the same functions in the same nesting. [SlowPaths] lists what is not compared, with reasons.
///
/// A kernel does not do the same in each of two equal system calls. So every place of the program is passed many times;
/// the tree it has most often by one tracer must be one that the other saw as well, and who called whom in most rounds
/// by one tracer must be known to the other. Where a host that is busy makes a difference, more rounds remove it; a
/// call that is put in a wrong place stays one.
@Tag("guest")
@Timeout(600)
class FunctionGraphGuestTest {
    private static final int ROUNDS = 10;
    private static final int MOST_RUNS = 3;
    private static final String PROGRAM = "fixed-calls";
    private static final Pattern NAME = Pattern.compile(".*_sys_(\\w+)");

    private static final Set<String> CALLS =
            Set.of(("accept4 bind brk chdir clone close connect dup epoll_create1 epoll_ctl epoll_wait eventfd2 execve "
                            + "exit_group fcntl ftruncate futex getcwd getdents64 getpid getppid getrandom getrusage "
                            + "kill listen lseek madvise mkdir mmap mprotect munmap nanosleep newfstatat newfstat "
                            + "newuname openat pipe2 poll prctl pwrite64 read recvfrom rename rmdir rt_sigprocmask "
                            + "rt_sigaction rt_sigreturn sched_yield sendto setsockopt shutdown socket socketpair "
                            + "statfs timerfd_create timerfd_settime unlink wait4 write")
                    .split(" "));

    @TempDir
    private Path directory;

    @ParameterizedTest
    @OnGuests(
            value = {"V6_12, 2", "V6_1, 1", "V6_1, 2", "V6_12, 1"},
            first = 1)
    void flowsAreWhatTheGuestsOwnTracerRecords(GuestKernel version, int cpus) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withKernel(version)
                .withCpus(cpus)
                .withExtraQemuArguments(GuestUnderTest.ONE_THREAD))) {
            guest.guest().execChecked("echo 0 > /proc/sys/kernel/randomize_va_space; " + PROGRAM + " 3");
            TreesByCall expected = new TreesByCall();
            TreesByCall found = new TreesByCall();
            List<String> differences = List.of("nothing was compared");
            for (int run = 0; run < MOST_RUNS && !differences.isEmpty(); run++) {
                var graph = new GraphTracer(guest.guest()).record(PROGRAM + " " + ROUNDS);
                CommonNames common = traced(guest, found);
                for (List<RanFunction> roots : graph.values()) {
                    expected.add(GraphCalls.of(roots).stream().map(common::in).toList());
                }
                assertThat(expected.rounds()).isEqualTo((run + 1) * ROUNDS);
                differences = differences(expected, found);
            }
            assertThat(differences).isEmpty();
        }
    }

    private CommonNames traced(GuestUnderTest guest, TreesByCall found) throws Exception {
        List<RecordedFlow> flows = new ArrayList<>();
        FlowNames names = new FlowNames();
        ProbedGuest.Outcome outcome = new ProbedGuest(guest, directory).run(PROGRAM + " " + ROUNDS, flow -> {
            if (flow.task().comm().equals(PROGRAM) && flow.kind() == FlowKind.SYSTEM_CALL) {
                flows.add(RecordedFlow.of(flow, names));
            }
        });
        CommonNames common = new CommonNames(outcome.graph());
        // Rounds cannot be told apart where something is missing.
        if (outcome.lost() == 0) {
            Map<Integer, List<RanFunction>> tasks = new TreeMap<>();
            flows.forEach(flow -> tasks.computeIfAbsent(flow.task().pid(), _ -> new ArrayList<>())
                    .add(common.in(flow.roots().getFirst())));
            tasks.values().forEach(found::add);
        }
        return common;
    }

    private static List<String> differences(TreesByCall expected, TreesByCall found) {
        if (found.rounds() < ROUNDS) {
            return List.of(found.rounds() + " rounds were whole");
        }
        assertThat(found.places()).isEqualTo(expected.places());
        List<String> differences = new ArrayList<>();
        Set<String> compared = new HashSet<>();
        for (String place : expected.places()) {
            String call = call(place);
            compared.add(call);
            if (!SlowPaths.VARYING.contains(call)) {
                compare(place, expected, found, differences);
            }
        }
        assertThat(compared).containsAll(CALLS);
        expected.unknownTo(found).forEach(edge -> differences.add("only the guest saw " + edge));
        found.unknownTo(expected).forEach(edge -> differences.add("only Plumbline saw " + edge));
        return differences;
    }

    private static void compare(String place, TreesByCall expected, TreesByCall found, List<String> differences) {
        String its = expected.usual(place);
        String ours = found.usual(place);
        if (expected.count(place, its) < expected.rounds() / 4 || found.count(place, ours) < found.rounds() / 4) {
            differences.add(place + " is hardly ever the same");
        }
        if (found.count(place, its) == 0 || expected.count(place, ours) == 0) {
            differences.add(place + ", its and ours: " + TreesByCall.parting(its, ours));
        }
    }

    private static String call(String place) {
        Matcher name = NAME.matcher(place);
        return name.matches() ? name.group(1) : place;
    }
}
