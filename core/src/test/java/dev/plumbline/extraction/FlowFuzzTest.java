package dev.plumbline.extraction;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class FlowFuzzTest {
    private static final int EVENTS = 400_000;
    private static final int CPUS = 3;

    /// Every event is in a flow or counted as left out, whatever comes, and what is kept stays within the limits.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void anyEventsMakeFlowsWithinLimits(long seed) throws Exception {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
        SketchKernel kernel = new SimulatedGuest(random).kernel;
        FlowLimits limits = new FlowLimits(100, 1 << 10, 1 << 14, 1 << 12);
        long[] calls = new long[1];
        FlowSink sink = flow -> {
            calls[0] += flow.callCount() + flow.omittedCallCount();
            assertThat(flow.callCount()).isBetween(1, limits.callsInFlow());
            int depth = -1;
            for (int call = 0; call < flow.callCount(); call++) {
                assertThat(flow.depth(call)).isBetween(0, depth + 1);
                depth = flow.depth(call);
            }
        };
        FlowBuilder builder = new FlowBuilder(kernel.code(), task -> identity(task, random), CPUS, limits, sink);
        for (int event = 0; event < EVENTS; event++) {
            int cpu = random.nextInt(CPUS);
            switch (random.nextInt(400)) {
                case 0 -> builder.lost(cpu, random.nextLong());
                case 1, 2, 3 -> builder.time(cpu, random.nextBoolean() ? random.nextLong() : event);
                case 4 -> builder.settle();
                case 5 -> {
                    if (random.nextInt(100) == 0) {
                        builder.codeChanged(kernel.code());
                    }
                }
                default -> {
                    // An event like any other.
                }
            }
            long task = random.nextInt(3) == 0 ? random.nextLong() : SimulatedGuest.task(random.nextInt(300));
            builder.call(cpu, site(kernel, random), returnAddress(kernel, random), task, stackPointer(random));
        }
        builder.finish();
        assertThat(calls[0]).isEqualTo(EVENTS);
        assertThat(builder.eventCount()).isEqualTo(EVENTS);
    }

    private static TaskIdentity identity(long task, RandomGenerator random) {
        return switch (random.nextInt(4)) {
            case 0 -> TaskIdentity.UNKNOWN;
            case 1 -> new TaskIdentity(random.nextInt(), 0, "?", random.nextBoolean(), random.nextLong());
            default -> SimulatedGuest.identity(task);
        };
    }

    private static long site(SketchKernel kernel, RandomGenerator random) {
        // The first is the dispatcher, whose own events belong to no flow.
        String name = kernel.names().get(random.nextInt(1, kernel.names().size()));
        return random.nextInt(10) == 0 ? random.nextLong() : kernel.address(name);
    }

    private static long returnAddress(SketchKernel kernel, RandomGenerator random) {
        String name = kernel.names().get(random.nextInt(kernel.names().size()));
        int steps = kernel.steps(name).size();
        return random.nextInt(10) == 0 || steps == 0
                ? random.nextLong()
                : kernel.returnAddress(name, random.nextInt(steps));
    }

    private static long stackPointer(RandomGenerator random) {
        return random.nextInt(10) == 0
                ? random.nextLong()
                : SimulatedGuest.stackTop(random.nextInt(10)) - random.nextInt(0x5000);
    }
}
