package dev.plumbline.callgraph;

import dev.plumbline.kernel.PatchPlaces;
import java.util.Optional;

/// Which of many ascending sites are legally patched places, found in one pass over both.
final class PatchMarks {
    static final byte FTRACE = (byte) (PatchPlaces.Kind.FTRACE.ordinal() + 1);
    private static final PatchPlaces.Kind[] KINDS = PatchPlaces.Kind.values();

    private PatchMarks() {}

    /// A mark for each of the first `count` sites; 0 where nobody patches. Where two patch, the tracer comes
    /// before static calls, these before static keys, and kprobes last.
    static byte[] of(long[] sites, int count, PatchPlaces places) {
        byte[] marks = new byte[count];
        mark(marks, sites, places.kprobeSites(), PatchPlaces.Kind.KPROBE);
        mark(marks, sites, places.staticKeySites(), PatchPlaces.Kind.STATIC_KEY);
        mark(marks, sites, places.staticCallSites(), PatchPlaces.Kind.STATIC_CALL);
        mark(marks, sites, places.ftraceSites(), PatchPlaces.Kind.FTRACE);
        return marks;
    }

    static Optional<PatchPlaces.Kind> kind(byte mark) {
        return mark == 0 ? Optional.empty() : Optional.of(KINDS[mark - 1]);
    }

    private static void mark(byte[] marks, long[] sites, long[] places, PatchPlaces.Kind kind) {
        int place = 0;
        for (int site = 0; site < marks.length && place < places.length; site++) {
            while (place < places.length && Long.compareUnsigned(places[place], sites[site]) < 0) {
                place++;
            }
            if (place < places.length && places[place] == sites[site]) {
                marks[site] = (byte) (kind.ordinal() + 1);
            }
        }
    }
}
