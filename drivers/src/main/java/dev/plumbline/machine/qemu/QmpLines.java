package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/// What a QMP server sends, cut into lines of bounded length.
final class QmpLines {
    private static final int BUFFER_BYTES = 1 << 16;
    private static final int LONGEST_LINE_BYTES = 16 << 20;

    private final UnixStream stream;
    private final ByteBuffer arrived = ByteBuffer.allocate(BUFFER_BYTES).limit(0);

    private final ByteArrayOutputStream line = new ByteArrayOutputStream();

    QmpLines(UnixStream stream) {
        this.stream = stream;
    }

    /// The next line that is not empty, without its end.
    ///
    /// @throws NoAnswerException if it is not complete by `deadline`; what has come of it is kept for the next call
    byte[] next(Deadline deadline) throws GuestException {
        while (true) {
            if (!arrived.hasRemaining()) {
                refill(deadline);
            }
            byte[] bytes = take();
            if (bytes != null) {
                return bytes;
            }
        }
    }

    /// The same; null if it has not come yet.
    byte[] nextArrived() throws GuestException {
        while (true) {
            if (!arrived.hasRemaining()) {
                stream.readArrived(arrived);
            }
            if (!arrived.hasRemaining()) {
                return null;
            }
            byte[] bytes = take();
            if (bytes != null) {
                return bytes;
            }
        }
    }

    // The line if it is complete now, and not empty.
    private byte[] take() throws GuestException {
        boolean complete = takeUntilEnd();
        if (line.size() > LONGEST_LINE_BYTES) {
            throw new GuestException(stream.socket() + " is not a QMP socket: it sends a line of more than "
                    + LONGEST_LINE_BYTES + " bytes");
        }
        if (!complete || line.size() == 0) {
            return null;
        }
        byte[] bytes = line.toByteArray();
        line.reset();
        return bytes;
    }

    private void refill(Deadline deadline) throws GuestException {
        if (deadline.passed()) {
            throw new NoAnswerException(stream.socket() + " sends much but no answer");
        }
        stream.read(arrived, deadline);
    }

    private boolean takeUntilEnd() {
        int from = arrived.position();
        int end = from;
        while (end < arrived.limit() && arrived.get(end) != '\n') {
            end++;
        }
        boolean complete = end < arrived.limit();
        arrived.position(complete ? end + 1 : end);
        int textEnd = complete && end > from && arrived.get(end - 1) == '\r' ? end - 1 : end;
        line.write(arrived.array(), from, textEnd - from);
        return complete;
    }
}
