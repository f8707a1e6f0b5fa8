package dev.plumbline.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// How long a guest stood still, by QEMU's own times of its STOP and RESUME events, seen over a monitor of its own.
final class Stops implements AutoCloseable {
    private final SocketChannel channel;
    private final BufferedReader lines;
    private final ObjectMapper mapper = new ObjectMapper();
    private double stoppedAt;

    /// Milliseconds.
    ///
    /// @param count how often it stood still
    /// @param longest the longest time
    /// @param total all together
    record Paused(int count, double longest, double total) {}

    Stops(Path socket) throws IOException {
        channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        lines = new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8));
        lines.readLine();
        execute("qmp_capabilities");
    }

    /// What there was since the last call.
    Paused soFar() throws IOException {
        return execute("query-status");
    }

    private Paused execute(String command) throws IOException {
        channel.write(
                ByteBuffer.wrap("{\"execute\": \"%s\"}%n".formatted(command).getBytes(StandardCharsets.UTF_8)));
        Paused paused = new Paused(0, 0, 0);
        while (true) {
            JsonNode message = mapper.readTree(lines.readLine());
            if (message.has("return")) {
                return paused;
            }
            JsonNode time = message.path("timestamp");
            double millis = time.path("seconds").asLong() * 1e3
                    + time.path("microseconds").asLong() / 1e3;
            switch (message.path("event").asText()) {
                case "STOP" -> stoppedAt = millis;
                case "RESUME" -> {
                    double lasted = millis - stoppedAt;
                    paused =
                            new Paused(paused.count() + 1, Math.max(paused.longest(), lasted), paused.total() + lasted);
                }
                default -> {
                    // Others say nothing of this.
                }
            }
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
