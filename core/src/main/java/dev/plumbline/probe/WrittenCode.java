package dev.plumbline.probe;

import dev.plumbline.machine.PhysicalAddress;
import java.util.Map;
import java.util.TreeMap;

/// What a probe engine has written over the guest's code, as it is to stand there now: for those who check the code
/// meanwhile. Bytes inside it that the engine changes as data, while the guest runs, are known as such. For one
/// thread.
public final class WrittenCode {
    // Neither the pieces nor the data overlap among themselves.
    private final TreeMap<Long, Piece> pieces = new TreeMap<>();
    private final TreeMap<Long, Integer> data = new TreeMap<>();
    private long mark;
    private long ownStart;
    private int ownBytes;

    private record Piece(byte[] bytes, long mark) {}

    /// Takes pieces.
    public interface Sink {
        /// One more.
        ///
        /// @param address where its first byte is in the guest
        /// @param bytes what stands there; not to be changed
        void piece(PhysicalAddress address, byte[] bytes);
    }

    /// Memory that nobody but the engine uses: what stands there is its own code, at sites it is calls and jumps there.
    public void claim(PhysicalAddress address, int sizeBytes) {
        ownStart = address.value();
        ownBytes = sizeBytes;
    }

    /// Whether it lies in memory that nobody but the engine uses.
    public boolean isOwn(PhysicalAddress address) {
        return address.value() - ownStart >= 0 && address.value() - ownStart < ownBytes;
    }

    /// Code was written.
    public void wroteCode(PhysicalAddress address, byte[] bytes) {
        long start = address.value();
        long end = start + bytes.length;
        byte[] now = bytes.clone();
        Map.Entry<Long, Piece> other = pieces.lowerEntry(end);
        while (other != null && other.getKey() + other.getValue().bytes().length > start) {
            long from = Math.min(start, other.getKey());
            long to = Math.max(end, other.getKey() + other.getValue().bytes().length);
            byte[] joined = new byte[(int) (to - from)];
            byte[] before = other.getValue().bytes();
            System.arraycopy(before, 0, joined, (int) (other.getKey() - from), before.length);
            System.arraycopy(now, 0, joined, (int) (start - from), now.length);
            pieces.remove(other.getKey());
            now = joined;
            start = from;
            end = to;
            other = pieces.lowerEntry(end);
        }
        pieces.put(start, new Piece(now, ++mark));
    }

    /// Data was written; it counts where it lies in code of ours.
    public void wroteData(PhysicalAddress address, int sizeBytes) {
        Map.Entry<Long, Piece> around = pieces.floorEntry(address.value());
        if (around != null && around.getKey() + around.getValue().bytes().length > address.value()) {
            data.merge(address.value(), sizeBytes, Math::max);
        }
    }

    /// A number that grows with each write of code; 0 if there was none.
    public long mark() {
        return mark;
    }

    /// Hands out what was written after the mark was `since`, whole pieces, ascending.
    public void since(long since, Sink sink) {
        pieces.forEach((address, piece) -> {
            if (piece.mark() > since) {
                sink.piece(new PhysicalAddress(address), piece.bytes());
            }
        });
    }

    /// Writes over `code`, which was read elsewhere, what of this stands there.
    ///
    /// @param address of the first byte
    public void overlay(PhysicalAddress address, byte[] code) {
        long start = address.value();
        long end = start + code.length;
        Map.Entry<Long, Piece> piece = pieces.lowerEntry(end);
        while (piece != null && piece.getKey() + piece.getValue().bytes().length > start) {
            long from = Math.max(start, piece.getKey());
            long to = Math.min(end, piece.getKey() + piece.getValue().bytes().length);
            System.arraycopy(piece.getValue().bytes(), (int) (from - piece.getKey()), code, (int) (from - start), (int)
                    (to - from));
            piece = pieces.lowerEntry(piece.getKey());
        }
    }

    /// Whether the byte there is one that the engine changes as data.
    public boolean isData(PhysicalAddress address) {
        Map.Entry<Long, Integer> word = data.floorEntry(address.value());
        return word != null && address.value() - word.getKey() < word.getValue();
    }
}
