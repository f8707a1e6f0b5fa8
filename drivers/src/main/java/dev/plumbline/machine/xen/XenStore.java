package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// Reads XenStore through the kernel's device. A message is u32 type, u32 request, u32 transaction, u32 length, and
/// that many bytes (public/io/xs_wire.h), little-endian.
final class XenStore implements AutoCloseable {
    private static final String DEVICE = "/dev/xen/xenbus";
    private static final int HEADER_BYTES = 16;
    private static final int READ = 2;
    /// `XENSTORE_PAYLOAD_MAX`.
    private static final int MOST_BYTES = 4096;

    private final RandomAccessFile device;

    private XenStore(RandomAccessFile device) {
        this.device = device;
    }

    /// @throws GuestException if it cannot be reached
    static XenStore open() throws GuestException {
        try {
            return new XenStore(new RandomAccessFile(DEVICE, "rw"));
        } catch (IOException e) {
            throw unreachable(e);
        }
    }

    /// The name of a domain, if it has one.
    Optional<String> domainName(int domain) throws GuestException {
        byte[] path = ("/local/domain/" + domain + "/name\0").getBytes(StandardCharsets.US_ASCII);
        ByteBuffer request = ByteBuffer.allocate(HEADER_BYTES + path.length).order(ByteOrder.LITTLE_ENDIAN);
        request.putInt(READ).putInt(domain).putInt(0).putInt(path.length).put(path);
        try {
            device.write(request.array());
            ByteBuffer header = ByteBuffer.wrap(read(HEADER_BYTES)).order(ByteOrder.LITTLE_ENDIAN);
            int length = header.getInt(12);
            if (length < 0 || length > MOST_BYTES) {
                throw new IOException("an answer of " + length + " bytes");
            }
            String answer = new String(read(length), StandardCharsets.UTF_8);
            return header.getInt(0) == READ ? Optional.of(answer) : Optional.empty();
        } catch (IOException e) {
            throw unreachable(e);
        }
    }

    private byte[] read(int count) throws IOException {
        byte[] bytes = new byte[count];
        device.readFully(bytes);
        return bytes;
    }

    private static GuestException unreachable(IOException cause) {
        return new GuestException(
                "XenStore cannot be reached (" + DEVICE + "): " + cause.getMessage()
                        + "; start xenstored, or name the domain by its number",
                cause);
    }

    @Override
    public void close() throws GuestException {
        try {
            device.close();
        } catch (IOException e) {
            throw unreachable(e);
        }
    }
}
