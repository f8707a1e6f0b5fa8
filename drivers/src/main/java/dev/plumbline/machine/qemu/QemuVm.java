package dev.plumbline.machine.qemu;

import java.nio.file.Path;

/// A QEMU guest that runs on this host.
public sealed interface QemuVm {

    /// The guest's name as in QEMU's -name option; its process id where it has none.
    String name();

    /// Which process runs it.
    long pid();

    /// It can be attached.
    ///
    /// @param name the guest's name
    /// @param pid its QEMU process
    /// @param qmpSocket a QMP socket that is free
    record Attachable(String name, long pid, Path qmpSocket) implements QemuVm {}

    /// Something is missing.
    ///
    /// @param name the guest's name
    /// @param pid its QEMU process
    /// @param missing what, and what to do, in one line
    /// @param isInUse whether a QMP socket was missing only because another client has it
    record Unattachable(String name, long pid, String missing, boolean isInUse) implements QemuVm {}
}
