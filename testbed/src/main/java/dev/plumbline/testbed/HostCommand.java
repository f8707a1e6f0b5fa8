package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Runs a program of the host to its end. Both outputs together must be small enough for memory.
final class HostCommand {
    private HostCommand() {}

    /// What a program that succeeded wrote to its standard output.
    ///
    /// @param directory where it runs
    /// @throws GuestException if it cannot start, fails, or runs for longer than the limit; with the last line
    /// of what it wrote to standard error
    static byte[] output(Path directory, long limitSeconds, List<String> command) throws GuestException {
        Result result = run(directory, limitSeconds, command);
        if (result.status() != 0) {
            throw new GuestException("%s failed with status %d: %s"
                    .formatted(String.join(" ", command), result.status(), result.lastErrorLine()));
        }
        return result.stdout();
    }

    /// Runs a program and says how it ended.
    ///
    /// @throws GuestException if it cannot start or runs for longer than the limit
    static Result run(Path directory, long limitSeconds, List<String> command) throws GuestException {
        try {
            ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
            builder.environment().put("LC_ALL", "C");
            Process process = builder.start();
            try {
                return await(process, limitSeconds, command);
            } finally {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestException("interrupted while running " + command.getFirst(), e);
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("cannot run " + command.getFirst() + ": " + e.getMessage(), e);
        }
    }

    private static Result await(Process process, long limitSeconds, List<String> command)
            throws IOException, InterruptedException {
        process.getOutputStream().close();
        Drain stdout = Drain.of(process.getInputStream());
        Drain stderr = Drain.of(process.getErrorStream());
        if (!process.waitFor(limitSeconds, TimeUnit.SECONDS)) {
            throw new GuestException(
                    "%s did not end within %d seconds".formatted(String.join(" ", command), limitSeconds));
        }
        return new Result(process.exitValue(), stdout.bytes(), new String(stderr.bytes(), StandardCharsets.UTF_8));
    }

    /// @param status exit status
    /// @param stdout standard output
    /// @param stderr standard error as text
    record Result(int status, byte[] stdout, String stderr) {
        String lastErrorLine() {
            return stderr.lines()
                    .filter(line -> !line.isBlank())
                    .reduce((a, b) -> b)
                    .orElse("no message");
        }
    }
}
