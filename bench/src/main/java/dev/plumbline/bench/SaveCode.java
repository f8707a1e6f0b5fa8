package dev.plumbline.bench;

import dev.plumbline.callgraph.ElfFile;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.qemu.QemuMachine;
import java.io.IOException;
import java.nio.file.Path;

/// Saves a guest's code and text symbols as an ELF file, for objdump to read: `SaveCode QMP-SOCKET FILE`.
public final class SaveCode {
    private SaveCode() {}

    /// See the class.
    public static void main(String[] arguments) throws IOException {
        try (Machine machine = QemuMachine.attach(Path.of(arguments[0]))) {
            ElfFile.write(LinuxKernel.open(machine).code(), Path.of(arguments[1]));
        }
    }
}
