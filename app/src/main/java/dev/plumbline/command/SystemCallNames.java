package dev.plumbline.command;

import dev.plumbline.kernel.SystemCall;
import dev.plumbline.machine.GuestException;
import java.util.List;
import java.util.Map;

/// Finds a system call by the name a user knows, which the kernel's own name differs from in a few cases.
final class SystemCallNames {
    /// From user space's names (`<asm/unistd_64.h>`) to the kernel's, where they differ by more than a prefix
    /// `new`.
    private static final Map<String, String> KERNEL_NAMES = Map.of("sendfile", "sendfile64", "umount2", "umount");

    private SystemCallNames() {}

    /// What the kernel may call the system call that a user calls this, the likeliest first.
    static List<String> candidates(String name) {
        return List.of(name, "new" + name, KERNEL_NAMES.getOrDefault(name, name));
    }

    /// @param name as user space knows it, e.g. `stat`, or as the kernel does, e.g. `newstat`
    /// @throws GuestException if there is none of that name
    static SystemCall find(List<SystemCall> calls, String name) throws GuestException {
        for (String candidate : candidates(name)) {
            for (SystemCall call : calls) {
                if (call.name().equals(candidate)) {
                    return call;
                }
            }
        }
        throw new GuestException("this kernel has no system call " + name
                + "; names are those of its functions without __x64_sys_, e.g. getdents64");
    }
}
