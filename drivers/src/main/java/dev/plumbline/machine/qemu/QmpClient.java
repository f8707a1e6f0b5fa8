package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.proc.UnixSockets;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/// A QMP connection to QEMU (QEMU's document "QEMU Machine Protocol Specification"): a greeting, then one JSON
/// object a line; each answer carries the id of its command; events may come in between and are passed over.
///
/// QEMU serves one client per monitor at a time. Every wait is bounded. For one thread at a time.
public final class QmpClient implements Closeable {
    private static final Duration GREETING = Duration.ofSeconds(2);
    private static final Duration PATIENCE_WITH_BUSY_MONITOR = Duration.ofMillis(300);
    private static final Duration ANSWER = Duration.ofSeconds(10);

    private final UnixStream stream;
    private final QmpLines lines;
    private final Duration answerWait;
    private String qemuVersion;
    private long lastId;
    private long resumes;

    private QmpClient(UnixStream stream, Duration answerWait) {
        this.stream = stream;
        this.lines = new QmpLines(stream);
        this.answerWait = answerWait;
    }

    /// Connects to a QMP socket and makes it ready for commands.
    ///
    /// @throws GuestGoneException if QEMU no longer listens there, or ends meanwhile
    /// @throws GuestException if it is not a QMP socket, may not be used, or is in use by another client
    public static QmpClient connect(Path socket) throws GuestException {
        return connect(socket, GREETING, ANSWER);
    }

    static QmpClient connect(Path socket, Duration greetingWait, Duration answerWait) throws GuestException {
        // Asked before: a server that is no monitor may accept this connection and say nothing.
        boolean usedBefore = inUse(socket);
        try {
            UnixStream stream = UnixStream.connect(socket, Deadline.after(greetingWait));
            try {
                QmpClient client = new QmpClient(stream, answerWait);
                client.greet(greetingWait, usedBefore);
                client.execute("qmp_capabilities");
                return client;
            } catch (GuestException e) {
                stream.close();
                throw e;
            }
        } catch (NoAnswerException e) {
            throw new GuestException(
                    usedBefore && inUse(socket)
                            ? "another client (libvirt, or another plumbline) is connected to " + socket
                                    + " and QEMU serves one at a time: end it, or give QEMU a second -qmp socket"
                            : socket + " is not a QMP socket, or another client is connected to it:"
                                    + " it sends no greeting",
                    e);
        }
    }

    /// QEMU's version as it says it, e.g. `7.2.22`.
    String qemuVersion() {
        return qemuVersion;
    }

    /// The socket this is connected to.
    public Path socket() {
        return stream.socket();
    }

    /// Carries out a command without arguments.
    ///
    /// @return what QEMU returned
    /// @throws GuestGoneException if QEMU has ended
    /// @throws GuestException if QEMU refuses the command, or does not answer in time
    public QmpValue execute(String command) throws GuestException {
        return execute(command, Map.of());
    }

    /// Carries out a command.
    ///
    /// @param arguments names and values: strings, numbers, booleans
    /// @return what QEMU returned
    /// @throws GuestException as [#execute(String)]
    public QmpValue execute(String command, Map<String, ?> arguments) throws GuestException {
        long id = ++lastId;
        try {
            Deadline deadline = Deadline.after(answerWait);
            String request = QmpValue.command(command, id, arguments) + "\r\n";
            stream.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.UTF_8)), deadline);
            return answer(command, id, deadline);
        } catch (NoAnswerException e) {
            throw new GuestException(
                    "QEMU on " + socket() + " did not answer '" + command + "' within " + answerWait.toMillis()
                            + " ms; if its host is under heavy load, try again",
                    e);
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("cannot put the command '" + command + "' into words", e);
        }
    }

    /// Carries out a command of QEMU's human monitor.
    ///
    /// @return what it printed, which is also how it tells faults
    /// @throws GuestException as [#execute(String)]
    public String monitor(String commandLine) throws GuestException {
        return text(execute("human-monitor-command", Map.of("command-line", commandLine)), commandLine);
    }

    /// Carries out a command of QEMU's human monitor on one vCPU.
    ///
    /// @param vcpu QEMU's number of it
    /// @throws GuestException as [#execute(String)]
    public String monitor(String commandLine, int vcpu) throws GuestException {
        return text(
                execute("human-monitor-command", Map.of("command-line", commandLine, "cpu-index", vcpu)), commandLine);
    }

    @Override
    public void close() {
        stream.close();
    }

    private void greet(Duration wait, boolean usedBefore) throws GuestException {
        QmpValue greeting;
        try {
            greeting = readGreeting(wait, usedBefore);
        } catch (GuestGoneException e) {
            throw new GuestException(socket() + " is not a QMP socket, or QEMU is ending: it closed the connection", e);
        }
        QmpValue version = greeting.get("QMP").get("version").get("qemu");
        if (!version.isObject()) {
            throw new GuestException(socket() + " is not a QMP socket: it sends no QMP greeting");
        }
        qemuVersion = version.get("major").number() + "." + version.get("minor").number() + "."
                + version.get("micro").number();
    }

    private QmpValue readGreeting(Duration wait, boolean usedBefore) throws GuestException {
        Deadline whole = Deadline.after(wait);
        Duration first = wait.compareTo(PATIENCE_WITH_BUSY_MONITOR) < 0 ? wait : PATIENCE_WITH_BUSY_MONITOR;
        try {
            return parse(lines.next(Deadline.after(first)));
        } catch (NoAnswerException e) {
            if (whole.passed() || usedBefore && inUse(socket())) {
                throw e;
            }
            return parse(lines.next(whole));
        }
    }

    private QmpValue answer(String command, long id, Deadline deadline) throws GuestException {
        while (true) {
            QmpValue message = parse(lines.next(deadline));
            QmpValue answered = message.get("id");
            QmpValue error = message.get("error");
            if (error.isPresent() && (!answered.isPresent() || answered.number() == id)) {
                String reason = oneLine(error.get("desc").text());
                throw new GuestException("QEMU on " + socket() + " refused '" + command + "': " + reason);
            }
            if (message.get("return").isPresent() && answered.number() == id) {
                return message.get("return");
            }
            passOver(message);
        }
    }

    // An event, or the late answer to a command given up on.
    private void passOver(QmpValue message) {
        if (message.get("event").isText() && message.get("event").text().equals("RESUME")) {
            resumes++;
        }
    }

    /// How often QEMU has let the guest run since this connection was made. To be asked now and then while the guest is
    /// stopped and let run: QEMU keeps in its memory what nobody takes from it.
    ///
    /// @throws GuestGoneException if QEMU has ended
    long resumes() throws GuestException {
        for (byte[] line = lines.nextArrived(); line != null; line = lines.nextArrived()) {
            passOver(parse(line));
        }
        return resumes;
    }

    private QmpValue parse(byte[] line) throws GuestException {
        try {
            QmpValue message = QmpValue.parse(line);
            if (message.isObject()) {
                return message;
            }
        } catch (IOException e) {
            throw new GuestException(socket() + " is not a QMP socket: it sends something else than JSON", e);
        }
        throw new GuestException(socket() + " is not a QMP socket: it sends something else than JSON objects");
    }

    private String text(QmpValue printed, String commandLine) throws GuestException {
        if (!printed.isText()) {
            throw new GuestException("QEMU on " + socket() + " answered '" + commandLine + "' with no text");
        }
        return printed.text();
    }

    /// Whether the server has accepted some other client's connection; ours, waiting for a greeting, does not
    /// count: a server that serves one client leaves it in its queue.
    private static boolean inUse(Path socket) {
        return QmpSockets.inUse(socket, UnixSockets.now());
    }

    static String oneLine(String text) {
        return text.strip().replaceAll("\\s+", " ");
    }
}
