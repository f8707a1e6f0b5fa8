package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.SocketException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;

/// One command run in a guest over one exec port: the host's end of what `guest-agent.c` describes. Frames are
/// `[type u8][length u32, little endian][payload]`, both ways. What comes before the answer that bears our
/// nonce is left over from an earlier conversation and skipped.
///
/// One thread calls [#run]; any thread may [#close], which makes the agent kill the command.
final class Conversation implements AutoCloseable {
    private static final byte[] MAGIC = "PLUMBLINE-EXEC-1".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER = 5;
    private static final int NONCE = 16;
    private static final int CHUNK = 32 * 1024;
    private static final int LARGEST_FRAME = 64 * 1024;

    private final String guest;
    private final ExecLimits limits;
    private final Selector selector;
    private final SocketChannel channel;
    private final SelectionKey key;
    private final byte[] nonce = new byte[NONCE];
    private final ByteBuffer incoming = ByteBuffer.allocate(4 * LARGEST_FRAME).order(ByteOrder.LITTLE_ENDIAN);
    private ByteBuffer outgoing;
    private byte[] stdin;
    private int stdinSent;
    private boolean stdinEnded;
    private boolean started;
    private int status = -1;

    /// @throws GuestGoneException if nobody listens on the socket
    Conversation(String guest, ExecPort port, ExecLimits limits) throws GuestException {
        this.guest = guest;
        this.limits = limits;
        SocketChannel opened = null;
        try {
            opened = SocketChannel.open(UnixDomainSocketAddress.of(port.socket()));
            opened.configureBlocking(false);
            channel = opened;
            selector = Selector.open();
            key = channel.register(selector, SelectionKey.OP_READ);
        } catch (IOException e) {
            closeQuietly(opened);
            throw new GuestGoneException("guest " + guest + " is gone: no QEMU answers on " + port.socket(), e);
        }
        ThreadLocalRandom.current().nextBytes(nonce);
    }

    /// Runs a command to its end.
    ///
    /// @param input what the command reads as its standard input
    /// @param out takes its standard output as it comes
    /// @param err takes its standard error as it comes
    /// @return its exit status, or 128 plus the number of the signal that ended it
    /// @throws GuestGoneException if QEMU ends or the guest reboots meanwhile
    /// @throws GuestException if a limit passes, the conversation is closed, or an output refuses to be written
    int run(String command, byte[] input, OutputStream out, OutputStream err) throws GuestException {
        byte[] text = command.getBytes(StandardCharsets.UTF_8);
        if (text.length > LARGEST_FRAME - NONCE) {
            throw new GuestException("the command is longer than %d bytes; send it as standard input of sh"
                    .formatted(LARGEST_FRAME - NONCE));
        }
        stdin = input;
        ByteBuffer run =
                ByteBuffer.allocate(MAGIC.length + HEADER + NONCE + text.length).order(ByteOrder.LITTLE_ENDIAN);
        outgoing = run.put(MAGIC)
                .put((byte) 'R')
                .putInt(NONCE + text.length)
                .put(nonce)
                .put(text)
                .flip();
        try {
            return converse(out, err);
        } catch (ClosedChannelException | ClosedSelectorException | CancelledKeyException e) {
            throw new GuestException("the command in guest " + guest + " was ended from here", e);
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("the exec channel of guest " + guest + " failed: " + e.getMessage(), e);
        }
    }

    private int converse(OutputStream out, OutputStream err) throws IOException {
        long start = System.nanoTime();
        long heard = start;
        while (status < 0) {
            sendWhatFits();
            awaitReady(start, heard);
            if (receive() > 0) {
                heard = System.nanoTime();
            }
            takeFrames(out, err);
        }
        out.flush();
        err.flush();
        return status;
    }

    /// Waits for the next thing to do, within the limits.
    private void awaitReady(long start, long heard) throws IOException {
        long now = System.nanoTime();
        long silenceLeft = limits.silence().toNanos() - (now - heard);
        long totalLeft = limits.total().toNanos() - (now - start);
        if (Thread.currentThread().isInterrupted()) {
            throw new GuestException("interrupted while running a command in guest " + guest);
        }
        if (totalLeft <= 0) {
            throw new GuestException("the command in guest %s did not end within %d ms"
                    .formatted(guest, limits.total().toMillis()));
        }
        int interest = outgoing == null ? SelectionKey.OP_READ : SelectionKey.OP_READ | SelectionKey.OP_WRITE;
        key.interestOps(interest);
        int ready = selector.select(Math.max(1, Math.min(silenceLeft, totalLeft) / 1_000_000));
        selector.selectedKeys().clear();
        if (ready == 0 && System.nanoTime() - heard > limits.silence().toNanos()) {
            throw new GuestException("guest %s has not answered for %d ms: it is paused, dead or too busy"
                    .formatted(guest, limits.silence().toMillis()));
        }
    }

    private int receive() throws IOException {
        try {
            int count = channel.read(incoming);
            if (count >= 0) {
                return count;
            }
        } catch (SocketException e) {
            throw hungUp(e);
        }
        throw hungUp(null);
    }

    private void send() throws IOException {
        try {
            channel.write(outgoing);
        } catch (ClosedChannelException e) {
            throw e;
        } catch (IOException e) {
            // A broken pipe is no SocketException.
            throw hungUp(e);
        }
    }

    private GuestGoneException hungUp(IOException cause) {
        return new GuestGoneException("guest " + guest + " is gone: QEMU closed the exec channel", cause);
    }

    /// Writes without waiting; standard input follows once the command has started.
    private void sendWhatFits() throws IOException {
        while (outgoing != null || prepareStdin()) {
            send();
            if (outgoing.hasRemaining()) {
                return;
            }
            outgoing = null;
        }
    }

    private boolean prepareStdin() {
        if (!started || stdinEnded) {
            return false;
        }
        int length = Math.min(CHUNK, stdin.length - stdinSent);
        stdinEnded = length == 0;
        outgoing = ByteBuffer.allocate(HEADER + length).order(ByteOrder.LITTLE_ENDIAN);
        outgoing.put((byte) (stdinEnded ? 'E' : 'I'))
                .putInt(length)
                .put(stdin, stdinSent, length)
                .flip();
        stdinSent += length;
        return true;
    }

    private void takeFrames(OutputStream out, OutputStream err) throws IOException {
        incoming.flip();
        if (!started) {
            skipToStart();
        }
        while (started && status < 0 && takeFrame(out, err)) {
            // each turn takes one frame
        }
        incoming.compact();
    }

    /// Looks for the frame that answers our nonce, and leaves what may be the beginning of it.
    private void skipToStart() {
        byte[] answer = ByteBuffer.allocate(HEADER + NONCE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put((byte) 'S')
                .putInt(NONCE)
                .put(nonce)
                .array();
        while (!started && incoming.remaining() >= answer.length) {
            int at = incoming.position();
            started = Arrays.equals(incoming.array(), at, at + answer.length, answer, 0, answer.length);
            incoming.position(started ? at + answer.length : at + 1);
        }
    }

    private boolean takeFrame(OutputStream out, OutputStream err) throws IOException {
        if (incoming.remaining() < HEADER) {
            return false;
        }
        int at = incoming.position();
        char type = (char) incoming.get(at);
        int length = incoming.getInt(at + 1);
        if (length < 0 || length > LARGEST_FRAME) {
            throw new GuestException("guest " + guest + " sent a frame of " + Integer.toUnsignedString(length)
                    + " bytes, which no agent does");
        }
        if (incoming.remaining() < HEADER + length) {
            return false;
        }
        int payload = at + HEADER;
        switch (type) {
            case 'O' -> pass(payload, length, out);
            case 'D' -> pass(payload, length, err);
            case 'A' -> {
                // alive, nothing more
            }
            case 'Q' -> status = exitStatus(length == 4 ? incoming.getInt(payload) : 0xff00);
            case 'B' -> throw new GuestGoneException("guest " + guest + " rebooted while the command ran");
            default -> throw new GuestException("guest " + guest + " sent a frame of unknown type " + (int) type);
        }
        incoming.position(payload + length);
        return true;
    }

    private void pass(int payload, int length, OutputStream destination) throws GuestException {
        try {
            destination.write(incoming.array(), payload, length);
        } catch (IOException e) {
            throw new GuestException(
                    "cannot pass on what the command in guest " + guest + " wrote, so it was ended: " + e.getMessage(),
                    e);
        }
    }

    /// From what waitpid(2) says to what a shell says.
    static int exitStatus(int waitStatus) {
        int signal = waitStatus & 0x7f;
        return signal == 0 ? waitStatus >> 8 & 0xff : 128 + signal;
    }

    @Override
    public void close() {
        closeQuietly(selector);
        closeQuietly(channel);
    }

    private static void closeQuietly(AutoCloseable resource) {
        try {
            if (resource != null) {
                resource.close();
            }
        } catch (Exception e) {
            // Nothing is kept there that could be lost.
        }
    }
}
