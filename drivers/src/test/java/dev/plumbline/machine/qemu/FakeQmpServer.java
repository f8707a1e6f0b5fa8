package dev.plumbline.machine.qemu;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/// A server on a unix-domain socket that serves one client as its script says.
final class FakeQmpServer implements AutoCloseable {
    static final String GREETING =
            "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 9, \"minor\": 8, \"micro\": 7}}}}\r\n";
    static final String OK = "{\"return\": {}, \"id\": ID}\r\n";

    private final ServerSocketChannel listener;
    private final Thread thread;

    /// What the server does with its client.
    interface Script {
        void serve(Client client) throws IOException;
    }

    /// The server's end of the connection.
    static final class Client {
        private final SocketChannel channel;
        private long lastId;

        private Client(SocketChannel channel) {
            this.channel = channel;
        }

        /// Waits for a command and remembers its id.
        Client awaitCommand() throws IOException {
            ByteBuffer bytes = ByteBuffer.allocate(1 << 16);
            while (bytes.position() == 0 || bytes.get(bytes.position() - 1) != '\n') {
                if (channel.read(bytes) < 0) {
                    throw new IOException("the client has gone");
                }
            }
            lastId = Long.parseLong(new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8)
                    .replaceAll("(?s).*\"id\":(\\d+).*", "$1"));
            return this;
        }

        /// Waits until something comes.
        Client awaitBytes() throws IOException {
            if (channel.read(ByteBuffer.allocate(1 << 16)) < 0) {
                throw new IOException("the client has gone");
            }
            return this;
        }

        /// Sends text, in which ID stands for the last command's id.
        Client send(String text) throws IOException {
            ByteBuffer bytes =
                    ByteBuffer.wrap(text.replace("ID", Long.toString(lastId)).getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            return this;
        }

        /// Sends the greeting and agrees to leave negotiation.
        Client greet() throws IOException {
            return send(GREETING).awaitCommand().send(OK);
        }

        /// Waits until the client closes.
        void hold() throws IOException {
            ByteBuffer bytes = ByteBuffer.allocate(1 << 12);
            while (channel.read(bytes.clear()) >= 0) {
                // What it says meanwhile is not answered.
            }
        }
    }

    FakeQmpServer(Path socket, Script script) throws IOException {
        listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        listener.bind(UnixDomainSocketAddress.of(socket), 1);
        thread = Thread.ofPlatform().daemon().start(() -> serve(script));
    }

    /// Nobody listens afterwards: a thread that is about to accept a client may end the listening only then.
    @Override
    public void close() throws IOException {
        thread.interrupt();
        listener.close();
        try {
            thread.join(Duration.ofSeconds(10));
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private void serve(Script script) {
        try (SocketChannel channel = listener.accept()) {
            script.serve(new Client(channel));
        } catch (IOException _) {
            // The test is over, or the client has left: both are part of the play.
        }
    }
}
