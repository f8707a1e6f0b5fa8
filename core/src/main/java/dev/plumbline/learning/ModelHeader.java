package dev.plumbline.learning;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/// Looks at the first bytes of a file, before SQLite does, to say what it is if it is no model of ours.
///
/// The database header (https://www.sqlite.org/fileformat2.html, 1.3): 16 bytes of text; u16@16 page
/// size, 1 standing for 65536; u32@28 pages; u32@60 user version; u32@68 application id; all
/// big-endian, 100 bytes in all.
final class ModelHeader {
    private static final byte[] MAGIC = "SQLite format 3\0".getBytes(StandardCharsets.US_ASCII);
    private static final int BYTES = 100;

    private ModelHeader() {}

    /// @throws ModelException if it is no model of a format known here, or not all of one
    static void verify(Path file) throws IOException {
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new ModelException(file + " is no model: it is no regular file");
        }
        ByteBuffer header = ByteBuffer.allocate(BYTES);
        long sizeBytes;
        try (FileChannel channel = FileChannel.open(file)) {
            sizeBytes = channel.size();
            while (header.hasRemaining() && channel.read(header) >= 0) {
                // A read may give less than is asked for.
            }
        }
        verify(file, header, sizeBytes);
    }

    private static void verify(Path file, ByteBuffer header, long sizeBytes) throws ModelException {
        if (header.hasRemaining() || !Arrays.equals(header.array(), 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
            throw new ModelException(file + " is no model: name one that `learn` has written");
        }
        if (header.getInt(68) != ModelSchema.APPLICATION_ID) {
            throw new ModelException(file + " is no model, but an SQLite file of something else: name one that"
                    + " `learn` has written");
        }
        int format = header.getInt(60);
        if (format > ModelSchema.FORMAT) {
            throw new ModelException("%s has format %d, and this Plumbline knows formats up to %d: use a newer one"
                    .formatted(file, format, ModelSchema.FORMAT));
        }
        if (format < ModelSchema.FORMAT) {
            throw new ModelException("%s has format %d, which this Plumbline does not know any more: learn anew"
                    .formatted(file, format));
        }
        int page = Short.toUnsignedInt(header.getShort(16));
        long expected = Integer.toUnsignedLong(header.getInt(28)) * (page == 1 ? 1 << 16 : page);
        if (expected != sizeBytes) {
            throw ModelReader.damaged(file.toString(), "it has %,d bytes of %,d".formatted(sizeBytes, expected), null);
        }
    }
}
