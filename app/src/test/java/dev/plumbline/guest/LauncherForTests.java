package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.command.Plumbline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;

/// Does what ./plumbline does, with the classes under test: starts commands as processes of their own, which find the
/// launcher that their guard needs.
///
/// @param directory for the launcher and for what the commands say
record LauncherForTests(Path directory) {

    /// A command that runs, and what it says to standard error.
    record Command(Process process, Path output, Path errors) {

        List<String> errorLines() throws IOException {
            return Files.readAllLines(errors);
        }

        /// Waits until it says something that contains this.
        ///
        /// @throws IOException if it ends before
        void awaitError(String text) throws IOException, InterruptedException {
            while (!Files.readString(errors).contains(text)) {
                if (!process.isAlive() && !Files.readString(errors).contains(text)) {
                    throw new IOException("the command ended before it said '" + text + "': " + errorLines());
                }
                Thread.sleep(20);
            }
        }
    }

    /// What a command has printed until now.
    static List<String> outLines(Command command) throws IOException {
        return Files.readAllLines(command.output());
    }

    Command start(String... arguments) throws IOException {
        return startInto(Files.createTempFile(directory, "output", ""), arguments);
    }

    /// Starts a command with its standard output in a file, or in a device.
    Command startInto(Path output, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(launcher().toString()));
        command.addAll(List.of(arguments));
        Path errors = Files.createTempFile(directory, "errors", "");
        Process process = new ProcessBuilder(command)
                .redirectOutput(output.toFile())
                .redirectError(errors.toFile())
                .start();
        return new Command(process, output, errors);
    }

    /// Learns a guest that does something meanwhile, again and again until the time is over.
    ///
    /// @param time as the command line takes it
    void learn(String vm, Path model, String time, MonitoredGuest.Work work) throws Exception {
        Command learn = start("learn", vm, "--model", model.toString(), "--for", time);
        learn.awaitError("tracing");
        while (learn.process().isAlive()) {
            work.run();
        }
        assertThat(learn.process().exitValue())
                .as(learn.errorLines().toString())
                .isZero();
    }

    /// The launcher, made at the first call.
    Path launcher() throws IOException {
        Path launcher = directory.resolve("plumbline");
        if (!Files.exists(launcher)) {
            Files.writeString(launcher, """
                    #!/bin/sh
                    exec '%s/bin/java' --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -Dplumbline.launcher="$0" \\
                      -Dslf4j.internal.verbosity=ERROR -cp '%s' %s "$@"
                    """.formatted(
                    System.getProperty("java.home"), System.getProperty("java.class.path"), Plumbline.class.getName()));
            Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        return launcher;
    }
}
