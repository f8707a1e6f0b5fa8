package dev.plumbline.command;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryDump;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.Pausing;
import dev.plumbline.monitoring.RaisedAlert;
import dev.plumbline.monitoring.Severity;
import dev.plumbline.report.AlertJson;
import dev.plumbline.report.PlainText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/// What is done about alerts of some severity and above, beside telling them: nothing, once a pause or a dump of the
/// guest, or a command for each that differs from those before. For the thread that holds the guest.
final class AlertResponse implements AutoCloseable {
    private static final long SPARE_BYTES = 64L << 20;
    private static final Duration LONGEST_COMMAND = Duration.ofSeconds(10);

    private enum Kind {
        REPORT,
        PAUSE,
        DUMP,
        COMMAND;

        static Kind of(String what) {
            return switch (what) {
                case "report" -> REPORT;
                case "pause" -> PAUSE;
                case "dump" -> DUMP;
                default -> COMMAND;
            };
        }
    }

    private final Kind kind;
    private final Severity from;
    private final Machine machine;
    private final Consumer<String> log;
    private final Optional<AlertCommand> command;
    private boolean isDue;
    private boolean isDone;

    /// @param what `report`, `pause`, `dump` or a shell command
    /// @param from the least severity something is done about
    AlertResponse(String what, Severity from, Machine machine, Consumer<String> log) {
        this.kind = Kind.of(what);
        this.from = from;
        this.machine = machine;
        this.log = log;
        this.command = kind == Kind.COMMAND
                ? Optional.of(new AlertCommand(what, new AlertJson(machine.name()), log, LONGEST_COMMAND))
                : Optional.empty();
    }

    /// Makes sure that it can be done, as far as that is known beforehand.
    ///
    /// @throws ParameterException if not
    static void verify(String what, CommandSpec spec) throws IOException, InterruptedException {
        if (Kind.of(what) == Kind.COMMAND && !AlertCommand.isThere(what)) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--on-alert takes report, pause, dump or a shell command, and '%s' is no program here"
                            .formatted(PlainText.of(what)));
        }
    }

    /// Takes an alert; what is to be done to the guest waits for [#act].
    void raised(RaisedAlert raised) {
        if (!raised.isRepeat() && raised.alert().severity().compareTo(from) >= 0) {
            isDue = true;
            command.ifPresent(it -> it.start(raised));
        }
    }

    /// Does what an alert has asked for.
    ///
    /// @return whether the guest is paused now, and to be left so
    boolean act() throws GuestException {
        if (!isDue || isDone) {
            return false;
        }
        isDone = true;
        return switch (kind) {
            case REPORT, COMMAND -> false;
            case PAUSE -> pause();
            case DUMP -> {
                dump();
                yield false;
            }
        };
    }

    private boolean pause() throws GuestException {
        Pausing pausing = machine.capability(Pausing.class).orElse(null);
        if (pausing == null) {
            log.accept(machine.name() + " cannot be paused");
            return false;
        }
        pausing.leavePaused();
        log.accept(machine.name() + " is paused, with the probes in it; plumbline detach lets it run on without them");
        return true;
    }

    // The guest is watched on, whatever becomes of the dump.
    private void dump() {
        Path file = Path.of("plumbline-" + machine.name().replaceAll("[^A-Za-z0-9._-]", "-") + "-"
                        + System.currentTimeMillis() + ".core")
                .toAbsolutePath();
        try {
            MemoryDump dump = machine.capability(MemoryDump.class)
                    .orElseThrow(() -> new GuestException("its driver cannot dump"));
            verifyRoom(file.getParent());
            dumpWhole(dump, file);
            log.accept("the memory of %s is in %s; look at it with plumbline inspect dump:%s"
                    .formatted(machine.name(), file, file));
        } catch (IOException e) {
            log.accept("no dump of " + machine.name() + " was made: " + e.getMessage());
        }
    }

    private void verifyRoom(Path directory) throws IOException {
        long bytes = SPARE_BYTES;
        for (MemoryRange range : machine.memory().ranges()) {
            bytes += range.sizeBytes();
        }
        long usable = Files.getFileStore(directory).getUsableSpace();
        if (usable < bytes) {
            throw new GuestException(
                    "it needs %,d MiB in %s, and %,d are free".formatted(bytes >> 20, directory, usable >> 20));
        }
    }

    private static void dumpWhole(MemoryDump dump, Path file) throws IOException {
        try {
            dump.dump(file);
        } catch (GuestException e) {
            Files.deleteIfExists(file);
            throw e;
        }
    }

    /// Waits for commands that run.
    @Override
    public void close() {
        command.ifPresent(AlertCommand::close);
    }
}
