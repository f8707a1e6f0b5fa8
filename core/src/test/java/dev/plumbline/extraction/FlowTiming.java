package dev.plumbline.extraction;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/// Measures how many events a second become flows, on recorded events of a simulated guest; for a person to run.
public final class FlowTiming {
    private static final int ROUNDS = 12;

    private FlowTiming() {}

    private record Recorded(int[] cpus, long[] words, boolean[] isTime) {}

    /// @param arguments tasks, CPUs, system calls of each task
    public static void main(String[] arguments) throws Exception {
        int tasks = Integer.parseInt(arguments[0]);
        int cpus = Integer.parseInt(arguments[1]);
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(1);
        SimulatedGuest guest = new SimulatedGuest(random);
        guest.run(tasks, cpus, Integer.parseInt(arguments[2]));
        Recorded recorded = record(guest);
        long[] calls = new long[1];
        for (int round = 0; round < ROUNDS; round++) {
            FlowBuilder builder = new FlowBuilder(
                    guest.kernel.code(), SimulatedGuest::identity, cpus, flow -> calls[0] += flow.callCount());
            long start = System.nanoTime();
            long events = 0;
            for (int repeat = 0; repeat < 5; repeat++) {
                events += bring(recorded, builder);
            }
            builder.finish();
            double seconds = (System.nanoTime() - start) / 1e9;
            System.out.printf(
                    "%,d events, %,d flows, %.1f million events/s, %.1f ns each%n",
                    events, builder.flowCount(), events / seconds / 1e6, seconds * 1e9 / events);
        }
    }

    // In batches, CPU after CPU, as rings are read.
    private static Recorded record(SimulatedGuest guest) {
        List<Integer> cpus = new ArrayList<>();
        List<SimulatedGuest.Event> events = new ArrayList<>();
        int[] next = new int[guest.byCpu.size()];
        for (boolean isMore = true; isMore; ) {
            isMore = false;
            for (int cpu = 0; cpu < next.length; cpu++) {
                List<SimulatedGuest.Event> all = guest.byCpu.get(cpu);
                int end = Math.min(all.size(), next[cpu] + 4096);
                for (; next[cpu] < end; next[cpu]++) {
                    cpus.add(cpu);
                    events.add(all.get(next[cpu]));
                }
                isMore |= end < all.size();
            }
        }
        boolean[] isTime = new boolean[events.size()];
        long[] words = new long[events.size() * 4];
        for (int i = 0; i < events.size(); i++) {
            SimulatedGuest.Event event = events.get(i);
            isTime[i] = event.function() == null;
            words[4 * i] = isTime[i] ? event.time() : guest.kernel.address(event.function());
            words[4 * i + 1] = event.returnAddress();
            words[4 * i + 2] = event.task();
            words[4 * i + 3] = event.stackPointer();
        }
        return new Recorded(cpus.stream().mapToInt(Integer::intValue).toArray(), words, isTime);
    }

    private static long bring(Recorded recorded, FlowBuilder builder) {
        long[] words = recorded.words();
        long events = 0;
        for (int i = 0; i < recorded.cpus().length; i++) {
            int at = 4 * i;
            if (recorded.isTime()[i]) {
                builder.time(recorded.cpus()[i], words[at]);
            } else {
                builder.call(recorded.cpus()[i], words[at], words[at + 1], words[at + 2], words[at + 3]);
                events++;
            }
            if ((i & 0x1fff) == 0) {
                builder.settle();
            }
        }
        return events;
    }
}
