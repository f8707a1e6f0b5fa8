package dev.plumbline.guest;

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
import java.util.ArrayList;
import java.util.List;

/// What QEMU reports of a guest over a monitor of its own, such as each time it stops and runs on.
final class MonitorEvents implements AutoCloseable {
    private final SocketChannel channel;
    private final BufferedReader lines;
    private final ObjectMapper mapper = new ObjectMapper();

    MonitorEvents(Path socket) throws IOException {
        channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        lines = new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8));
        lines.readLine();
        until("qmp_capabilities");
    }

    /// The names of all events since the last call.
    List<String> soFar() throws IOException {
        return until("query-status");
    }

    private List<String> until(String command) throws IOException {
        channel.write(
                ByteBuffer.wrap("{\"execute\": \"%s\"}%n".formatted(command).getBytes(StandardCharsets.UTF_8)));
        List<String> events = new ArrayList<>();
        while (true) {
            JsonNode message = mapper.readTree(lines.readLine());
            if (message.has("return")) {
                return events;
            }
            events.add(message.path("event").asText());
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
