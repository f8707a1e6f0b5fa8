package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;

/// Modules that are loaded and unloaded while the guest is traced.
@Tag("guest")
@Timeout(300)
class ModulesGuestTest {
    private static final String CHANGED = "modules have come or gone";
    private static final int ROUNDS = 3;
    private static final List<String> FUNCTIONS = List.of("register_vlan_dev", "unregister_vlan_dev");
    private static final int ENDBR_BYTES = 4;
    private static final int CALL_BYTES = 5;
    private static final byte CALL = (byte) 0xe8;
    private static final String USE = "vconfig add dummy0 7 && vconfig rem dummy0.7";
    private static final String UNLOAD = "rmmod 8021q && modprobe -r mrp garp && rmmod dummy";

    @TempDir
    private Path directory;

    @ParameterizedTest
    @OnGuests({"V6_12", "V6_1"})
    void functionsOfModulesJoinAndLeave(GuestKernel version) throws Exception {
        try (GuestUnderTest guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withKernel(version)
                .withCpus(2)
                .withExtraQemuArguments(GuestUnderTest.ONE_THREAD))) {
            KernelText before = KernelText.of(guest);
            String log = guest.console();
            try (TraceProcess trace = TraceProcess.start(guest, directory, "ioctl", "vconfig")) {
                for (int round = 1; round < ROUNDS; round++) {
                    load(guest, trace);
                    guest.guest().execChecked(USE);
                    long changes = trace.said(CHANGED);
                    guest.guest().execChecked(UNLOAD);
                    trace.await(CHANGED, changes + 1);
                }
                load(guest, trace);
                guest.guest().execChecked(USE + " && " + UNLOAD);
                boolean isWhole = trace.end().getLast().contains(" 0 dropped");
                List<String> flows = Files.readAllLines(trace.flows());
                for (String function : FUNCTIONS) {
                    assertThat(flows.stream().filter(line -> line.contains("\"" + function + " [8021q]\"")))
                            .as("flows with %s, %s", function, isWhole ? "nothing lost" : "some events lost")
                            .size()
                            // The trace may end before it has seen the end of the last one.
                            .isBetween(isWhole ? ROUNDS - 1 : 1, ROUNDS);
                }
            }
            before.assertBack(guest);
            guest.guest().execChecked("modprobe dummy && modprobe 8021q && " + USE + " && " + UNLOAD);
            assertThat(guest.console()).isEqualTo(log);
        }
    }

    // A look may see some of the modules before others.
    private static void load(GuestUnderTest guest, TraceProcess trace) throws Exception {
        guest.guest().execChecked("modprobe dummy && modprobe 8021q");
        try (Machine machine = QemuMachine.attach(guest.secondMonitor())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            SymbolTable symbols = kernel.symbols();
            long[] functions = IntStream.range(0, symbols.size())
                    .filter(symbol -> "8021q".equals(symbols.owner(symbol)))
                    .filter(symbol -> FUNCTIONS.contains(symbols.name(symbol)))
                    .mapToLong(symbols::address)
                    .toArray();
            assertThat(functions).hasSameSizeAs(FUNCTIONS);
            for (long function : functions) {
                while (!hasProbe(kernel, function)) {
                    assertThat(trace.process().isAlive()).isTrue();
                    Thread.sleep(50);
                }
            }
        }
    }

    private static boolean hasProbe(LinuxKernel kernel, long function) throws GuestException {
        byte[] start = new byte[CALL_BYTES + ENDBR_BYTES];
        kernel.addressSpace().read(new VirtualAddress(function), MemorySegment.ofArray(start));
        return start[0] == CALL || start[ENDBR_BYTES] == CALL;
    }
}
