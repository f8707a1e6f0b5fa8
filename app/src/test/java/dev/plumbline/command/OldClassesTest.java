package dev.plumbline.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// On the library that needs it.
class OldClassesTest {
    @TempDir
    private Path directory;

    @Test
    void renewedClassesAreVerifiedAndKeepTheirNames() throws Exception {
        Path library = Path.of(CommandLine.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        Path jar = Files.copy(library, directory.resolve("library.jar"));
        assertThat(OldClasses.renew(jar)).isGreaterThan(100);
        assertThat(names(jar)).isEqualTo(names(library));
        // No stack map, no class: those of the old version need none.
        try (URLClassLoader loader = new URLClassLoader(new URL[] {jar.toUri().toURL()}, null)) {
            for (String name : names(jar)) {
                if (name.startsWith("picocli/CommandLine") && name.endsWith(".class")) {
                    Class.forName(name.replace('/', '.').replace(".class", ""), true, loader);
                }
            }
        }
        assertThat(OldClasses.renew(jar)).as("there are none any more").isZero();
    }

    private static List<String> names(Path jar) throws Exception {
        try (JarFile file = new JarFile(jar.toFile())) {
            return file.stream().map(entry -> entry.getName()).toList();
        }
    }
}
