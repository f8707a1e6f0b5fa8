package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.Closeable;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/// A connection to a unix-domain socket of which every wait is bounded. For one thread at a time.
final class UnixStream implements Closeable {
    private static final int TYPE_MASK = 0170000;
    private static final int SOCKET_TYPE = 0140000;
    private static final int LONGEST_PATH_BYTES = 107;
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    /// How long an answer is looked for before the system is asked to wake this thread, which can take as long again.
    private static final Duration PROMPT = Duration.ofNanos(200_000);

    private static final Duration START_OF_LISTENING = Duration.ofMillis(100);

    private final Path socket;
    private final SocketChannel channel;
    private final Selector selector;
    private final SelectionKey key;

    private UnixStream(Path socket, SocketChannel channel) throws IOException {
        this.socket = socket;
        this.channel = channel;
        this.selector = Selector.open();
        this.key = channel.register(selector, 0);
    }

    /// Connects, waiting until `deadline` where the server's queue is full.
    ///
    /// @throws NoAnswerException if the queue stays full
    /// @throws GuestGoneException if nobody listens there any more
    /// @throws GuestException if there is no such socket, or it may not be used
    static UnixStream connect(Path socket, Deadline deadline) throws GuestException {
        checkUsable(socket);
        SocketException refusal = null;
        Deadline listening = Deadline.after(START_OF_LISTENING);
        while (!deadline.passed()) {
            SocketChannel channel = null;
            UnixStream stream = null;
            try {
                channel = SocketChannel.open(StandardProtocolFamily.UNIX);
                channel.configureBlocking(false);
                if (channel.connect(UnixDomainSocketAddress.of(socket))) {
                    stream = new UnixStream(socket, channel);
                    return stream;
                }
            } catch (ConnectException e) {
                // A server that starts has its socket for a moment before it listens.
                if (listening.passed()) {
                    throw new GuestGoneException(
                            "nobody listens on " + socket + ": QEMU has ended; start the guest again", e);
                }
            } catch (SocketException e) {
                // A full queue, most likely: the system does not say when there is room again.
                refusal = e;
            } catch (IOException e) {
                throw cannotConnect(socket, e);
            } finally {
                if (stream == null) {
                    closeQuietly(channel);
                }
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
        throw new NoAnswerException(socket + " takes no more connections", refusal);
    }

    /// Sends all of `bytes`.
    void write(ByteBuffer bytes, Deadline deadline) throws GuestException {
        try {
            while (bytes.hasRemaining()) {
                if (channel.write(bytes) == 0) {
                    await(SelectionKey.OP_WRITE, deadline);
                }
            }
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw gone(e);
        }
    }

    /// Takes what has come, at least one byte, in place of what is in the buffer.
    ///
    /// @throws GuestGoneException if the peer has closed the connection
    /// @throws NoAnswerException if nothing comes until `deadline`
    void read(ByteBuffer content, Deadline deadline) throws GuestException {
        try {
            readArrived(content);
            while (!content.hasRemaining()) {
                await(SelectionKey.OP_READ, deadline);
                readArrived(content);
            }
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw gone(e);
        }
    }

    /// As [#read], where something is about to come.
    void readPrompt(ByteBuffer content, Deadline deadline) throws GuestException {
        Deadline prompt = Deadline.after(PROMPT);
        readArrived(content);
        while (!content.hasRemaining() && !prompt.passed()) {
            Thread.onSpinWait();
            readArrived(content);
        }
        if (!content.hasRemaining()) {
            read(content, deadline);
        }
    }

    /// The same of what has come already, maybe nothing.
    ///
    /// @throws GuestGoneException if the peer has closed the connection
    void readArrived(ByteBuffer content) throws GuestException {
        content.clear();
        try {
            if (channel.read(content) < 0) {
                throw gone(null);
            }
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw gone(e);
        } finally {
            content.flip();
        }
    }

    Path socket() {
        return socket;
    }

    @Override
    public void close() {
        closeQuietly(selector);
        closeQuietly(channel);
    }

    private void await(int operation, Deadline deadline) throws IOException {
        key.interestOps(operation);
        selector.selectedKeys().clear();
        selector.select(deadline.remainingMillis());
        if (Thread.currentThread().isInterrupted()) {
            throw new GuestException("interrupted while waiting for " + socket);
        }
        if (deadline.passed() && selector.selectedKeys().isEmpty()) {
            throw new NoAnswerException(
                    socket + " does not answer; if the guest's host is under heavy load, try again");
        }
    }

    private GuestGoneException gone(IOException cause) {
        return new GuestGoneException("the guest is gone: " + socket + " was closed by QEMU", cause);
    }

    private static void checkUsable(Path socket) throws GuestException {
        if (!Files.exists(socket)) {
            throw new GuestException("there is no socket " + socket
                    + ", or it may not be seen: start QEMU with -qmp unix:PATH,server=on,wait=off and name that PATH");
        }
        if (!isSocket(socket)) {
            throw new GuestException(socket + " is not a socket: name the PATH of QEMU's -qmp unix:PATH option");
        }
        if (!Files.isWritable(socket)) {
            throw new GuestException(
                    "no permission to use socket " + socket + ": run as root or as the user that QEMU runs as");
        }
        if (socket.toString().getBytes().length > LONGEST_PATH_BYTES) {
            throw new GuestException("the path " + socket + " is longer than the " + LONGEST_PATH_BYTES
                    + " bytes of a socket's address: use a symbolic link with a shorter path");
        }
    }

    private static boolean isSocket(Path socket) throws GuestException {
        try {
            return ((int) Files.getAttribute(socket, "unix:mode") & TYPE_MASK) == SOCKET_TYPE;
        } catch (IOException e) {
            throw cannotConnect(socket, e);
        }
    }

    private static GuestException cannotConnect(Path socket, IOException cause) {
        return new GuestException("cannot connect to " + socket + ": " + cause.getMessage(), cause);
    }

    private static void closeQuietly(Closeable resource) {
        try {
            if (resource != null) {
                resource.close();
            }
        } catch (IOException _) {
            // Nothing is lost by it, and nobody could do anything about it.
        }
    }
}
