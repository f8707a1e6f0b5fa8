package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// Kernel modules of our own for test guests, built on this host against the headers of the guest's kernel
/// and kept in the cache under the hash of their sources. Several threads and processes may use it at once.
public final class GuestModules {
    private static final long BUILD_LIMIT_SECONDS = 300;

    /// The kernel's types as modules carry them take a program that hosts lack, and modules load without.
    private static final List<String> MAKE = List.of("make", "-s", "-j2", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules");

    private final CacheDirectory cache;

    GuestModules(CacheDirectory cache) {
        this.cache = cache;
    }

    /// Those of the user who runs this process.
    public static GuestModules ofUser() {
        return new GuestModules(CacheDirectory.ofUser());
    }

    /// Builds modules, all at once, where the cache does not have them.
    ///
    /// @param kernel what they are for
    /// @param sources by file name of letters, digits and underscores; each `NAME.c` makes a module, headers
    /// only stand beside them
    /// @return the modules' ELF files by name without ending; they carry no debug information
    /// @throws GuestException if a source cannot be built, with what the compiler says, or the kernel's headers
    /// cannot be had
    public SequencedMap<String, byte[]> built(GuestKernel kernel, Map<String, byte[]> sources) throws GuestException {
        HostPackages.checkForModules();
        String release = new KernelStore(cache).kernel(kernel).release();
        Path headers = new KernelHeaders(cache).buildDirectory(release);
        SequencedMap<String, byte[]> sorted = new TreeMap<>(sources);
        Path modules = cache.entry("modules/" + release + "-" + hash(sorted), target -> build(headers, sorted, target));
        try {
            SequencedMap<String, byte[]> built = new TreeMap<>();
            for (String name : names(sorted)) {
                built.put(name, Files.readAllBytes(modules.resolve(name + ".ko")));
            }
            return built;
        } catch (IOException e) {
            throw new GuestException("the modules in " + modules + " are damaged; delete that directory", e);
        }
    }

    /// The source of a module that hides a file, and with it `attack.h`, which helps modules that hook the kernel.
    ///
    /// @throws GuestException if this build of the testbed lacks them
    public static Map<String, byte[]> hidingFile() throws IOException {
        Map<String, byte[]> sources = new TreeMap<>();
        for (String file : List.of("attack.h", "hide_file.c")) {
            sources.put(file, GuestPrograms.resource(file));
        }
        return sources;
    }

    private static String hash(SequencedMap<String, byte[]> sources) {
        List<byte[]> parts = new ArrayList<>(List.of(MAKE.toString().getBytes(StandardCharsets.UTF_8)));
        sources.forEach((name, content) -> {
            parts.add((name + " " + content.length + " ").getBytes(StandardCharsets.UTF_8));
            parts.add(content);
        });
        return ContentHash.of(parts.toArray(byte[][]::new));
    }

    private static List<String> names(SequencedMap<String, byte[]> sources) {
        return sources.sequencedKeySet().stream()
                .filter(file -> file.endsWith(".c"))
                .map(file -> file.substring(0, file.length() - 2))
                .toList();
    }

    private static void build(Path headers, SequencedMap<String, byte[]> sources, Path target) throws IOException {
        Path directory = Files.createTempDirectory("plumbline-modules-");
        try {
            for (var source : sources.entrySet()) {
                Files.write(directory.resolve(source.getKey()), source.getValue());
            }
            List<String> names = names(sources);
            Files.writeString(
                    directory.resolve("Kbuild"),
                    names.stream().map(name -> name + ".o").collect(Collectors.joining(" ", "obj-m := ", "\n")));
            List<String> command = new ArrayList<>(MAKE);
            command.addAll(List.of("-C", headers.toString(), "M=" + directory));
            make(directory, command);
            Files.createDirectory(target);
            for (String name : names) {
                String module = name + ".ko";
                HostCommand.output(
                        directory,
                        BUILD_LIMIT_SECONDS,
                        List.of(
                                "strip",
                                "--strip-debug",
                                "-o",
                                target.resolve(module).toString(),
                                module));
            }
        } finally {
            FileTree.delete(directory);
        }
    }

    // What make says last is that it failed; the compiler has said why before.
    private static void make(Path directory, List<String> command) throws GuestException {
        HostCommand.Result result = HostCommand.run(directory, BUILD_LIMIT_SECONDS, command);
        if (result.status() != 0) {
            throw new GuestException("kernel modules cannot be built: "
                    + result.stderr()
                            .lines()
                            .filter(line -> line.contains("error:") || line.contains("ERROR:"))
                            .findFirst()
                            .orElse(result.lastErrorLine()));
        }
    }
}
