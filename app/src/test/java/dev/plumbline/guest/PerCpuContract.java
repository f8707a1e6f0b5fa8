package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.PerCpu;
import dev.plumbline.kernel.PerCpuPlaces;
import dev.plumbline.kernel.Task;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VcpuRegisters;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.machine.qemu.QmpClient;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Each CPU has its data where its own registers say, and there its number and the task it runs.
interface PerCpuContract {
    int MOST_PAUSES = 200;

    GuestUnderTest guest();

    int cpus();

    /// A vCPU in the kernel has the base in its registers; the guest is paused until each was met there.
    @Test
    default void basesAreThoseOfTheVcpusInTheKernel() throws Exception {
        Set<Integer> met = new HashSet<>();
        try (QmpClient monitor = guest().monitor();
                Machine machine = QemuMachine.attach(guest().guest().qmpSocket())) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            PerCpu perCpu = kernel.perCpu();
            assertThat(online(perCpu)).isEqualTo(cpus());
            for (int pause = 0; pause < MOST_PAUSES && met.size() < cpus(); pause++) {
                monitor.execute("stop");
                try {
                    look(kernel, perCpu, met);
                } finally {
                    monitor.execute("cont");
                }
            }
        }
        assertThat(met).as("vCPUs met in the kernel").hasSize(cpus());
    }

    private static int online(PerCpu perCpu) {
        int online = 0;
        for (boolean isOnline : perCpu.online()) {
            online += isOnline ? 1 : 0;
        }
        return online;
    }

    private static void look(LinuxKernel kernel, PerCpu perCpu, Set<Integer> met) throws GuestException {
        for (int vcpu = 0; vcpu < kernel.machine().registers().vcpuCount(); vcpu++) {
            VcpuRegisters registers = kernel.machine().registers().read(vcpu);
            // A user's own base is below; just behind an entry the kernel's is not in force yet.
            if (registers.cpl() == 0 && registers.gsBase() < 0) {
                assertThat(perCpu.online()[vcpu]).isTrue();
                assertThat(perCpu.bases()[vcpu]).isEqualTo(registers.gsBase());
                compare(kernel, registers.gsBase(), vcpu);
                met.add(vcpu);
            }
        }
    }

    private static void compare(LinuxKernel kernel, long base, int vcpu) throws GuestException {
        PerCpuPlaces places = kernel.perCpuPlaces();
        assertThat((int) word(kernel, base + places.cpuNumber())).isEqualTo(vcpu);
        long current = word(kernel, base + places.currentTask());
        int pid = (int)
                word(kernel, current + kernel.types().struct("task_struct").offset("pid"));
        if (pid != 0) {
            assertThat(kernel.tasks())
                    .filteredOn(task -> task.address() == current)
                    .extracting(Task::pid)
                    .containsExactly(pid);
        }
    }

    private static long word(LinuxKernel kernel, long address) throws GuestException {
        MemorySegment word = MemorySegment.ofArray(new long[1]);
        kernel.addressSpace().read(new VirtualAddress(address), word);
        return word.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
    }
}
