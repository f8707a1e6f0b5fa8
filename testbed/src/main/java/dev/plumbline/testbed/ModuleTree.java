package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The loadable modules of an unpacked kernel, with what each depends on as the module itself says: a
/// `depends=` string in its `.modinfo` section. Modules packed with xz are unpacked by busybox. Not for several
/// threads at once.
final class ModuleTree {
    private static final Pattern DEPENDS = Pattern.compile("\\x00depends=([\\w,-]*)\\x00");
    private static final long UNPACK_LIMIT_SECONDS = 60;

    private final Map<String, Path> pathOf = new HashMap<>();

    /// @param directory a kernel's `/lib/modules/RELEASE`
    ModuleTree(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            files.filter(file -> file.getFileName().toString().matches(".+\\.ko(\\.xz)?"))
                    .forEach(file -> pathOf.put(nameOf(file), file));
        }
    }

    /// @param name with underscores, as lsmod prints it
    /// @param bytes the ELF file, unpacked
    /// @param dependencies names of the modules it needs itself
    record Module(String name, byte[] bytes, List<String> dependencies) {}

    /// Those of the named modules that this kernel has as modules, with all they depend on, each behind what it needs.
    ///
    /// @throws GuestException if a dependency is missing, or a module cannot be read
    SequencedMap<String, Module> closure(List<String> names) throws IOException {
        SequencedMap<String, Module> closure = new LinkedHashMap<>();
        for (String name : names) {
            if (pathOf.containsKey(name)) {
                add(name, closure);
            }
        }
        return closure;
    }

    private void add(String name, SequencedMap<String, Module> closure) throws IOException {
        if (closure.containsKey(name)) {
            return;
        }
        Path file = Optional.ofNullable(pathOf.get(name))
                .orElseThrow(() -> new GuestException("kernel module " + name + ", which others need, is missing"));
        byte[] bytes = file.toString().endsWith(".xz")
                ? HostCommand.output(Path.of("/"), UNPACK_LIMIT_SECONDS, List.of("busybox", "xzcat", file.toString()))
                : Files.readAllBytes(file);
        List<String> dependencies = dependencies(bytes);
        for (String dependency : dependencies) {
            add(dependency, closure);
        }
        closure.put(name, new Module(name, bytes, dependencies));
    }

    /// What the first `depends=` string of a module's `.modinfo` lists; that section's strings end with a NUL each.
    static List<String> dependencies(byte[] module) {
        Matcher entry = DEPENDS.matcher(new String(module, StandardCharsets.ISO_8859_1));
        if (!entry.find() || entry.group(1).isEmpty()) {
            return List.of();
        }
        return List.of(entry.group(1).replace('-', '_').split(","));
    }

    private static String nameOf(Path file) {
        return file.getFileName().toString().replaceFirst("\\.ko(\\.xz)?$", "").replace('-', '_');
    }
}
