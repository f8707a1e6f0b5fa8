package dev.plumbline.machine.xen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BreakpointJournalTest {
    private static final PhysicalAddress PLACE = new PhysicalAddress(0x12_3456_7890L);

    @TempDir
    private Path directory;

    private Path file() {
        return directory.resolve("below").resolve("journal");
    }

    /// What a run that was killed at this moment has left.
    private BreakpointJournal asLeft() throws IOException, GuestException {
        Path copy = directory.resolve("copy");
        Files.copy(file(), copy, StandardCopyOption.REPLACE_EXISTING);
        return BreakpointJournal.take(copy);
    }

    @Test
    void whatMayBeInForceOutlivesAKill() throws Exception {
        try (BreakpointJournal journal = BreakpointJournal.take(file())) {
            journal.begin();
            journal.paused(true);
            journal.monitored(true);
            BreakpointJournal.Entry first = journal.add(0xffff_ffff_8100_0000L, PLACE, (byte) 0x0f);
            BreakpointJournal.Entry second = journal.add(0xffff_ffff_8100_0010L, PLACE.plus(0x10), (byte) 0xcc);
            try (BreakpointJournal left = asLeft()) {
                assertThat(left.isLeft()).isTrue();
                assertThat(left.isPaused()).isTrue();
                assertThat(left.isMonitored()).isTrue();
                assertThat(left.entries()).containsExactly(first, second);
            }
            journal.paused(false);
            journal.remove(first);
            try (BreakpointJournal left = asLeft()) {
                assertThat(left.isPaused()).isFalse();
                assertThat(left.isMonitored()).isTrue();
                assertThat(left.entries()).containsExactly(second);
            }
            journal.remove(second);
            journal.end();
            try (BreakpointJournal left = asLeft()) {
                assertThat(left.isLeft()).isFalse();
                assertThat(left.entries()).isEmpty();
            }
        }
        assertThat(BreakpointJournal.isUsed(file())).isFalse();
    }

    @Test
    void oneRunAtATimeHasHoldOfIt() throws Exception {
        try (BreakpointJournal journal = BreakpointJournal.take(file())) {
            journal.begin();
            assertThat(BreakpointJournal.take(file())).isNull();
            assertThat(BreakpointJournal.isUsed(file())).isTrue();
        }
        try (BreakpointJournal next = BreakpointJournal.take(file())) {
            assertThat(next.isLeft()).isTrue();
            next.begin();
            next.end();
        }
        assertThat(BreakpointJournal.isUsed(file())).isFalse();
    }

    @Test
    void roomIsGivenAgainAndHasAnEnd() throws Exception {
        try (BreakpointJournal journal = BreakpointJournal.take(file())) {
            journal.begin();
            for (int i = 0; i < 2 * BreakpointJournal.MOST; i++) {
                journal.remove(journal.add(i, PLACE, (byte) 1));
            }
            for (int i = 0; i < BreakpointJournal.MOST; i++) {
                journal.add(i, PLACE, (byte) 1);
            }
            assertThat(journal.entries()).hasSize(BreakpointJournal.MOST);
            assertThatThrownBy(() -> journal.add(1, PLACE, (byte) 1))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("no more than 16383 breakpoints");
            journal.end();
        }
    }

    @Test
    void whereItCannotBeWrittenNothingIsSet() throws IOException {
        Path inTheWay = Files.writeString(directory.resolve("file"), "");
        assertThatThrownBy(() -> BreakpointJournal.take(inTheWay.resolve("journal")))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("without it no breakpoint is set");
    }
}
