package dev.plumbline.probe.inline;

import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.KnownEdge;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/// What an [EdgeTable] holds when the recorder has met some edges: its words, made here in the way the recorder makes
/// them. With it the table starts, and starts anew.
final class EdgeTableImage {
    private final EdgeTable table;
    private final long[] words = new long[EdgeTable.WORDS];
    private int edgeCount;

    /// @param known the edges, the latest last: where a bucket is full, the earliest are not in it
    EdgeTableImage(EdgeTable table, List<KnownEdge> known) {
        this.table = table;
        known.forEach(this::meet);
    }

    /// Does what the recorder does when it is asked.
    ///
    /// @return whether the edge was new
    boolean meet(KnownEdge edge) {
        if (!EdgeTable.isKept(edge)) {
            return true;
        }
        long word = EdgeTable.word(edge);
        int first = table.bucket(edge);
        int last = first + EdgeTable.BUCKET_WORDS - 1;
        for (int way = first; way <= last; way++) {
            if (words[way] == word) {
                return false;
            }
        }
        edgeCount += words[last] == 0 ? 1 : 0;
        System.arraycopy(words, first, words, first + 1, last - first);
        words[first] = word;
        return true;
    }

    EdgeTable table() {
        return table;
    }

    /// How many edges are in it.
    int edgeCount() {
        return edgeCount;
    }

    /// Makes it what the guest's table holds.
    void write(GuestText text) throws GuestException {
        text.writeData(table.address(), bytes());
    }

    /// As it stands in the guest's memory.
    byte[] bytes() {
        ByteBuffer bytes = ByteBuffer.allocate(words.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asLongBuffer().put(words);
        return bytes.array();
    }
}
