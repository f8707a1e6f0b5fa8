package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.PhysicalAddress;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("qemu")
@Timeout(value = 30, unit = TimeUnit.SECONDS)
class QemuLayoutTest {
    private static final long GIB = 1L << 30;

    @Test
    void aGuestAboveFourGibibytesHasAHole() throws Exception {
        try (BareGuest guest = BareGuest.start(
                        "-m",
                        "5G",
                        "-S",
                        "-device",
                        "VGA",
                        "-device",
                        "loader,addr=0x17ffffff8,data=0x1122334455667788,data-len=8",
                        "-device",
                        "loader,addr=0xbffffff8,data=0x8877665544332211,data-len=8");
                QemuMachine machine = QemuMachine.attach(guest.socket())) {
            List<MemoryRange> ranges = machine.memory().ranges();

            assertThat(ranges).contains(new MemoryRange(new PhysicalAddress(4 * GIB), 2 * GIB));
            assertThat(ranges.get(ranges.size() - 2).end()).isEqualTo(new PhysicalAddress(3 * GIB));
            assertThat(word(machine, 6 * GIB - 8)).isEqualTo(0x1122334455667788L);
            assertThat(word(machine, 3 * GIB - 8)).isEqualTo(0x8877665544332211L);
            for (long hole : new long[] {3 * GIB, 0xfd00_0000L, 4 * GIB - 8, 6 * GIB, 6 * GIB - 4}) {
                assertThatThrownBy(() -> word(machine, hole)).hasMessageContaining("is not RAM of qmp:");
            }
        }
    }

    @Test
    void otherMachineTypesAndSeveralBackEndsAreUnderstood() throws Exception {
        try (BareGuest guest = BareGuest.start(
                        "-machine",
                        "q35",
                        "-m",
                        "256,slots=2,maxmem=2G",
                        "-S",
                        "-smp",
                        "2",
                        "-object",
                        "memory-backend-ram,id=n0,size=128M",
                        "-object",
                        "memory-backend-memfd,id=n1,size=128M,share=on",
                        "-numa",
                        "node,memdev=n0,cpus=0",
                        "-numa",
                        "node,memdev=n1,cpus=1",
                        "-object",
                        "memory-backend-ram,id=extra,size=128M",
                        "-device",
                        "pc-dimm,memdev=extra,id=dimm0",
                        "-device",
                        "loader,addr=0x8000000,data=0x5566,data-len=8",
                        "-device",
                        "loader,addr=0x7fffff8,data=0x7788,data-len=8");
                QemuMachine machine = QemuMachine.attach(guest.socket())) {
            long ram = machine.memory().ranges().stream()
                    .mapToLong(MemoryRange::sizeBytes)
                    .sum();

            assertThat(ram).isBetween(383L << 20, 384L << 20);
            assertThat(machine.mappedBytes()).isEqualTo(128L << 20);
            assertThat(word(machine, 0x800_0000)).isEqualTo(0x5566);
            assertThat(word(machine, 0x7ff_fff8)).isEqualTo(0x7788);
        }
    }

    @Test
    void aSharedBackEndIsMapped() throws Exception {
        try (BareGuest guest = memfdGuest();
                QemuMachine machine = QemuMachine.attach(guest.socket())) {
            assertThat(machine.mappedBytes()).isGreaterThan(127L << 20);
            byte[] loop = new byte[BareFirmware.loop().length];
            machine.memory().read(new PhysicalAddress(BareFirmware.LOOP), MemorySegment.ofArray(loop));
            assertThat(loop).isEqualTo(BareFirmware.loop());

            machine.capability(MemoryWriter.class)
                    .orElseThrow()
                    .write(new PhysicalAddress(0x60_0000), MemorySegment.ofArray(new long[] {77}));
            assertThat(word(machine, 0x60_0000)).isEqualTo(77);
        }
    }

    @Test
    void aMappedGuestThatIsKilledIsGoneWithinASecond() throws Exception {
        try (BareGuest guest = memfdGuest();
                QemuMachine machine = QemuMachine.attach(guest.socket())) {
            long killedAtNanos = System.nanoTime();
            guest.startKilling();

            assertThatThrownBy(() -> {
                        while (true) {
                            word(machine, BareFirmware.ROUNDS);
                        }
                    })
                    .isInstanceOf(GuestGoneException.class);
            assertThat(System.nanoTime() - killedAtNanos).isLessThan(TimeUnit.SECONDS.toNanos(5));
        }
    }

    @Test
    void aSecondClientIsToldSo() throws Exception {
        try (BareGuest guest = BareGuest.start("-name", "busy", "-S");
                QemuMachine _ = QemuMachine.attach(guest.socket())) {
            assertThatThrownBy(() -> QemuMachine.attach(guest.socket()))
                    .isExactlyInstanceOf(GuestException.class)
                    .hasMessageContaining("another client")
                    .hasMessageContaining("second -qmp socket");
            assertThat(vm(guest))
                    .isInstanceOfSatisfying(
                            QemuVm.Unattachable.class,
                            vm -> assertThat(vm.missing()).contains("in use by another client"));
            assertThatThrownBy(() -> QemuMachine.attach("busy")).hasMessageContaining("cannot attach qemu:busy");
        }
    }

    @Test
    void aGuestIsFoundByItsNameOrProcess() throws Exception {
        try (BareGuest guest = BareGuest.start("-name", "guest=a,,b,process=p", "-S")) {
            assertThat(vm(guest)).isEqualTo(new QemuVm.Attachable("a,b", guest.pid(), guest.socket()));
            try (QemuMachine machine = QemuMachine.attach("a,b")) {
                assertThat(machine.name()).isEqualTo("qemu:a,b");
            }
            try (QemuMachine machine = QemuMachine.attach(Long.toString(guest.pid()))) {
                assertThat(machine.pid()).isEqualTo(guest.pid());
            }
            assertThatThrownBy(() -> QemuMachine.attach("nobody"))
                    .hasMessageContaining("no QEMU guest is named nobody")
                    .hasMessageContaining("a,b");
        }
    }

    @Test
    void twoGuestsOfOneNameAreToldApartByProcess() throws Exception {
        try (BareGuest one = BareGuest.start("-name", "twin", "-S");
                BareGuest other = BareGuest.start("-name", "twin", "-S")) {
            assertThatThrownBy(() -> QemuMachine.attach("twin"))
                    .hasMessageContaining(Long.toString(one.pid()))
                    .hasMessageContaining(Long.toString(other.pid()));
        }
    }

    @Test
    void aMonitorAsLibvirtWritesItIsFound() throws Exception {
        try (BareGuest guest = BareGuest.start(
                        "-S",
                        "-chardev",
                        "socket,id=charmonitor,path=q,server=on,wait=off",
                        "-mon",
                        "chardev=charmonitor,id=monitor,mode=control");
                QemuMachine machine = QemuMachine.attach(Long.toString(guest.pid()))) {
            assertThat(machine.qmpSocket()).isEqualTo(guest.socket());
            assertThat(machine.name()).isEqualTo("qmp:" + guest.socket());
        }
    }

    @Test
    void aGuestWithAHumanMonitorOnlyLacksQmp() throws Exception {
        try (BareGuest guest = BareGuest.start(
                "-S", "-chardev", "socket,id=m,path=q,server=on,wait=off", "-mon", "chardev=m,mode=readline")) {
            assertThat(vm(guest))
                    .isInstanceOfSatisfying(
                            QemuVm.Unattachable.class,
                            vm -> assertThat(vm.missing()).contains("no QMP socket"));
            assertThatThrownBy(() -> QemuMachine.attach(guest.socket())).hasMessageContaining("is not a QMP socket");
        }
    }

    @Test
    void aSocketReachedByAnotherPathIsTheSame() throws Exception {
        try (BareGuest guest = BareGuest.start("-S")) {
            Path link = guest.file("link");
            java.nio.file.Files.createSymbolicLink(link, guest.socket());
            try (QemuMachine machine = QemuMachine.attach(link)) {
                assertThat(machine.pid()).isEqualTo(guest.pid());
            }
            Path relative = Path.of("").toAbsolutePath().relativize(guest.socket());
            try (QemuMachine machine = QemuMachine.attach(relative)) {
                assertThat(machine.pid()).isEqualTo(guest.pid());
            }
        }
    }

    private static BareGuest memfdGuest() throws Exception {
        return BareGuest.start(
                "-m",
                "128",
                "-object",
                "memory-backend-memfd,id=ram0,size=128M,share=on",
                "-machine",
                "pc,memory-backend=ram0");
    }

    private static QemuVm vm(BareGuest guest) {
        return QemuVms.running().stream()
                .filter(vm -> vm.pid() == guest.pid())
                .findFirst()
                .orElseThrow();
    }

    private static long word(QemuMachine machine, long address) throws GuestException {
        long[] word = new long[1];
        machine.memory().read(new PhysicalAddress(address), MemorySegment.ofArray(word));
        return word[0];
    }
}
