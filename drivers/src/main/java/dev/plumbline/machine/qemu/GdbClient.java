package dev.plumbline.machine.qemu;

import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;

/// As much of GDB's remote protocol (GDB manual, appendix "GDB Remote Serial Protocol") as QEMU's debug stub is
/// used for.
///
/// A packet is `$DATA#XX`, XX being the sum of DATA's bytes modulo 256, and is acknowledged by `+`; QEMU takes
/// the next packet for an acknowledgement as well, so they are sent together. Stop packets that nobody asked
/// for are passed over. For one thread at a time.
final class GdbClient {
    private static final Duration ANSWER = Duration.ofSeconds(10);
    private static final int LONGEST_PACKET_BYTES = 1 << 16;
    private static final int LARGEST_WRITE_BYTES = 1024;
    private static final int UNANSWERED_WRITES = 64;
    private static final char ACKNOWLEDGEMENT = '+';

    private final UnixStream stream;
    private final ByteBuffer arrived = ByteBuffer.allocate(1 << 12).limit(0);

    GdbClient(UnixStream stream) {
        this.stream = stream;
    }

    /// Makes addresses physical ones from now on.
    void usePhysicalAddresses() throws GuestException {
        Deadline deadline = Deadline.after(ANSWER);
        send("Qqemu.PhyMemMode:1", deadline);
        expectOk("Qqemu.PhyMemMode:1", deadline);
    }

    /// Writes the patches in order, many packets ahead of their replies.
    void write(List<CodePatch> patches) throws GuestException {
        int unanswered = 0;
        for (CodePatch patch : patches) {
            for (int done = 0; done < patch.bytes().length; done += LARGEST_WRITE_BYTES) {
                if (unanswered == UNANSWERED_WRITES) {
                    expectOk("M", Deadline.after(ANSWER));
                    unanswered--;
                }
                int length = Math.min(LARGEST_WRITE_BYTES, patch.bytes().length - done);
                send(writePacket(patch, done, length), Deadline.after(ANSWER));
                unanswered++;
            }
        }
        for (; unanswered > 0; unanswered--) {
            expectOk("M", Deadline.after(ANSWER));
        }
    }

    private static String writePacket(CodePatch patch, int from, int length) {
        long address = patch.address().value() + from;
        return "M" + Long.toHexString(address) + "," + Integer.toHexString(length) + ":"
                + HexFormat.of().formatHex(patch.bytes(), from, from + length);
    }

    private void send(String data, Deadline deadline) throws GuestException {
        byte[] bytes = data.getBytes(StandardCharsets.ISO_8859_1);
        String packet = ACKNOWLEDGEMENT + "$" + data + "#" + HexFormat.of().toHexDigits((byte) sum(bytes));
        stream.write(ByteBuffer.wrap(packet.getBytes(StandardCharsets.ISO_8859_1)), deadline);
    }

    private void expectOk(String request, Deadline deadline) throws GuestException {
        String reply = receive(deadline);
        while (isStop(reply)) {
            reply = receive(deadline);
        }
        if (!reply.equals("OK")) {
            throw new GuestException("QEMU's debug stub refused '" + request + "': "
                    + (reply.isEmpty() ? "this version does not know it" : reply));
        }
    }

    private static boolean isStop(String reply) {
        return reply.startsWith("T") || reply.startsWith("S");
    }

    private String receive(Deadline deadline) throws GuestException {
        int start = next(deadline);
        while (start != '$') {
            start = next(deadline);
        }
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        for (int value = next(deadline); value != '#'; value = next(deadline)) {
            data.write(value);
            if (data.size() > LONGEST_PACKET_BYTES) {
                throw new GuestException("QEMU's debug stub sends a packet without end");
            }
        }
        int expected = Character.digit(next(deadline), 16) << 4 | Character.digit(next(deadline), 16);
        if (expected != sum(data.toByteArray())) {
            throw new GuestException("QEMU's debug stub sends a packet with a wrong checksum");
        }
        return data.toString(StandardCharsets.ISO_8859_1);
    }

    private int next(Deadline deadline) throws GuestException {
        if (!arrived.hasRemaining()) {
            arrived.clear();
            try {
                stream.read(arrived, deadline);
            } finally {
                arrived.flip();
            }
        }
        return arrived.get() & 0xff;
    }

    private static int sum(byte[] bytes) {
        int sum = 0;
        for (byte value : bytes) {
            sum += value;
        }
        return sum & 0xff;
    }
}
