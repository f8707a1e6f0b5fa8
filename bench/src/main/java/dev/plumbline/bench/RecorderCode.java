package dev.plumbline.bench;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.machine.qemu.QemuMachine;
import dev.plumbline.x86.Disassembler;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;

/// The recorder as it stands in the memory of a guest with probes.
final class RecorderCode {
    private static final String PROBED = "ksys_read";
    private static final int CALL = 0xe8;
    private static final int CALL_BYTES = 5;
    private static final int MOST_BYTES = 512;
    private static final int FURTHEST_SITE_BYTES = 8;

    private RecorderCode() {}

    /// How many instructions stand between where a probe leads to and the return, both counted, with the probe itself.
    /// Each is printed on standard error.
    ///
    /// @param qmpSocket a monitor of the guest that nobody else uses
    /// @throws GuestException if the guest has no probes
    static int instructions(Path qmpSocket) throws GuestException {
        try (Machine machine = QemuMachine.attach(qmpSocket)) {
            LinuxKernel kernel = LinuxKernel.open(machine);
            long recorder = target(kernel);
            int count = 1;
            for (Disassembler.Line line : lines(kernel, recorder)) {
                System.err.println(line.text());
                count++;
                if (line.text().startsWith("ret")) {
                    break;
                }
            }
            return count;
        }
    }

    private static List<Disassembler.Line> lines(LinuxKernel kernel, long address) throws GuestException {
        byte[] code = read(kernel, address, MOST_BYTES).toArray(ValueLayout.JAVA_BYTE);
        return new Disassembler().disassemble(code, address);
    }

    private static long target(LinuxKernel kernel) throws GuestException {
        int symbol = kernel.coreSymbols().find(PROBED).orElseThrow();
        long entry = kernel.coreSymbols().address(symbol);
        for (long site = entry; site <= entry + FURTHEST_SITE_BYTES; site += 4) {
            MemorySegment bytes = read(kernel, site, CALL_BYTES);
            if ((bytes.get(ValueLayout.JAVA_BYTE, 0) & 0xff) == CALL) {
                return site + CALL_BYTES + bytes.get(ValueLayout.JAVA_INT_UNALIGNED, 1);
            }
        }
        throw new GuestException("there is no probe at the entry of " + PROBED);
    }

    private static MemorySegment read(LinuxKernel kernel, long address, int sizeBytes) throws GuestException {
        MemorySegment bytes = MemorySegment.ofArray(new byte[sizeBytes]);
        kernel.addressSpace().read(new VirtualAddress(address), bytes);
        return bytes;
    }
}
