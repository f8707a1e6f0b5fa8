package dev.plumbline.machine.qemu;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.Hypervisor;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryDump;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Registers;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// A guest under QEMU: commanded over QMP, its RAM read and written in the memory of the QEMU process. It can
/// write memory and code, can pause and set breakpoints. The debug stub is started only for breakpoints, and for
/// writing code under a translating accelerator, and stopped afterwards.
///
/// For one thread at a time.
public final class QemuMachine implements Machine {
    private final String name;
    private final QmpClient qmp;
    private final long pid;
    private final QemuMemory memory;
    private final QemuRegisters registers;
    private final QemuPausing pausing;
    private final QemuBreakpoints breakpoints;
    private final Map<Class<?>, Object> capabilities;
    private boolean closed;

    private QemuMachine(QmpClient qmp) throws GuestException {
        this.qmp = qmp;
        QmpValue vcpus = qmp.execute("query-cpus-fast");
        registers = new QemuRegisters(qmp, vcpus);
        name = name(qmp);
        pid = QemuProcessFinder.pidOf(qmp.socket(), vcpus);
        memory = QemuMemory.open(name, pid, RamLayout.of(qmp));
        pausing = new QemuPausing(qmp);
        boolean isTranslating = !qmp.execute("query-kvm").get("enabled").isTrue();
        breakpoints = new QemuBreakpoints(qmp, pid, registers, memory, isTranslating);
        CodeWriter codeWriter =
                new QemuCodeWriter(qmp, pid, registers.debuggerThreads(), isTranslating, memory, pausing);
        capabilities = Map.of(
                MemoryWriter.class, memory,
                CodeWriter.class, codeWriter,
                Pausing.class, pausing,
                Breakpoints.class, breakpoints,
                MemoryDump.class, new QemuMemoryDump(qmp),
                Hypervisor.class, new QemuHypervisor(qmp, isTranslating));
    }

    /// Takes hold of the guest whose QEMU serves QMP on this socket. The guest does not notice. Breakpoints of a run
    /// that was killed are taken out, and the guest runs on where it stands at one; not where it is paused.
    ///
    /// @throws GuestGoneException if QEMU has ended
    /// @throws GuestException if it is not a QMP socket of an x86-64 guest on this host, is in use by another
    /// client, or may not be used
    public static QemuMachine attach(Path qmpSocket) throws GuestException {
        QmpClient qmp = QmpClient.connect(qmpSocket);
        try {
            QemuMachine machine = new QemuMachine(qmp);
            machine.removeLeftByTheDead();
            return machine;
        } catch (GuestException | RuntimeException e) {
            qmp.close();
            throw e;
        }
    }

    private void removeLeftByTheDead() throws GuestException {
        try {
            breakpoints.removeLeftByTheDead();
        } catch (GuestException | RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    /// Takes hold of a guest by its name.
    ///
    /// @param name as in QEMU's -name option, or the process id
    /// @throws GuestException as [#attach(Path)], or if there is none or more than one guest of that name
    public static QemuMachine attach(String name) throws GuestException {
        return attach(QemuVms.named(name).qmpSocket());
    }

    /// `qemu:NAME`, or `qmp:SOCKET` where QEMU was given no name.
    @Override
    public String name() {
        return name;
    }

    @Override
    public PhysicalMemory memory() {
        return memory;
    }

    @Override
    public Registers registers() {
        return registers;
    }

    @Override
    public <T> Optional<T> capability(Class<T> kind) {
        return Optional.ofNullable(kind.cast(capabilities.get(kind)));
    }

    /// The QEMU process.
    public long pid() {
        return pid;
    }

    /// The QMP socket.
    public Path qmpSocket() {
        return qmp.socket();
    }

    /// How many bytes of RAM are mapped here, because their back-end is a shared file; the rest is read through
    /// `/proc/PID/mem`.
    long mappedBytes() {
        return memory.mappedBytes();
    }

    /// Lets go of the guest: it runs on where a pause of ours was still in force or breakpoints were set, and nothing
    /// is left behind.
    /// Closing twice does nothing.
    @Override
    public void close() throws GuestException {
        if (closed) {
            return;
        }
        closed = true;
        try (QmpClient _ = qmp;
                QemuMemory _ = memory) {
            endHolds();
        } catch (GuestGoneException _) {
            // There is nobody left to let go of.
        }
    }

    private void endHolds() throws GuestException {
        try {
            breakpoints.end();
        } finally {
            pausing.endAll();
        }
    }

    private static String name(QmpClient qmp) throws GuestException {
        String given = qmp.execute("query-name").get("name").text();
        return given.isEmpty() ? "qmp:" + qmp.socket() : "qemu:" + QmpClient.oneLine(given);
    }
}
