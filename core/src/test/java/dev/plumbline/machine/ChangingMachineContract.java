package dev.plumbline.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.CodeWriter.CodePatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What a driver that can write and pause keeps to, besides [MachineContract]. The machine runs when it is opened.
public abstract class ChangingMachineContract extends MachineContract {

    @Test
    void writtenBytesAreReadBack() throws GuestException {
        byte[] bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9};
        MemoryWriter writer = capability(MemoryWriter.class);
        writer.write(knownAddress(), MemorySegment.ofArray(bytes));
        assertThat(read(bytes.length)).isEqualTo(bytes);

        try (Arena arena = Arena.ofConfined()) {
            writer.write(knownAddress().plus(3), arena.allocate(4).fill((byte) 0x5a));
        }
        assertThat(read(bytes.length)).containsExactly(1, 2, 3, 0x5a, 0x5a, 0x5a, 0x5a, 8, 9);
    }

    @Test
    void aWriteThatReachesOverTheEndOfRamWritesNothing() throws GuestException {
        PhysicalAddress last = machine.memory().ranges().getLast().end().plus(-4);
        byte[] before = new byte[4];
        machine.memory().read(last, MemorySegment.ofArray(before));

        assertThatThrownBy(() ->
                        capability(MemoryWriter.class).write(last, MemorySegment.ofArray(new byte[] {9, 9, 9, 9, 9})))
                .isInstanceOf(UnreadableMemoryException.class);

        byte[] after = new byte[4];
        machine.memory().read(last, MemorySegment.ofArray(after));
        assertThat(after).isEqualTo(before);
    }

    @Test
    void codePatchesAreWrittenInOrderAndTheMachineRunsOn() throws GuestException {
        capability(CodeWriter.class)
                .writeCode(List.of(
                        new CodePatch(knownAddress(), new byte[] {1, 2, 3, 4}),
                        new CodePatch(knownAddress().plus(2), new byte[] {7, 7})));

        assertThat(read(4)).containsExactly(1, 2, 7, 7);
        assertThat(capability(Pausing.class).running()).isTrue();
    }

    @Test
    void codeWrittenWhilePausedLeavesThePauseInForce() throws GuestException {
        Pausing pausing = capability(Pausing.class);
        try (Pausing.Pause _ = pausing.pause()) {
            capability(CodeWriter.class).writeCode(List.of(new CodePatch(knownAddress(), new byte[] {8})));
            assertThat(pausing.running()).isFalse();
        }
        assertThat(pausing.running()).isTrue();
    }

    @Test
    void onePatchOutsideRamMeansNoneIsWritten() throws GuestException {
        PhysicalAddress end = machine.memory().ranges().getLast().end();

        assertThatThrownBy(() -> capability(CodeWriter.class)
                        .writeCode(List.of(
                                new CodePatch(knownAddress(), new byte[] {1, 1, 1}),
                                new CodePatch(end, new byte[] {1}))))
                .isInstanceOf(UnreadableMemoryException.class);

        assertThat(read(knownBytes().length)).isEqualTo(knownBytes());
        assertThat(capability(Pausing.class).running()).isTrue();
    }

    @Test
    void pausesNestAndTheOutermostResumes() throws GuestException {
        Pausing pausing = capability(Pausing.class);
        Pausing.Pause first = pausing.pause();
        Pausing.Pause second = pausing.pause();
        assertThat(pausing.running()).isFalse();
        first.close();
        assertThat(pausing.running()).isFalse();
        second.close();
        second.close();
        assertThat(pausing.running()).isTrue();
    }

    protected final <T> T capability(Class<T> kind) {
        return machine.capability(kind).orElseThrow();
    }

    protected final byte[] read(int length) throws GuestException {
        byte[] bytes = new byte[length];
        machine.memory().read(knownAddress(), MemorySegment.ofArray(bytes));
        return bytes;
    }
}
