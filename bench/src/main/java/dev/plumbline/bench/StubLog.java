package dev.plumbline.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What goes through QEMU's debug stub, as QEMU itself logs it with the time (`-trace gdbstub_io_*`), and when it is
/// done with stopping the guest, which is after it has told so (`-trace vm_stop_flush_all`): the same observer for
/// every debugger.
final class StubLog {
    private static final Pattern LINE =
            Pattern.compile("[0-9]+@([0-9]+\\.[0-9]{6}):(gdbstub_io_command|gdbstub_io_reply|vm_stop_flush_all) "
                    + "(?:Received: |Sent: |ret )(.*)");
    private static final Pattern CONTINUE = Pattern.compile("c.*|vCont;c.*");

    private final Path file;
    private long read;

    StubLog(Path file) {
        this.file = file;
    }

    /// QEMU's arguments that make it write the log.
    static List<String> arguments(Path file) {
        return List.of(
                "-trace",
                "gdbstub_io_command",
                "-trace",
                "gdbstub_io_reply",
                "-trace",
                "vm_stop_flush_all",
                "-msg",
                "timestamp=on",
                "-D",
                file.toString());
    }

    /// What there was from one time that the guest was let run to the next.
    ///
    /// @param stops how often the guest has stood still
    /// @param received packets from the debugger
    /// @param sent packets to it
    /// @param roundTrips how often it was QEMU's turn: what came without a packet of QEMU's in between counts once
    /// @param outsideMicros how long QEMU had said the last word, and was done with stopping the guest
    /// @param heldMicros from when it first stood still until it was let run; steps in between are part of it
    /// @param ranMicros from when it was let run before until it stood still
    record Hit(
            int stops,
            int received,
            int sent,
            int roundTrips,
            double outsideMicros,
            double heldMicros,
            double ranMicros) {}

    /// The hits since the last call but the first, which has waited for the guest's work to begin, and the last, after
    /// which the guest is let go of.
    List<Hit> hits() throws IOException {
        List<Hit> hits = new ArrayList<>();
        HitBuilder building = new HitBuilder();
        try (FileChannel log = FileChannel.open(file);
                BufferedReader lines =
                        new BufferedReader(Channels.newReader(log.position(read), StandardCharsets.ISO_8859_1))) {
            String line = lines.readLine();
            while (line != null) {
                Matcher matcher = LINE.matcher(line);
                if (matcher.matches() && building.adds(matcher, hits)) {
                    building = new HitBuilder(micros(matcher));
                }
                line = lines.readLine();
            }
            read = log.position();
        }
        return hits.isEmpty() ? hits : hits.subList(1, hits.size());
    }

    private static double micros(Matcher line) {
        return new BigDecimal(line.group(1)).movePointRight(6).doubleValue();
    }

    private static final class HitBuilder {
        private final double ranFrom;
        private double stoppedAt;
        private double repliedAt;
        private boolean isOurTurn;
        private int stops;
        private int received;
        private int sent;
        private int roundTrips;
        private double outside;
        private double held;

        HitBuilder() {
            this(0);
        }

        HitBuilder(double ranFrom) {
            this.ranFrom = ranFrom;
        }

        /// @return whether that was the last line of a hit, which is among the hits now
        boolean adds(Matcher line, List<Hit> hits) {
            String packet = line.group(3);
            return switch (line.group(2)) {
                case "gdbstub_io_reply" -> {
                    sent(micros(line), packet);
                    yield false;
                }
                case "vm_stop_flush_all" -> {
                    repliedAt = micros(line);
                    yield false;
                }
                default -> {
                    boolean runs = received(micros(line), packet);
                    if (runs) {
                        addTo(hits);
                    }
                    yield runs;
                }
            };
        }

        private void sent(double micros, String packet) {
            sent++;
            if (packet.startsWith("T") && stops++ == 0) {
                stoppedAt = micros;
            }
            repliedAt = micros;
            isOurTurn = true;
        }

        /// @return whether that lets the guest run
        private boolean received(double micros, String packet) {
            received++;
            if (isOurTurn) {
                outside += micros - repliedAt;
                roundTrips++;
            }
            isOurTurn = false;
            held = micros - stoppedAt;
            return CONTINUE.matcher(packet).matches();
        }

        private void addTo(List<Hit> hits) {
            if (stops > 0 && ranFrom > 0) {
                hits.add(new Hit(stops, received, sent, roundTrips, outside, held, stoppedAt - ranFrom));
            }
        }
    }
}
