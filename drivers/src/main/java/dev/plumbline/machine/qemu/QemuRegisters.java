package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.VcpuRegisters;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/// Registers as QEMU's monitor prints them; the guest is not paused for it.
final class QemuRegisters implements Registers {
    private final QmpClient qmp;
    private final int[] numbers;

    /// @param vcpus the answer to `query-cpus-fast`
    QemuRegisters(QmpClient qmp, QmpValue vcpus) throws GuestException {
        this.qmp = qmp;
        List<QmpValue> all = vcpus.elements();
        this.numbers = new int[all.size()];
        for (int i = 0; i < numbers.length; i++) {
            QmpValue vcpu = all.get(i);
            String target = vcpu.get("target").text();
            if (!target.equals("x86_64")) {
                throw new GuestException(
                        "the guest on " + qmp.socket() + " is " + target + ": only x86-64 guests are supported");
            }
            numbers[i] = (int) vcpu.get("cpu-index").number();
        }
        if (numbers.length == 0) {
            throw new GuestException("QEMU on " + qmp.socket() + " shows no vCPU; wait until it has set the guest up");
        }
    }

    @Override
    public int vcpuCount() {
        return numbers.length;
    }

    /// What the debug stub calls each vCPU.
    int[] debuggerThreads() {
        return Arrays.stream(numbers).map(number -> number + 1).toArray();
    }

    @Override
    public VcpuRegisters read(int vcpu) throws GuestException {
        Objects.checkIndex(vcpu, numbers.length);
        return RegisterDump.parse(qmp.monitor("info registers", numbers[vcpu]));
    }
}
