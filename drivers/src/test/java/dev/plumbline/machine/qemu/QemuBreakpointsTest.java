package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.Breakpoints.Session;
import dev.plumbline.machine.Breakpoints.Traffic;
import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.machine.VcpuState;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// On the loop of [BareFirmware], which the first of two vCPUs runs.
@Tag("qemu")
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class QemuBreakpointsTest {
    private static final Duration LONG = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofMillis(50);
    private static final long LOOP = BareFirmware.KERNEL + BareFirmware.LOOP;

    /// `mov %eax,VALUE`.
    private static final long STORE = LOOP + 5;

    /// `incq ROUNDS`, and what follows it.
    private static final long COUNT = LOOP + 12;

    private static final long JUMP = LOOP + 20;
    private static final long NEVER_RUN = LOOP + 0x100;

    private BareGuest guest;
    private QemuMachine machine;
    private Breakpoints breakpoints;

    @BeforeEach
    void start() throws Exception {
        guest = BareGuest.start(
                "-name",
                "bare",
                "-m",
                "64",
                "-smp",
                "2",
                "-qmp",
                "unix:q,server=on,wait=off",
                "-qmp",
                "unix:q2,server=on,wait=off");
        attach();
        awaitMoreRounds();
    }

    @AfterEach
    void end() throws Exception {
        guest.close();
    }

    @Test
    void eachRoundStopsOnceAndTheInstructionIsRunByAStep() throws Exception {
        try (Session session = breakpoints.open()) {
            session.insert(COUNT);
            session.insert(COUNT, COUNT);
            assertThat(session.count()).isEqualTo(1);
            session.resume();
            assertThat(session.awaitStop(LONG)).isTrue();
            long before = rounds();
            for (int round = 0; round < 30; round++) {
                assertThat(session.read()[0].rip).isEqualTo(COUNT);
                assertThat(rounds()).isEqualTo(before + round);
                session.step(0);
                assertThat(session.read()[0].rip).isEqualTo(JUMP);
                assertThat(rounds()).isEqualTo(before + round + 1);
                session.resume();
                assertThat(session.awaitStop(LONG)).isTrue();
            }
            session.remove(COUNT);
            assertThat(session.count()).isZero();
            session.resume();
            assertThat(session.awaitStop(SHORT)).isFalse();
        }
        assertRunsFreely();
    }

    @Test
    void aVcpuGoesOnInTheStateThatIsWritten() throws Exception {
        try (Session session = breakpoints.open()) {
            session.insert(STORE);
            session.resume();
            for (int value = 0x1000; value < 0x1010; value++) {
                assertThat(session.awaitStop(LONG)).isTrue();
                VcpuState state = session.read()[0];
                state.general[0] = value;
                session.write(0, state);
                session.step(0);
                assertThat((int) word(BareFirmware.VALUE)).isEqualTo(value);
                session.resume();
            }
        }
        assertRunsFreely();
    }

    @Test
    void aStopCostsOneRoundTrip() throws Exception {
        try (Session session = breakpoints.open()) {
            session.insert(COUNT);
            session.resume();
            assertThat(session.awaitStop(LONG)).isTrue();
            session.read();
            long rounds = rounds();
            int hits = 40;
            Traffic before = session.traffic();
            for (int hit = 0; hit < hits; hit++) {
                VcpuState state = session.read()[0];
                assertThat(state.rip).isEqualTo(COUNT);
                state.rip = JUMP;
                session.write(0, state);
                session.resume();
                assertThat(session.awaitStop(LONG)).isTrue();
            }
            Traffic after = session.traffic();
            assertThat(rounds()).as("rounds that were counted").isEqualTo(rounds);
            assertThat(after.stops() - before.stops()).isEqualTo(hits);
            assertThat(after.roundTrips() - before.roundTrips()).isEqualTo(hits);
            assertThat(after.packets() - before.packets()).isEqualTo(2 * hits);
        }
        assertRunsFreely();
    }

    @Test
    void registersAreThoseOfTheMonitorAndStatesOfAllVcpusAreWritten() throws Exception {
        try (Session session = breakpoints.open()) {
            VcpuState[] states = session.read();
            for (int vcpu = 0; vcpu < states.length; vcpu++) {
                VcpuRegisters printed = machine.registers().read(vcpu);
                assertThat(states[vcpu].rip).isEqualTo(printed.rip());
                assertThat(states[vcpu].rflags).isEqualTo(printed.rflags());
                assertThat(states[vcpu].cpl).isEqualTo(printed.cpl());
                assertThat(states[vcpu].gsBase).isEqualTo(printed.gsBase());
                assertThat(states[vcpu].general).isEqualTo(printed.general());
                for (int register = 0; register < 8; register++) {
                    states[vcpu].general[register] = 0x100 * vcpu + register;
                }
                states[vcpu].rflags ^= 1;
            }
            session.write(1, states[1]);
            session.write(0, states[0]);
            assertThat(session.read()).isEqualTo(states);
            states[0].general[15] = 0x1234_5678_9abc_def0L;
            session.write(0, states[0]);
            states[0].general[15] = 0;
            assertThat(machine.registers().read(1).general()[7]).isEqualTo(0x107);
            session.stop();
            assertThat(session.read()[0].general[15]).isEqualTo(0x1234_5678_9abc_def0L);
        }
    }

    @Test
    void whatIsReadWithoutARoundTripIsWhatTheMonitorShows() throws Exception {
        try (Session session = breakpoints.open()) {
            session.insert(STORE, COUNT, JUMP);
            session.resume();
            assertThat(session.awaitStop(LONG)).isTrue();
            session.read();
            long roundTrips = session.traffic().roundTrips();
            for (int hit = 0; hit < 12; hit++) {
                VcpuState[] states = session.read();
                assertThat(session.traffic().roundTrips()).isEqualTo(roundTrips);
                for (int vcpu = 0; vcpu < states.length; vcpu++) {
                    VcpuRegisters printed = machine.registers().read(vcpu);
                    assertThat(states[vcpu])
                            .isEqualTo(new VcpuState(
                                    printed.general(),
                                    printed.rip(),
                                    printed.rflags(),
                                    printed.gsBase(),
                                    printed.cpl()));
                }
                // Signs, carries, directions: what a translator keeps elsewhere while it runs.
                states[0].rflags = hit % 2 == 0 ? 0xcd7 : 0x2;
                session.write(0, states[0]);
                session.step(0);
                session.resume();
                assertThat(session.awaitStop(LONG)).isTrue();
                roundTrips = session.traffic().roundTrips();
            }
        }
        assertRunsFreely();
    }

    @Test
    void theGuestRunsOnWhereverASessionIsClosed() throws Exception {
        for (int times = 0; times < 40; times++) {
            try (Session session = breakpoints.open()) {
                session.insert(times % 2 == 0 ? COUNT : NEVER_RUN);
                session.resume();
                if (times % 3 == 0) {
                    session.awaitStop(SHORT);
                } else if (times % 3 == 1) {
                    session.stop();
                }
            }
            assertRunsFreely();
        }
    }

    @Test
    void somebodyElsesPauseIsSatOut() throws Exception {
        try (QmpClient other = other();
                Session session = breakpoints.open()) {
            session.insert(NEVER_RUN);
            session.resume();
            for (int times = 0; times < 5; times++) {
                other.execute("stop");
                assertThat(session.awaitStop(SHORT)).isFalse();
                assertStandsStill(session);
                other.execute("cont");
                awaitMoreRounds();
            }
            other.execute("stop");
            session.stop();
            session.insert(COUNT);
            session.resume();
            assertStandsStill(session);
            other.execute("cont");
            assertThat(session.awaitStop(LONG)).isTrue();
        }
        assertRunsFreely();
    }

    private void assertStandsStill(Session session) throws GuestException {
        long rounds = rounds();
        assertThat(session.awaitStop(SHORT)).isFalse();
        assertThat(rounds()).isEqualTo(rounds);
    }

    @Test
    void aGuestThatSomebodyElseHasPausedStaysPaused() throws Exception {
        try (QmpClient other = other()) {
            other.execute("stop");
            try (Session session = breakpoints.open()) {
                session.insert(COUNT);
                session.resume();
                assertThat(session.awaitStop(SHORT)).isFalse();
            }
            assertThat(other.execute("query-status").get("running").isTrue()).isFalse();

            other.execute("cont");
            try (Session session = breakpoints.open()) {
                session.insert(NEVER_RUN);
                session.resume();
                other.execute("stop");
            }
            assertThat(other.execute("query-status").get("running").isTrue()).isFalse();
            other.execute("cont");
        }
        assertRunsFreely();
    }

    @Test
    void aGuestThatSomebodyElseLetsRunWhileItIsHeldIsNotWrittenTo() throws Exception {
        try (QmpClient other = other();
                Session session = breakpoints.open()) {
            VcpuState stale = session.read()[0];
            stale.general[0] = 0xbad;
            session.insert(STORE);
            session.resume();
            assertThat(session.awaitStop(LONG)).isTrue();
            other.execute("cont");
            TimeUnit.MILLISECONDS.sleep(50);
            session.write(0, stale);
            assertThatThrownBy(session::resume)
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("somebody else has let the guest run on");
            assertThatThrownBy(session::read).isInstanceOf(IllegalStateException.class);

            session.stop();
            session.remove(STORE);
            for (int vcpu = 0; vcpu < 2; vcpu++) {
                session.read();
                session.write(vcpu, stale);
                other.execute("cont");
                assertThatThrownBy(session::resume).hasMessageContaining("somebody else has let the guest run on");
                session.stop();
            }
            assertThat(session.read()[0].rip).isBetween(LOOP, JUMP);
            other.execute("cont");
        }
        awaitMoreRounds();
        assertThat(word(BareFirmware.VALUE)).isNotEqualTo(0xbad);
        assertRunsFreely();
    }

    @Test
    void breakpointsThatAKilledRunLeftAreRemoved() throws Exception {
        assertThat(breakpoints.removeLeft()).isFalse();
        Path directory = leave(COUNT);
        assertThat(machine.registers().read(0).rip()).isEqualTo(COUNT);

        assertThat(breakpoints.removeLeft()).isTrue();
        assertThat(directory).doesNotExist();
        assertThat(breakpoints.removeLeft()).isFalse();
        assertRunsFreely();

        Files.delete(leave(NEVER_RUN).resolve("gdb.sock"));
        assertThat(breakpoints.removeLeft()).isTrue();
        assertRunsFreely();

        leave(COUNT);
        breakpoints.open().close();
        assertRunsFreely();
    }

    @Test
    void whoeverTakesHoldOfTheGuestNextRemovesThem() throws Exception {
        for (long address : new long[] {COUNT, NEVER_RUN}) {
            leave(address);
            machine.close();
            attach();
            assertRunsFreely();
            assertThat(breakpoints.removeLeft()).isTrue();
            assertThat(breakpoints.removeLeft()).isFalse();
        }
        leave(NEVER_RUN);
        try (QmpClient other = other()) {
            other.execute("stop");
            machine.close();
            attach();
            assertThat(other.execute("query-status").get("running").isTrue()).isFalse();
            assertThat(breakpoints.removeLeft()).isTrue();
            assertThat(other.execute("query-status").get("running").isTrue()).isFalse();
            other.execute("cont");
        }
        assertRunsFreely();
    }

    @Test
    void aStubThatNobodyIsConnectedToIsInUseWhileItsDirectoryIsHeld() throws Exception {
        StubDirectory held = StubDirectory.make(guest.pid());
        try (QmpClient other = other()) {
            other.monitor("gdbserver unix:" + held.socket() + ",server=on,wait=off");
        }
        machine.close();
        attach();
        assertThatThrownBy(() -> breakpoints.removeLeft()).hasMessageContaining("end that run first");
        assertThat(held.socket()).exists();
        held.letGo();
        assertThat(breakpoints.removeLeft()).isTrue();
        assertThat(held.socket().getParent()).doesNotExist();
        assertRunsFreely();
    }

    /// A second vCPU that has come to a breakpoint just before makes such a moment.
    @Test
    void aStepThatAKilledRunLeftIsEnded() throws Exception {
        try (QmpClient qmp = other()) {
            DebugStub stub = DebugStub.open(qmp, guest.pid(), new int[] {1, 2});
            stub.gdb().order(List.of("Hc2"));
            stub.gdb().startAndStop("vCont;s:1");
            stub.leave();
        }

        assertThat(breakpoints.removeLeft()).isTrue();
        machine.capability(Pausing.class).orElseThrow().resume();
        assertRunsFreely();
    }

    @Test
    void writingCodeRemovesThemToo() throws Exception {
        Path directory = leave(NEVER_RUN);
        CodePatch jump = new CodePatch(
                new PhysicalAddress(BareFirmware.LOOP + 20), new byte[] {(byte) 0xe9, (byte) 0xe7, 0, 0, 0});
        CodePatch back = new CodePatch(
                new PhysicalAddress(BareFirmware.LOOP + 0x100), new byte[] {(byte) 0xe9, (byte) 0xfb, -2, -1, -1});
        machine.capability(CodeWriter.class).orElseThrow().writeCode(List.of(back, jump));

        awaitMoreRounds();
        assertThat(directory).doesNotExist();
        assertRunsFreely();
    }

    @Test
    void aDebuggerInUseIsLeftAlone() throws Exception {
        try (QemuMachine live = QemuMachine.attach(guest.file("q2"));
                Session session =
                        live.capability(Breakpoints.class).orElseThrow().open()) {
            assertThatThrownBy(() -> breakpoints.open()).hasMessageContaining("end that run first");
            assertThatThrownBy(() -> breakpoints.removeLeft()).hasMessageContaining("end that run first");
            session.insert(COUNT);
            machine.close();
            attach();
            session.resume();
            assertThat(session.awaitStop(LONG)).isTrue();
        }
        assertRunsFreely();
        try (QmpClient other = other()) {
            other.monitor("gdbserver unix:" + guest.file("theirs") + ",server=on,wait=off");
        }
        assertThat(breakpoints.removeLeft()).isFalse();
        assertThatThrownBy(() -> breakpoints.open())
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("in use by somebody else");
        awaitMoreRounds();
    }

    @Test
    void lettingGoOfTheMachineEndsItsSession() throws Exception {
        Session session = breakpoints.open();
        session.insert(COUNT);
        session.resume();
        machine.close();
        attach();
        assertRunsFreely();
    }

    @Test
    void aKilledGuestIsGone() throws Exception {
        Session session = breakpoints.open();
        session.insert(NEVER_RUN);
        session.resume();
        guest.kill();
        assertThatThrownBy(() -> session.awaitStop(LONG)).isInstanceOf(GuestGoneException.class);
        assertThatThrownBy(session::stop).isInstanceOf(GuestGoneException.class);
        assertThatThrownBy(session::close).isInstanceOf(GuestGoneException.class);
        assertThatThrownBy(() -> breakpoints.open()).isInstanceOf(GuestGoneException.class);
    }

    /// Does what a run does until it is killed, and waits until the guest has come to the breakpoint if it does.
    private Path leave(long address) throws Exception {
        Path directory;
        try (QmpClient qmp = other()) {
            DebugStub stub = DebugStub.open(qmp, guest.pid(), new int[] {1, 2});
            stub.gdb().order(List.of("Z0," + Long.toHexString(address) + ",1"));
            stub.gdb().exchangeAndRun(List.of(), "c");
            directory = Path.of(qmp.execute("query-chardev").elements().stream()
                            .filter(device -> device.get("label").text().equals("gdb"))
                            .findFirst()
                            .orElseThrow()
                            .get("filename")
                            .text()
                            .replaceAll(".*unix:|,.*", ""))
                    .getParent();
            stub.leave();
            String reached = address == NEVER_RUN ? "running" : "debug";
            while (!qmp.execute("query-status").get("status").text().equals(reached)) {
                TimeUnit.MILLISECONDS.sleep(1);
            }
        }
        return directory;
    }

    private void attach() throws GuestException {
        machine = QemuMachine.attach(guest.socket());
        breakpoints = machine.capability(Breakpoints.class).orElseThrow();
    }

    private QmpClient other() throws GuestException {
        return QmpClient.connect(guest.file("q2"));
    }

    private void assertRunsFreely() throws Exception {
        awaitMoreRounds();
        try (QmpClient other = other()) {
            assertThat(other.execute("query-status").get("status").text()).isEqualTo("running");
            assertThat(other.execute("query-chardev").elements())
                    .noneMatch(device -> device.get("label").text().equals("gdb"));
        }
    }

    private void awaitMoreRounds() throws Exception {
        long before = rounds();
        while (rounds() < before + 1000) {
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }

    private long rounds() throws GuestException {
        return word(BareFirmware.ROUNDS);
    }

    private long word(long address) throws GuestException {
        long[] word = new long[1];
        machine.memory().read(new PhysicalAddress(address), MemorySegment.ofArray(word));
        return word[0];
    }
}
