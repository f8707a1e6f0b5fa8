package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.ChangingMachineContract;
import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.machine.VirtualAddress;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongPredicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("qemu")
@Timeout(value = 20, unit = TimeUnit.SECONDS)
class QemuMachineTest extends ChangingMachineContract {
    private List<Path> stubsBefore;
    private BareGuest guest;

    @Override
    protected Machine open() throws Exception {
        guest = BareGuest.start("-name", "guest=bare,debug-threads=on", "-m", "64", "-smp", "2");
        QemuMachine opened = QemuMachine.attach(guest.socket());
        opened.capability(MemoryWriter.class).orElseThrow().write(knownAddress(), MemorySegment.ofArray(knownBytes()));
        return opened;
    }

    @AfterEach
    void stopGuest() throws Exception {
        guest.close();
    }

    @Override
    protected PhysicalAddress knownAddress() {
        return new PhysicalAddress(0x40_0010);
    }

    @Override
    protected byte[] knownBytes() {
        return "known bytes of the guest".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    }

    /// Other processes on this host have theirs, and killed ones have left some.
    @BeforeEach
    void rememberStubs() throws IOException {
        stubsBefore = stubDirectories();
    }

    @Test
    void itIsNamedAndKnowsItsProcess() {
        QemuMachine qemu = (QemuMachine) machine;

        assertThat(qemu.name()).isEqualTo("qemu:bare");
        assertThat(qemu.pid()).isEqualTo(guest.pid());
        assertThat(qemu.mappedBytes()).isZero();
    }

    @Test
    void registersAreThoseOfTheLoopAndOfAVcpuNeverStarted() throws Exception {
        awaitRounds(rounds -> rounds > 0);
        assertThat(machine.registers().vcpuCount()).isEqualTo(2);

        VcpuRegisters running = machine.registers().read(0);
        assertThat(running.rip())
                .isBetween(
                        BareFirmware.KERNEL + BareFirmware.LOOP,
                        BareFirmware.KERNEL + BareFirmware.LOOP + BareFirmware.loop().length);
        assertThat(running.pagingEnabled()).isTrue();
        assertThat(running.pagingLevels()).isEqualTo(4);
        assertThat(running.cr3()).isEqualTo(BareFirmware.TABLES);
        assertThat(running.cpl()).isZero();
        assertThat(running.general()[VcpuRegisters.RSP]).isEqualTo(0x8000);
        assertThat(running.general()[0]).isEqualTo(BareFirmware.FIRST_VALUE);

        VcpuRegisters waiting = machine.registers().read(1);
        assertThat(waiting.pagingEnabled()).isFalse();
        assertThat(waiting.rip()).isEqualTo(0xfff0);
    }

    @Test
    void theGuestsPageTablesLeadToItsCode() throws Exception {
        awaitRounds(rounds -> rounds > 0);
        VcpuRegisters registers = machine.registers().read(0);
        AddressSpace space =
                new AddressSpace(machine.memory(), new PhysicalAddress(registers.cr3()), registers.pagingLevels());

        byte[] code = new byte[BareFirmware.loop().length];
        space.read(new VirtualAddress(BareFirmware.KERNEL + BareFirmware.LOOP), MemorySegment.ofArray(code));

        assertThat(code).isEqualTo(BareFirmware.loop());
    }

    @Test
    void aPausedGuestCountsNoRounds() throws Exception {
        Pausing pausing = capability(Pausing.class);
        awaitRounds(rounds -> rounds > 0);
        long atPause;
        try (Pausing.Pause _ = pausing.pause()) {
            assertThat(pausing.running()).isFalse();
            atPause = word(BareFirmware.ROUNDS);
            TimeUnit.MILLISECONDS.sleep(20);
            assertThat(word(BareFirmware.ROUNDS)).isEqualTo(atPause);
        }
        assertThat(pausing.running()).isTrue();
        awaitRounds(rounds -> rounds > atPause);
    }

    @Test
    void aPauseBySomebodyElseIsNotEnded() throws Exception {
        Pausing pausing = capability(Pausing.class);
        machine.close();
        try (QmpClient other = QmpClient.connect(guest.socket())) {
            other.execute("stop");
        }
        machine = QemuMachine.attach(guest.socket());
        Pausing again = capability(Pausing.class);
        again.pause().close();
        capability(CodeWriter.class).writeCode(List.of(valuePatch(0x2222_2222)));

        assertThat(again.running()).isFalse();
        assertThat(pausing).isNotSameAs(again);
    }

    @Test
    void closingEndsAPauseStillInForce() throws Exception {
        Pausing.Pause _ = capability(Pausing.class).pause();
        machine.close();

        try (QmpClient qmp = QmpClient.connect(guest.socket())) {
            assertThat(qmp.execute("query-status").get("running").isTrue()).isTrue();
        }
    }

    @Test
    void changedCodeRuns() throws Exception {
        awaitRounds(rounds -> rounds > 1000);
        assertThat((int) word(BareFirmware.VALUE)).isEqualTo(BareFirmware.FIRST_VALUE);

        for (int value = 0x2222_2220; value < 0x2222_2226; value++) {
            capability(CodeWriter.class).writeCode(List.of(valuePatch(value)));
            awaitMoreRounds(1000);
            assertThat((int) word(BareFirmware.VALUE)).isEqualTo(value);
        }
        assertThat(capability(Pausing.class).running()).isTrue();
        assertThat(stubDirectories()).isSubsetOf(stubsBefore);
    }

    @Test
    void codeWrittenAsDataIsMissedByATranslatingAccelerator() throws Exception {
        awaitRounds(rounds -> rounds > 1000);
        CodePatch patch = valuePatch(0x3333_3333);
        try (Pausing.Pause _ = capability(Pausing.class).pause()) {
            capability(MemoryWriter.class).write(patch.address(), MemorySegment.ofArray(patch.bytes()));
        }
        awaitMoreRounds(1000);

        assertThat((int) word(BareFirmware.VALUE)).isEqualTo(BareFirmware.FIRST_VALUE);
        capability(CodeWriter.class).writeCode(List.of(patch));
        awaitMoreRounds(1000);
        assertThat((int) word(BareFirmware.VALUE)).isEqualTo(0x3333_3333);
    }

    @Test
    void thousandsOfPatchesAreWrittenAtOnce() throws Exception {
        List<CodePatch> patches = Stream.iterate(0, i -> i + 1)
                .limit(20_000)
                .map(i ->
                        new CodePatch(new PhysicalAddress(0x50_0000 + 16L * i), new byte[] {i.byteValue(), 2, 3, 4, 5}))
                .toList();
        byte[] large = new byte[100_000];
        java.util.Arrays.fill(large, (byte) 0x77);

        capability(CodeWriter.class).writeCode(patches);
        capability(CodeWriter.class).writeCode(List.of(new CodePatch(new PhysicalAddress(0x70_0001), large)));

        for (CodePatch patch : patches) {
            assertThat((byte) word(patch.address().value())).isEqualTo(patch.bytes()[0]);
        }
        byte[] read = new byte[large.length];
        machine.memory().read(new PhysicalAddress(0x70_0001), MemorySegment.ofArray(read));
        assertThat(read).isEqualTo(large);
    }

    @Test
    void aDebuggerInUseIsNotReplaced() throws Exception {
        machine.close();
        try (QmpClient other = QmpClient.connect(guest.socket())) {
            other.monitor("gdbserver unix:" + guest.file("theirs") + ",server=on,wait=off");
        }
        machine = QemuMachine.attach(guest.socket());

        assertThatThrownBy(() -> capability(CodeWriter.class).writeCode(List.of(valuePatch(5))))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("in use by somebody else")
                .hasMessageContaining("theirs");
        assertThat(capability(Pausing.class).running()).isTrue();
        assertThat(stubDirectories()).isSubsetOf(stubsBefore);
    }

    @Test
    void aStubThatAKilledRunLeftIsTakenOver() throws Exception {
        Path left = Files.createTempDirectory("plumbline-stub-");
        machine.close();
        try (QmpClient killed = QmpClient.connect(guest.socket())) {
            killed.monitor("gdbserver unix:" + left + "/gdb.sock,server=on,wait=off");
        }
        machine = QemuMachine.attach(guest.socket());

        capability(CodeWriter.class).writeCode(List.of(valuePatch(0x4444_4444)));

        awaitMoreRounds(1000);
        assertThat((int) word(BareFirmware.VALUE)).isEqualTo(0x4444_4444);
        assertThat(left).doesNotExist();
    }

    @Test
    void aKilledGuestIsGoneForEveryCapability() throws Exception {
        guest.kill();

        MemorySegment word = MemorySegment.ofArray(new byte[8]);
        assertThatThrownBy(() -> machine.memory().read(knownAddress(), word)).isInstanceOf(GuestGoneException.class);
        assertThatThrownBy(() -> machine.registers().read(0)).isInstanceOf(GuestGoneException.class);
        assertThatThrownBy(() -> capability(Pausing.class).pause()).isInstanceOf(GuestGoneException.class);
        assertThatThrownBy(() -> capability(MemoryWriter.class).write(knownAddress(), word))
                .isInstanceOf(GuestGoneException.class)
                .hasMessageContaining("gone");
        assertThatThrownBy(() -> capability(CodeWriter.class).writeCode(List.of(valuePatch(1))))
                .isInstanceOf(GuestGoneException.class);
    }

    @Test
    void aGuestKilledWhileItIsReadIsGoneWithinASecond() throws Exception {
        long killedAtNanos = System.nanoTime();
        guest.startKilling();

        assertThatThrownBy(() -> {
                    MemorySegment destination = MemorySegment.ofArray(new byte[1 << 20]);
                    while (true) {
                        machine.memory().read(new PhysicalAddress(0x10_0000), destination);
                    }
                })
                .isInstanceOf(GuestGoneException.class);
        assertThat(System.nanoTime() - killedAtNanos).isLessThan(TimeUnit.SECONDS.toNanos(5));
    }

    @Test
    void onlyRamIsShown() throws GuestException {
        List<MemoryRange> ranges = machine.memory().ranges();

        assertThat(ranges.getFirst().start()).isEqualTo(new PhysicalAddress(0));
        assertThat(ranges.getLast().end()).isEqualTo(new PhysicalAddress(64 << 20));
        assertThatThrownBy(() ->
                        machine.memory().read(new PhysicalAddress(0xffff_fff0L), MemorySegment.ofArray(new byte[16])))
                .hasMessageContaining("0xfffffff0");
    }

    private static CodePatch valuePatch(int value) {
        byte[] bytes = new byte[4];
        MemorySegment.ofArray(bytes).set(ValueLayout.JAVA_INT_UNALIGNED, 0, value);
        return new CodePatch(new PhysicalAddress(BareFirmware.LOOP + 1), bytes);
    }

    private long word(long address) throws GuestException {
        long[] word = new long[1];
        machine.memory().read(new PhysicalAddress(address), MemorySegment.ofArray(word));
        return word[0];
    }

    private void awaitMoreRounds(long more) throws Exception {
        long before = word(BareFirmware.ROUNDS);
        awaitRounds(rounds -> rounds > before + more);
    }

    private void awaitRounds(LongPredicate enough) throws Exception {
        while (!enough.test(word(BareFirmware.ROUNDS))) {
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }

    private static List<Path> stubDirectories() throws IOException {
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            return files.filter(file -> file.getFileName().toString().startsWith("plumbline-stub-"))
                    .toList();
        }
    }
}
