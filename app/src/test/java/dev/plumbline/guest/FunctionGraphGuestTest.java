package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("guest")
@Timeout(300)
class FunctionGraphGuestTest {
    private static final int ROUNDS = 12;
    private static final String PROGRAM = "fixed-calls";

    @TempDir
    private Path directory;

    @ParameterizedTest
    @CsvSource({"V6_1, 1", "V6_12, 2"})
    void flowsAreWhatTheGuestsOwnTracerRecords(GuestKernel version, int cpus) throws Exception {
        try (GuestUnderTest guest =
                GuestUnderTest.boot(GuestOptions.DEFAULT.withKernel(version).withCpus(cpus))) {
            String command = PROGRAM + " " + ROUNDS;
            Map<Integer, List<RanFunction>> graph = new GraphTracer(guest.guest()).record(command);
            List<RecordedFlow> flows = new ArrayList<>();
            FlowNames names = new FlowNames();
            var outcome = new ProbedGuest(guest, directory).run(command, flow -> {
                if (flow.task().comm().equals(PROGRAM)) {
                    flows.add(RecordedFlow.of(flow, names));
                }
            });
            System.err.println(outcome.events() + " events, lost " + outcome.lost() + ", flows " + flows.size());
            CommonNames common = new CommonNames(outcome.graph());
            TreesByCall expected = new TreesByCall();
            for (List<RanFunction> roots : graph.values()) {
                expected.add(GraphCalls.of(roots).stream().map(common::in).toList());
            }
            TreesByCall found = new TreesByCall();
            Map<Integer, List<RanFunction>> tasks = new TreeMap<>();
            for (RecordedFlow flow : flows) {
                if (flow.kind() == FlowKind.SYSTEM_CALL) {
                    tasks.computeIfAbsent(flow.task().pid(), _ -> new ArrayList<>())
                            .add(common.in(flow.roots().getFirst()));
                }
            }
            tasks.values().forEach(found::add);
            int bad = 0;
            for (String place : expected.places()) {
                String want = expected.usual(place);
                String got = found.usual(place);
                boolean fine = found.count(place, want) > 0 && expected.count(place, got) > 0;
                System.err.println((fine ? "ok  " : "BAD ") + place + " graph " + expected.count(place, want) + "/"
                        + expected.count(place)
                        + " ours " + found.count(place, got) + "/" + found.count(place) + " functions "
                        + want.split("[ (]").length + " " + got.split("[ (]").length
                        + (want.equals(got) ? "" : " other mode"));
                if (!fine) {
                    bad++;
                    int i = 0;
                    while (i < want.length() && i < got.length() && want.charAt(i) == got.charAt(i)) i++;
                    System.err.println(
                            "   graph: " + want.substring(Math.max(0, i - 150), Math.min(want.length(), i + 150)));
                    System.err.println(
                            "   ours : " + got.substring(Math.max(0, i - 150), Math.min(got.length(), i + 150)));
                }
            }
            assertThat(bad).isZero();
        }
    }
}
