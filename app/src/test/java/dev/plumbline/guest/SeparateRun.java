package dev.plumbline.guest;

import dev.plumbline.command.Plumbline;
import java.io.File;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Runs the command line in a process of its own, from a copy of the program that every user may read.
///
/// @param prefix what stands before `java`
/// @param classPath where the copy is
/// @param directory for the outputs
record SeparateRun(List<String> prefix, String classPath, Path directory) {

    /// Copies what this test runs from.
    static SeparateRun of(Path directory) throws IOException {
        Path copy = Files.createDirectory(directory.resolve("program"));
        List<String> entries = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            Path source = Path.of(entry);
            if (Files.exists(source)) {
                entries.add(copy(source, copy.resolve(Integer.toString(entries.size())))
                        .toString());
            }
        }
        for (Path path = copy; path.startsWith(directory); path = path.getParent()) {
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        return new SeparateRun(List.of(), String.join(File.pathSeparator, entries), directory);
    }

    private static Path copy(Path source, Path target) throws IOException {
        Files.walkFileTree(source, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path path, BasicFileAttributes attributes) throws IOException {
                Files.createDirectories(target.resolve(source.relativize(path)));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path path, BasicFileAttributes attributes) throws IOException {
                Files.copy(path, path.equals(source) ? target : target.resolve(source.relativize(path)));
                return FileVisitResult.CONTINUE;
            }
        });
        return target;
    }

    /// The same as a user who owns nothing; only root can do this.
    SeparateRun asNobody() {
        return new SeparateRun(
                List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"), classPath, directory);
    }

    /// The same after a file of the copy has gone.
    SeparateRun without(String file) throws IOException {
        int deleted = 0;
        for (String entry : classPath.split(File.pathSeparator)) {
            Path path = Path.of(entry).resolve(file);
            if (Files.exists(path)) {
                Files.delete(path);
                deleted++;
            }
        }
        if (deleted == 0) {
            throw new IOException("there is no " + file + " to take away");
        }
        return this;
    }

    CommandRun run(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(prefix);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp", classPath, Plumbline.class.getName()));
        command.addAll(List.of(arguments));
        Path out = directory.resolve("out");
        Path err = directory.resolve("err");
        long start = System.nanoTime();
        int status = new ProcessBuilder(command)
                .directory(new File("/"))
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start()
                .waitFor();
        return new CommandRun(
                List.of(arguments),
                status,
                Files.readString(out),
                Files.readString(err),
                Duration.ofNanos(System.nanoTime() - start));
    }
}
