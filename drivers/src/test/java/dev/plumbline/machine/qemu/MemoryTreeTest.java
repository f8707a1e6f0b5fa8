package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.qemu.MemoryTree.Part;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MemoryTreeTest {
    private static final String TREE = """
            FlatView #0
             AS "cpu-smm-0", root: memory
             Root memory region: memory
              0000000000000000-00000000ffffffff (prio 0, ram): pc.ram

            FlatView #1
             AS "memory", root: system
             AS "cpu-memory-0", root: system
             Root memory region: system
              0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM
              00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
              00000000000c0000-00000000000c9fff (prio 0, rom): pc.ram @00000000000c0000 KVM
              0000000000100000-00000000bfffffff (prio 0, ram): pc.ram @0000000000100000 KVM
              00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram KVM
              0000000100000000-000000017fffffff (prio 0, ram): pc.ram @00000000c0000000
              0000000240000000-000000027fffffff (prio 0, nv-ram): a dimm
            """;

    @Test
    void ramOfTheBackEndsIsTakenFromTheViewOfSystemMemory() throws GuestException {
        assertThat(MemoryTree.ram(TREE, Set.of("pc.ram", "a dimm")))
                .containsExactly(
                        new Part(0, 0xa_0000, "pc.ram", 0),
                        new Part(0x10_0000, 0xbff0_0000L, "pc.ram", 0x10_0000),
                        new Part(0x1_0000_0000L, 0x8000_0000L, "pc.ram", 0xc000_0000L),
                        new Part(0x2_4000_0000L, 0x4000_0000L, "a dimm", 0));
    }

    @Test
    void noViewOfSystemMemoryIsAnError() {
        assertThatThrownBy(() -> MemoryTree.ram("unknown command: 'info mtree'", Set.of("pc.ram")))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("no system memory");
    }

    @Test
    void rangesOutOfOrderAreAnError() {
        for (String range : new String[] {
            "0000000000000000-000000000009ffff",
            "0000000300000000-00000002ffffffff",
            "0000000300000000-ffffffffffffffff",
            "f000000000000000-f0000000ffffffff"
        }) {
            assertThatThrownBy(() -> MemoryTree.ram(TREE + "  " + range + " (prio 0, ram): pc.ram\n", Set.of("pc.ram")))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("out of order");
        }
    }
}
