package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class GuestOptionsTest {
    private static final KernelStore.Kernel KERNEL =
            new KernelStore.Kernel("6.1", Path.of("/k/vmlinuz"), Path.of("/k/modules"));

    @Test
    void numbersOutOfBoundsAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> GuestOptions.DEFAULT.withCpus(0));
        assertThatIllegalArgumentException().isThrownBy(() -> GuestOptions.DEFAULT.withCpus(65));
        assertThatIllegalArgumentException().isThrownBy(() -> GuestOptions.DEFAULT.withMemoryMib(255));
    }

    @Test
    void everyOptionReachesQemu() {
        GuestOptions options = GuestOptions.DEFAULT
                .withCpus(2)
                .withMemoryMib(5120)
                .withCpuModel("max")
                .withAppend("pti=on")
                .withExtraQemuArguments("-object", "memory-backend-memfd,id=ram,size=5G,share=on");
        assertThat(String.join(" ", line(options)))
                .contains("-smp 2 -m 5120M", "-cpu max", " pti=on", "accel=tcg")
                .endsWith("-object memory-backend-memfd,id=ram,size=5G,share=on");
    }

    @Test
    void onlyQmpLeadsIn() {
        assertThat(String.join(" ", line(GuestOptions.DEFAULT)))
                .contains("-qmp unix:/run/t/a,,b/qmp.sock,server=on,wait=off", "-cpu qemu64")
                .doesNotContain("-gdb", "-s ", "memory-backend", "-monitor");
    }

    @Test
    void kvmTakesTheHostsCpu() {
        assertThat(String.join(" ", line(GuestOptions.DEFAULT.withKvm(true)))).contains("accel=kvm", "-cpu host");
    }

    private static List<String> line(GuestOptions options) {
        return QemuCommandLine.of(
                List.of(QemuCommandLine.PROGRAM),
                new GuestDirectory(Path.of("/run/t/a,b")),
                BootImages.linux(KERNEL, Path.of("/c/initramfs")),
                options);
    }
}
