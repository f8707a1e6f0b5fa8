package dev.plumbline.callgraph;

import dev.plumbline.kernel.PatchPlaces;
import java.util.Arrays;
import java.util.Optional;

/// Direct edges, ascending by site, as parallel arrays: grown while code is scanned, then frozen by its owner.
final class EdgeTable {
    private long[] sites;
    private long[] targetAddresses;
    private int[] targets;
    private byte[] kinds;
    private byte[] patched = new byte[0];
    private int count;

    EdgeTable(int capacity) {
        sites = new long[capacity];
        targetAddresses = new long[capacity];
        targets = new int[capacity];
        kinds = new byte[capacity];
    }

    void add(long site, long targetAddress, int target, EdgeKind kind) {
        if (count == sites.length) {
            resize(count * 2 + 16);
        }
        sites[count] = site;
        targetAddresses[count] = targetAddress;
        targets[count] = target;
        kinds[count++] = (byte) kind.ordinal();
    }

    void addAll(EdgeTable other) {
        System.arraycopy(other.sites, 0, sites, count, other.count);
        System.arraycopy(other.targetAddresses, 0, targetAddresses, count, other.count);
        System.arraycopy(other.targets, 0, targets, count, other.count);
        System.arraycopy(other.kinds, 0, kinds, count, other.count);
        count += other.count;
    }

    private void resize(int capacity) {
        sites = Arrays.copyOf(sites, capacity);
        targetAddresses = Arrays.copyOf(targetAddresses, capacity);
        targets = Arrays.copyOf(targets, capacity);
        kinds = Arrays.copyOf(kinds, capacity);
    }

    void markPatched(PatchPlaces places) {
        patched = PatchMarks.of(sites, count, places);
    }

    int count() {
        return count;
    }

    long site(int edge) {
        return sites[edge];
    }

    long targetAddress(int edge) {
        return targetAddresses[edge];
    }

    /// The target function, or [CallGraph#NONE].
    int target(int edge) {
        return targets[edge];
    }

    EdgeKind kind(int edge) {
        return EdgeKind.of(kinds[edge]);
    }

    Optional<PatchPlaces.Kind> patched(int edge) {
        return PatchMarks.kind(patched[edge]);
    }

    boolean isFtraceCall(int edge) {
        return patched[edge] == PatchMarks.FTRACE;
    }
}
