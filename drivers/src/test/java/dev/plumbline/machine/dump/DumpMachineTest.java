package dev.plumbline.machine.dump;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.AddressSpace;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MachineContract;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.BareDump;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("qemu")
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class DumpMachineTest extends MachineContract {
    private static final int HEADERS_BYTES = 0x1000;
    private static final int MUTATIONS = 4000;
    private static final long SEED = 20_240_817;

    @TempDir
    private static Path directory;

    private static BareDump dump;

    @BeforeAll
    static void takeDump() throws Exception {
        dump = BareDump.take(directory);
    }

    @Override
    protected Machine open() throws GuestException {
        return DumpMachine.open(dump.file());
    }

    @Override
    protected PhysicalAddress knownAddress() {
        return new PhysicalAddress(dump.codeAddress());
    }

    @Override
    protected byte[] knownBytes() {
        return dump.code();
    }

    @Test
    void registersAreThoseThatTheMonitorShowed() throws GuestException {
        assertThat(machine.registers().vcpuCount()).isEqualTo(dump.registers().size());
        for (int vcpu = 0; vcpu < dump.registers().size(); vcpu++) {
            assertThat(machine.registers().read(vcpu))
                    .usingRecursiveComparison()
                    .isEqualTo(dump.registers().get(vcpu));
        }
    }

    @Test
    void itsPageTablesLeadToItsCode() throws GuestException {
        VcpuRegisters registers = machine.registers().read(0);
        AddressSpace space =
                new AddressSpace(machine.memory(), new PhysicalAddress(registers.cr3()), registers.pagingLevels());
        byte[] code = new byte[dump.code().length];
        space.read(new VirtualAddress(registers.rip() & -0x1000), MemorySegment.ofArray(code));

        assertThat(code).isEqualTo(dump.code());
    }

    @Test
    void itHasNoFurtherCapability() {
        assertThat(machine.capability(Object.class)).isEmpty();
        assertThat(machine.name()).isEqualTo("dump:" + dump.file());
    }

    @Test
    void otherFilesAreToldInOneLineEach() throws IOException {
        check(new byte[0], "is empty", "dump-guest-memory");
        check("KDUMP   x".getBytes(), "compressed kdump", "paging=false");
        check("makedumpfile".getBytes(), "compressed kdump");
        check("#!/bin/sh\n".getBytes(), "is not an ELF core file");
        check(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}, "truncated");
        check(changed(4, 1), "not in 64-bit mode");
        check(changed(18, 3), "not in 64-bit mode");
        check(changed(18, 183), "only x86-64");
        check(changed(5, 2), "only x86-64");
        check(changed(16, 2), "no core file");
        check(changed(54, 57), "program headers of 57 bytes");
        check(changed(56, 0), "0 program headers");
        check(changed(39, 0x7e), "damaged");
    }

    @Test
    void missingAndForbiddenFilesAreSaid() {
        assertThatThrownBy(() -> DumpMachine.open(directory)).hasMessageContaining("is not a file");
        assertThatThrownBy(() -> DumpMachine.open(directory.resolve("none"))).hasMessageContaining("there is no dump");
    }

    @Test
    void aDumpByVirtualAddressesIsRefused() {
        Path paged = dump.paged();

        assertThatThrownBy(() -> DumpMachine.open(paged))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("paging=true")
                .hasMessageContaining("paging=false");
    }

    @Test
    void aTruncatedDumpIsRefusedAtAnyLength() throws IOException {
        byte[] headers = headers();
        long size = Files.size(dump.file());
        Path file = directory.resolve("truncated");
        Files.copy(dump.file(), file, StandardCopyOption.REPLACE_EXISTING);
        try (RandomAccessFile writable = new RandomAccessFile(file.toFile(), "rw")) {
            for (long length : new long[] {size - 0x1000, size / 2, headers.length, 700, 300, 100, 63, 17, 1}) {
                writable.setLength(length);
                assertThatThrownBy(() -> DumpMachine.open(file))
                        .isExactlyInstanceOf(GuestException.class)
                        .hasMessageMatching("dump .* is (damaged|not an ELF core file).*");
            }
        }
    }

    @Test
    void aDumpTruncatedWhileItIsReadIsAnError() throws Exception {
        Path file = directory.resolve("shrinking");
        Files.copy(dump.file(), file, StandardCopyOption.REPLACE_EXISTING);
        try (DumpMachine shrinking = DumpMachine.open(file)) {
            try (RandomAccessFile writable = new RandomAccessFile(file.toFile(), "rw")) {
                writable.setLength(HEADERS_BYTES);
            }
            assertThatThrownBy(() -> shrinking.memory().read(knownAddress(), MemorySegment.ofArray(new byte[8])))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("truncated meanwhile");
        }
    }

    @Test
    void moreProgramHeadersThanTheHeaderCanCountAreCountedInTheFirstSection() throws Exception {
        int loads = 0x1_0010;
        Path file = Files.write(directory.resolve("many"), manyLoads(loads));

        try (DumpMachine many = DumpMachine.open(file)) {
            // Every second page of guest memory, so that none can be joined.
            assertThat(many.memory().ranges()).hasSize(loads);
            long[] word = new long[1];
            many.memory().read(new PhysicalAddress((loads - 1) * 0x2000L), MemorySegment.ofArray(word));
            assertThat(word[0]).isEqualTo(0x1122_3344_5566_7788L);
        }
    }

    @Test
    void mutatedHeadersAreAnErrorOrADump() throws IOException {
        Random random = new Random(SEED);
        byte[] original = headers();
        Path file = directory.resolve("mutated");
        Files.copy(dump.file(), file, StandardCopyOption.REPLACE_EXISTING);
        int opened = 0;
        try (RandomAccessFile writable = new RandomAccessFile(file.toFile(), "rw")) {
            for (int i = 0; i < MUTATIONS; i++) {
                byte[] mutated = mutate(original, random);
                writable.seek(0);
                writable.write(mutated);
                opened += tryToRead(file) ? 1 : 0;
            }
        }
        assertThat(opened).as("seed " + SEED).isBetween(MUTATIONS / 20, MUTATIONS * 19 / 20);
    }

    private static boolean tryToRead(Path file) {
        try (DumpMachine mutated = DumpMachine.open(file)) {
            var ranges = mutated.memory().ranges();
            for (var range : ranges.subList(0, Math.min(8, ranges.size()))) {
                mutated.memory().read(range.start(), MemorySegment.ofArray(new byte[1]));
                mutated.memory().read(range.end().plus(-1), MemorySegment.ofArray(new byte[1]));
            }
            return true;
        } catch (GuestException e) {
            assertThat(e.getMessage()).doesNotContain("\n").contains(file.toString());
            return false;
        }
    }

    private static byte[] mutate(byte[] original, Random random) {
        byte[] mutated = original.clone();
        int places = 1 + random.nextInt(3);
        for (int i = 0; i < places; i++) {
            int at = random.nextInt(random.nextBoolean() ? 0x240 : mutated.length - 8);
            switch (random.nextInt(4)) {
                case 0 -> mutated[at] = (byte) random.nextInt();
                case 1 -> mutated[at] ^= (byte) (1 << random.nextInt(8));
                case 2 -> Arrays.fill(mutated, at, at + 8, (byte) (random.nextBoolean() ? 0xff : 0));
                default ->
                    ByteBuffer.wrap(mutated)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putLong(at, random.nextLong() >>> random.nextInt(64));
            }
        }
        return mutated;
    }

    private static void check(byte[] content, String... parts) throws IOException {
        Path file = Files.write(directory.resolve("other"), content);
        assertThatThrownBy(() -> DumpMachine.open(file))
                .isExactlyInstanceOf(GuestException.class)
                .hasMessageStartingWith("dump " + file)
                .hasMessageContainingAll(parts)
                .message()
                .doesNotContain("\n");
    }

    private static byte[] changed(int at, int value) throws IOException {
        byte[] headers = headers();
        headers[at] = (byte) value;
        return headers;
    }

    private static byte[] headers() throws IOException {
        try (var in = Files.newInputStream(dump.file())) {
            return in.readNBytes(HEADERS_BYTES);
        }
    }

    /// A dump by the book, with as many runs of memory as asked, which all show the same page of the file.
    private static byte[] manyLoads(int loads) {
        int notes = 12 + 8 + 432;
        int table = 128;
        int notesAt = table + 56 * (loads + 1);
        int pageAt = notesAt + notes;
        ByteBuffer file = ByteBuffer.allocate(pageAt + 0x1000).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
        file.putShort(16, (short) 4).putShort(18, (short) 62).putLong(32, table).putLong(40, 64);
        file.putShort(54, (short) 56).putShort(56, (short) 0xffff).putInt(64 + 44, loads + 1);
        file.putInt(table, 4).putLong(table + 8, notesAt).putLong(table + 32, notes);
        for (int i = 0; i < loads; i++) {
            int at = table + 56 * (i + 1);
            file.putInt(at, 1).putLong(at + 8, pageAt).putLong(at + 24, i * 0x2000L);
            file.putLong(at + 32, 0x1000).putLong(at + 40, 0x1000);
        }
        file.putInt(notesAt, 5).putInt(notesAt + 4, 432).put(notesAt + 12, "QEMU".getBytes());
        file.putInt(notesAt + 20, 1).putInt(notesAt + 24, 432);
        file.putLong(pageAt, 0x1122_3344_5566_7788L);
        return file.array();
    }
}
