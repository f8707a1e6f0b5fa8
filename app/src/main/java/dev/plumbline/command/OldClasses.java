package dev.plumbline.command;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/// Run once after a build, before [Rehearsal]: gives classes of libraries that are older than Java 6 a version that
/// an ahead-of-time cache takes, with the stack maps that go with it. Else each start would look for them in all jars,
/// load and verify them: most of the time to the first line.
public final class OldClasses {
    /// Java 6.
    private static final int OLDEST_IN_CACHE = 50;

    private static final int MAJOR_VERSION = 6;

    private OldClasses() {}

    /// @param arguments the directory of the jars
    public static void main(String[] arguments) throws IOException {
        try (DirectoryStream<Path> jars = Files.newDirectoryStream(Path.of(arguments[0]), "*.jar")) {
            for (Path jar : jars) {
                renew(jar);
            }
        }
    }

    /// Renews those of one jar, in place; a jar without any is not touched. One that is signed stays as it is.
    ///
    /// @return how many there were
    static int renew(Path jar) throws IOException {
        try (JarFile from = new JarFile(jar.toFile())) {
            List<JarEntry> entries = Collections.list(from.entries());
            boolean isSigned =
                    entries.stream().anyMatch(entry -> entry.getName().endsWith(".SF"));
            int old = 0;
            for (JarEntry entry : entries) {
                old += isOld(entry, bytes(from, entry)) ? 1 : 0;
            }
            if (old == 0 || isSigned) {
                return 0;
            }
            Path next = jar.resolveSibling(jar.getFileName() + ".new");
            try (URLClassLoader loader =
                            new URLClassLoader(new URL[] {jar.toUri().toURL()}, null);
                    JarOutputStream to = new JarOutputStream(Files.newOutputStream(next))) {
                ClassFile classFile = ClassFile.of(
                        ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
                        ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(loader)
                                .orElse(ClassHierarchyResolver.defaultResolver())));
                for (JarEntry entry : entries) {
                    byte[] bytes = bytes(from, entry);
                    JarEntry copy = new JarEntry(entry.getName());
                    copy.setTime(entry.getTime());
                    to.putNextEntry(copy);
                    to.write(isOld(entry, bytes) ? renewed(classFile, bytes) : bytes);
                    to.closeEntry();
                }
            }
            Files.move(next, jar, StandardCopyOption.ATOMIC_MOVE);
            return old;
        }
    }

    private static byte[] bytes(JarFile jar, JarEntry entry) throws IOException {
        return jar.getInputStream(entry).readAllBytes();
    }

    private static boolean isOld(JarEntry entry, byte[] bytes) {
        return entry.getName().endsWith(".class") && ByteBuffer.wrap(bytes).getShort(MAJOR_VERSION) < OLDEST_IN_CACHE;
    }

    private static byte[] renewed(ClassFile classFile, byte[] bytes) {
        return classFile.transformClass(
                classFile.parse(bytes),
                // Code that nobody looks at would be copied, and have no stack maps.
                ClassTransform.transformingMethodBodies((builder, element) -> builder.with(element))
                        .andThen(ClassTransform.endHandler(
                                builder -> builder.withVersion(ClassFile.JAVA_8_VERSION, 0))));
    }
}
