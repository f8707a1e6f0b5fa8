package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class ModuleTreeTest {
    @TempDir
    private Path directory;

    @Test
    void eachModuleComesBehindWhatItNeeds() throws IOException {
        module("net/top.ko", "middle,low-level");
        module("net/middle.ko", "low-level");
        module("low-level.ko", "");
        module("other.ko", "");
        assertThat(new ModuleTree(directory).closure(List.of("top")).sequencedKeySet())
                .containsExactly("low_level", "middle", "top");
    }

    @Test
    void whatTheKernelHasBuiltInIsLeftOut() throws IOException {
        module("dummy.ko", "");
        assertThat(new ModuleTree(directory)
                        .closure(List.of("virtio_pci", "dummy"))
                        .sequencedKeySet())
                .containsExactly("dummy");
    }

    @Test
    void missingDependencyIsNamed() throws IOException {
        module("top.ko", "lost");
        ModuleTree tree = new ModuleTree(directory);
        assertThatThrownBy(() -> tree.closure(List.of("top")))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("lost");
    }

    @Test
    void dependencyFileListsEveryNeedInFrontOfItsOwnNeeds() throws IOException {
        module("a.ko", "c,b");
        module("b.ko", "c");
        module("c.ko", "");
        byte[] file = Initramfs.dependencyFile(new ModuleTree(directory).closure(List.of("a")));
        assertThat(new String(file, StandardCharsets.UTF_8).lines())
                .containsExactly("c.ko:", "b.ko: c.ko", "a.ko: b.ko c.ko");
    }

    @Test
    void moduleCutShortHasNoDependencies() {
        assertThat(ModuleTree.dependencies("\0license=GPL\0depends=a,b".getBytes(StandardCharsets.UTF_8)))
                .isEmpty();
    }

    private void module(String path, String depends) throws IOException {
        Path file = directory.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "\0license=GPL\0depends=" + depends + "\0name=x\0");
    }
}
