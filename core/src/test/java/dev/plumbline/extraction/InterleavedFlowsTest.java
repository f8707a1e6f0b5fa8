package dev.plumbline.extraction;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(120)
class InterleavedFlowsTest {

    @ParameterizedTest(name = "{0} tasks on {1} CPUs, settling {2}, at most {3} waiting events")
    @CsvSource({
        "1, 1, false, 1000000",
        "8, 1, true, 1000000",
        "3, 2, true, 1000000",
        "3, 2, false, 1000000",
        "20, 4, true, 1000000",
        "20, 4, false, 1000000"
    })
    void eachTasksFlowsAreThoseItMade(int tasks, int cpus, boolean settling, int waiting) throws Exception {
        for (long seed = 1; seed <= 8; seed++) {
            RandomGenerator random =
                    RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
            SimulatedGuest guest = new SimulatedGuest(random);
            guest.run(tasks, cpus, 15);
            List<List<String>> seen = new ArrayList<>();
            for (int task = 0; task < tasks; task++) {
                seen.add(new ArrayList<>());
            }
            List<String> aside = new ArrayList<>();
            FlowLimits limits = new FlowLimits(64, 1 << 16, 1 << 20, waiting);
            FlowSink sink = flow -> {
                if (flow.kind() == FlowKind.SYSTEM_CALL) {
                    String name = flow.systemCall().name();
                    seen.get(flow.task().pid()).add(name + ":" + FlowTexts.calls(flow));
                } else {
                    aside.add(flow.kind() + ":" + FlowTexts.calls(flow));
                }
                assertThat(flow.isWhole()).isTrue();
            };
            FlowBuilder builder = new FlowBuilder(guest.kernel.code(), SimulatedGuest::identity, cpus, limits, sink);
            guest.bring(builder, settling);
            assertThat(seen).as("seed %d", seed).isEqualTo(guest.expected);
            assertThat(aside).as("seed %d", seed).containsExactlyInAnyOrderElementsOf(guest.expectedAside);
        }
    }
}
