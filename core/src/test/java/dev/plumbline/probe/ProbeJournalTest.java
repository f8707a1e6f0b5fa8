package dev.plumbline.probe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.probe.ProbeJournal.Block;
import dev.plumbline.probe.ProbeJournal.Changes;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.probe.ProbeJournal.PerCpuData;
import dev.plumbline.probe.ProbeJournal.Site;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProbeJournalTest {
    private static final Changes CHANGES = new Changes(
            0xffff_ffff_8100_1000L,
            4096,
            List.of(new Block(0xffff_8880_0100_0000L, 0), new Block(0xffff_8880_0200_0000L, 10)),
            List.of(new PerCpuData(0x607f_1234_5640L)),
            List.of(new Site(0xffff_ffff_8100_2004L, new PhysicalAddress(0x100_2004))),
            List.of(new Code(
                    0xffff_ffff_8100_3000L, new PhysicalAddress(0x100_3000), new byte[] {0x55, 0x53, -1, 0, 1, 2})),
            0x8a5c_0000_0000_0001L,
            false);

    @TempDir
    private Path directory;

    private ProbeJournal journal() {
        return new ProbeJournal(directory.resolve("state"), "boot");
    }

    @Test
    void whatIsWrittenIsReadBack() throws Exception {
        assertThat(journal().read()).isEmpty();
        journal().write(CHANGES);
        assertThat(journal().read()).contains(CHANGES);
        journal().delete();
        assertThat(journal().read()).isEmpty();
    }

    @Test
    void aSecondWritingReplacesTheFirstAndLeavesNothingBeside() throws Exception {
        journal().write(CHANGES.withLent(List.of(), List.of()));
        journal().write(CHANGES);
        assertThat(journal().read()).contains(CHANGES);
        try (var files = Files.list(directory.resolve("state"))) {
            assertThat(files).containsExactly(journal().file());
        }
    }

    @Test
    void aJournalCutShortAtAnyByteIsRefusedOrEmpty() throws Exception {
        journal().write(CHANGES);
        byte[] whole = Files.readAllBytes(journal().file());
        for (int length = 0; length < whole.length - 1; length++) {
            Files.write(journal().file(), Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> journal().read())
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("damaged");
        }
    }

    @Test
    void nonsenseInALineIsRefused() throws Exception {
        for (String line : List.of(
                "site",
                "site 0x",
                "site 1 2",
                "block 0x1 x",
                "code 0x1 0x2 5553",
                "code 0x1 0x2 555351525g",
                "who 0x1 0x2",
                "")) {
            Files.createDirectories(journal().file().getParent());
            Files.writeString(
                    journal().file(), "plumbline-journal 1\narea 0xffffffff81001000 4096\n" + line + "\nend\n");
            assertThatThrownBy(() -> journal().read()).as(line).isInstanceOf(GuestException.class);
        }
    }

    @Test
    void aDirectoryThatCannotBeMadeIsOneLine() throws Exception {
        Files.writeString(directory.resolve("state"), "a file");
        assertThatThrownBy(() -> journal().write(CHANGES))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("the guest is not touched");
    }

    @Test
    void oneRunAtATimeHoldsABoot() throws Exception {
        ProbeJournal other = new ProbeJournal(directory.resolve("state"), "another boot");
        try (RunLock _ = journal().hold();
                RunLock _ = other.hold()) {
            assertThatThrownBy(() -> journal().hold())
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("end that run first");
        }
        journal().hold().close();
    }
}
