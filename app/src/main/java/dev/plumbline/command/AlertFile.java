package dev.plumbline.command;

import dev.plumbline.monitoring.AlertOutput;
import dev.plumbline.monitoring.RaisedAlert;
import dev.plumbline.report.AlertFormat;
import dev.plumbline.report.MonitorSummary;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Supplier;

/// Writes alerts to a file or to standard output. What was written in part before it failed is finished before anything
/// else is written.
final class AlertFile implements AlertOutput {
    /// Opened when there is something to write.
    interface Opening {
        /// Opens it.
        WritableByteChannel open() throws IOException;
    }

    private final String name;
    private final Opening opening;
    private final AlertFormat format;
    private WritableByteChannel channel;
    private ByteBuffer rest = ByteBuffer.allocate(0);
    private Object begun;
    private volatile MonitorSummary summary;

    AlertFile(String name, Opening opening, AlertFormat format) {
        this.name = name;
        this.opening = opening;
        this.format = format;
    }

    // No PrintStream: that one keeps its faults to itself.
    static AlertFile standardOutput(AlertFormat format) {
        return new AlertFile("standard output", () -> new FileOutputStream(FileDescriptor.out).getChannel(), format);
    }

    /// @param file appended to; made with its directory
    static AlertFile appendingTo(Path file, AlertFormat format) {
        return new AlertFile(
                file.toString(),
                () -> {
                    Files.createDirectories(file.toAbsolutePath().getParent());
                    return Files.newByteChannel(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                },
                format);
    }

    /// Has a summary written after the last alert.
    void endWith(MonitorSummary last) {
        summary = last;
    }

    @Override
    public void tell(RaisedAlert alert) throws IOException {
        write(alert, () -> format.alert(alert));
    }

    @Override
    public void end() throws IOException {
        MonitorSummary last = summary;
        if (last != null) {
            write(last, () -> format.summary(last));
        }
    }

    /// Opens it now rather than for the first alert.
    void open() throws IOException {
        if (channel == null) {
            channel = opening.open();
        }
    }

    private void write(Object what, Supplier<String> lines) throws IOException {
        open();
        boolean isBegun = what.equals(begun);
        finish();
        if (!isBegun) {
            rest = ByteBuffer.wrap(lines.get().getBytes(StandardCharsets.UTF_8));
            begun = what;
            finish();
        }
    }

    // Whatever was written in part.
    private void finish() throws IOException {
        while (rest.hasRemaining()) {
            channel.write(rest);
        }
        begun = null;
    }

    @Override
    public String toString() {
        return name;
    }
}
