package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Tasks that each make one kind of blocking system call, while others compute and all are moved from CPU to CPU: no
/// flow holds a function that only another task's kind of system call reaches. That every entry of the recorder is
/// accounted for is checked by [ProbedGuest].
@Tag("guest")
@Timeout(300)
class TaskMarkersGuestTest {
    private static final String PREFIX = "mark-";
    private static final int LEAST_FLOWS = 3;
    private static final int MOST_SHOWN = 5;
    private static final int MOST_RUNS = 3;

    /// By the name of the tasks: functions that only their system calls reach.
    private static final Map<String, Pattern> MARKERS = Map.of(
            "mark-pipe", Pattern.compile("pipe_(read|write)"),
            "mark-unix", Pattern.compile("unix_stream_(sendmsg|recvmsg|read_generic)"),
            "mark-eventfd", Pattern.compile("eventfd_(read|write)"),
            "mark-message", Pattern.compile("do_msg(snd|rcv)|load_msg|store_msg|free_msg"),
            "mark-futex", Pattern.compile("futex_wait.*"),
            "mark-timer", Pattern.compile("timerfd_.*|do_timerfd_.*"),
            "mark-poll", Pattern.compile("do_sys_poll|poll_schedule_timeout.*"),
            "mark-sleep", Pattern.compile("hrtimer_nanosleep|do_nanosleep"),
            "mark-signal", Pattern.compile("do_sigtimedwait.*|__x64_sys_rt_sigtimedwait"),
            "mark-advice", Pattern.compile("madvise_.*|do_madvise.*"));

    @TempDir
    private Path directory;

    /// Looks for markers in the flows of system calls.
    private static final class Watch implements FlowSink {
        private final FlowNames names = new FlowNames();
        private final Map<String, String> owners = new HashMap<>();
        private final Map<String, Integer> own = new HashMap<>();
        private final Map<Integer, Set<Integer>> cpus = new HashMap<>();
        private final List<String> foreign = new ArrayList<>();
        private long wholeFlows;

        @Override
        public void flow(Flow flow) {
            String comm = flow.task().comm();
            if (flow.kind() != FlowKind.SYSTEM_CALL || !comm.startsWith(PREFIX)) {
                return;
            }
            wholeFlows += flow.isWhole() ? 1 : 0;
            cpus.computeIfAbsent(flow.task().pid(), _ -> new HashSet<>()).add(flow.cpu());
            boolean isOwn = false;
            for (int call = 0; call < flow.callCount(); call++) {
                String function = names.function(flow, call);
                String owner = owners.computeIfAbsent(function, Watch::owner);
                isOwn |= owner.equals(comm);
                if (!owner.isEmpty() && !owner.equals(comm) && foreign.size() < MOST_SHOWN) {
                    foreign.add("%s in %s of %s-%d on CPU %d"
                            .formatted(
                                    function,
                                    flow.systemCall().name(),
                                    comm,
                                    flow.task().pid(),
                                    flow.cpu()));
                }
            }
            own.merge(comm, isOwn ? 1 : 0, Integer::sum);
        }

        boolean hasSeenEnough() {
            return MARKERS.keySet().stream().allMatch(comm -> own.getOrDefault(comm, 0) >= LEAST_FLOWS);
        }

        private static String owner(String function) {
            return MARKERS.entrySet().stream()
                    .filter(marker -> marker.getValue().matcher(function).matches())
                    .map(Map.Entry::getKey)
                    .findFirst()
                    .orElse("");
        }
    }

    @ParameterizedTest
    @OnGuests({"V6_1, 2", "V6_12, 2", "V6_1, 1", "V6_12, 1"})
    void noFlowHoldsFunctionsOfAnotherTask(GuestKernel version, int cpus) throws Exception {
        try (GuestUnderTest guest =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(version).withCpus(cpus))) {
            Watch watch = new Watch();
            for (int run = 0; run < MOST_RUNS && !watch.hasSeenEnough(); run++) {
                ProbedGuest.Outcome outcome = new ProbedGuest(guest, directory).run("marked-tasks 3", watch);
                assertThat(watch.foreign).isEmpty();
                assertThat(outcome.events()).isPositive();
            }
            assertThat(watch.own.keySet()).containsAll(MARKERS.keySet());
            assertThat(MARKERS.keySet())
                    .allSatisfy(comm -> assertThat(watch.own.get(comm)).as(comm).isGreaterThanOrEqualTo(LEAST_FLOWS));
            assertThat(watch.wholeFlows).isPositive();
            if (cpus > 1) {
                assertThat(watch.cpus.values())
                        .as("tasks that made system calls on both CPUs")
                        .anyMatch(seen -> seen.size() > 1);
            }
        }
    }
}
