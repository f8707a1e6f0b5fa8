package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SequencedMap;
import java.util.TreeMap;

/// The C programs of a test guest, compiled on this host and kept in the cache under the hash of their source.
final class GuestPrograms {
    static final List<String> NAMES = List.of(
            "bpf-fentry",
            "bpf-filter",
            "fixed-calls",
            "guest-agent",
            "many-threads",
            "marked-tasks",
            "stress",
            "syscall-loop");
    private static final List<String> COMPILER = List.of("gcc", "-std=gnu11", "-O2", "-static", "-s", "-pthread");

    private final CacheDirectory cache;

    GuestPrograms(CacheDirectory cache) {
        this.cache = cache;
    }

    /// All programs of guests by name.
    ///
    /// @throws GuestException if one cannot be compiled
    SequencedMap<String, byte[]> compiled() throws IOException {
        return compiled(NAMES);
    }

    /// Those programs by name.
    ///
    /// @throws GuestException if one cannot be compiled
    SequencedMap<String, byte[]> compiled(List<String> names) throws IOException {
        SequencedMap<String, byte[]> programs = new TreeMap<>();
        for (String name : names) {
            byte[] source = resource(name + ".c");
            String entry = "programs/" + name + "-"
                    + ContentHash.of(source, COMPILER.toString().getBytes());
            programs.put(name, Files.readAllBytes(cache.entry(entry, target -> compile(source, target))));
        }
        return programs;
    }

    static byte[] resource(String name) throws IOException {
        try (InputStream in = GuestPrograms.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new GuestException("this build of the testbed lacks its resource " + name);
            }
            return in.readAllBytes();
        }
    }

    private static void compile(byte[] source, Path target) throws IOException {
        Path file = Files.createTempFile("plumbline-", ".c");
        try {
            Files.write(file, source);
            List<String> command = new ArrayList<>(COMPILER);
            command.addAll(List.of("-o", target.toString(), file.toString()));
            HostCommand.output(Path.of("/"), 120, command);
        } finally {
            Files.delete(file);
        }
    }
}
