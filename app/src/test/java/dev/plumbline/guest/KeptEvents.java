package dev.plumbline.guest;

import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.probe.CallEventSink;
import java.util.Arrays;

/// Keeps call events to look at them later, so that a test on a busy host reads rings as fast as it can.
final class KeptEvents implements CallEventSink {
    private static final int LONGS = 5;
    private static final int CALL = 0;
    private static final int TIME = 1;
    private static final int LOST = 2;
    private static final int ROUND = 3;

    private long[] longs = new long[LONGS << 20];
    private int end;

    private void add(int kind, int cpu, long one, long two, long three, long four) {
        if (end == longs.length) {
            longs = Arrays.copyOf(longs, longs.length * 2);
        }
        longs[end] = (long) kind << 32 | cpu;
        longs[end + 1] = one;
        longs[end + 2] = two;
        longs[end + 3] = three;
        longs[end + 4] = four;
        end += LONGS;
    }

    @Override
    public void call(int cpu, long site, long returnAddress, long task, long stackPointer) {
        add(CALL, cpu, site, returnAddress, task, stackPointer);
    }

    @Override
    public void time(int cpu, long timeStampCounter) {
        add(TIME, cpu, timeStampCounter, 0, 0, 0);
    }

    @Override
    public void lost(int cpu, long count) {
        add(LOST, cpu, count, 0, 0, 0);
    }

    /// Every ring has been read once more.
    void round() {
        add(ROUND, 0, 0, 0, 0, 0);
    }

    /// Hands all on as they came.
    void bring(FlowBuilder flows) {
        for (int at = 0; at < end; at += LONGS) {
            int cpu = (int) longs[at];
            switch ((int) (longs[at] >>> 32)) {
                case CALL -> flows.call(cpu, longs[at + 1], longs[at + 2], longs[at + 3], longs[at + 4]);
                case TIME -> flows.time(cpu, longs[at + 1]);
                case LOST -> flows.lost(cpu, longs[at + 1]);
                default -> flows.settle();
            }
        }
        flows.finish();
    }
}
