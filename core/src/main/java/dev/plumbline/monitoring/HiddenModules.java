package dev.plumbline.monitoring;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VirtualAddress;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Modules whose code is there, though the list of modules does not know them. One that comes or goes is in that state
/// for a moment: it counts when it is seen so twice.
final class HiddenModules {
    private static final long PATIENCE_NANOS = 400_000_000L;

    /// Before it gives back a module's memory the kernel waits until no CPU can be using it, which takes seconds where
    /// the host leaves the guest's CPUs little time. Code that runs meanwhile is an alert of its own.
    private static final long DEPARTURE_NANOS = 10_000_000_000L;

    private final LinuxKernel kernel;
    private final Map<KernelModule, Long> since = new HashMap<>();
    private final Set<KernelModule> told = new HashSet<>();
    private final Map<CodeRegion, Long> departed = new HashMap<>();

    HiddenModules(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    /// @param nanos the time
    void look(long nanos, Alert.Sink sink) throws GuestException {
        Set<KernelModule> now = new HashSet<>();
        for (KernelModule module : kernel.unlistedModules()) {
            if (isExecutable(module.base())) {
                now.add(module);
            }
        }
        since.keySet().retainAll(now);
        told.retainAll(now);
        for (KernelModule module : now) {
            if (nanos - since.computeIfAbsent(module, _ -> nanos) >= PATIENCE_NANOS && told.add(module)) {
                sink.alert(alert(module.name(), module.base(), module.textSizeBytes()));
            }
        }
        lookAtDeparted(nanos, sink);
    }

    /// Code of a module has gone from the list of modules.
    ///
    /// @param nanos the time
    void depart(CodeRegion code, long nanos) {
        departed.put(code, nanos);
    }

    /// A module is on the list.
    void join(CodeRegion code) {
        departed.keySet().removeIf(gone -> gone.contains(code.baseAddress()));
    }

    // The memory of one that was unloaded is not there any more, or holds something else.
    private void lookAtDeparted(long nanos, Alert.Sink sink) throws GuestException {
        Set<CodeRegion> done = new HashSet<>();
        for (Map.Entry<CodeRegion, Long> each : departed.entrySet()) {
            if (nanos - each.getValue() >= DEPARTURE_NANOS) {
                CodeRegion code = each.getKey();
                done.add(code);
                if (isExecutable(code.baseAddress()) && stillHolds(code)) {
                    sink.alert(
                            alert(code.owner(), code.baseAddress(), code.bytes().byteSize()));
                }
            }
        }
        departed.keySet().removeAll(done);
    }

    // A few bytes differ where there were probes, and where the kernel patches. What pads code is zero, and so is much
    // of what comes after it.
    private boolean stillHolds(CodeRegion region) throws GuestException {
        int size = (int) region.bytes().byteSize();
        byte[] found = new byte[size];
        try {
            kernel.addressSpace().read(new VirtualAddress(region.baseAddress()), MemorySegment.ofArray(found));
        } catch (UnreadableMemoryException _) {
            return false;
        }
        int code = 0;
        int same = 0;
        for (int at = 0; at < size; at++) {
            byte was = region.bytes().get(ValueLayout.JAVA_BYTE, at);
            code += was != 0 ? 1 : 0;
            same += was != 0 && found[at] == was ? 1 : 0;
        }
        return same > code / 4 * 3;
    }

    private boolean isExecutable(long address) throws GuestException {
        return kernel.addressSpace().translate(new VirtualAddress(address)) instanceof Translation.Mapped mapped
                && mapped.executable();
    }

    private static Alert alert(String module, long base, long textBytes) {
        String name = KernelPlaces.plain(module);
        return new Alert(
                Severity.CRITICAL,
                Detector.INTEGRITY,
                "module %s is hidden: its code is still there, the list of modules does not know it".formatted(name),
                name,
                Optional.empty(),
                Optional.empty(),
                List.of(),
                List.of(new Evidence(
                        "list of modules",
                        "module %s, with code at 0x%x".formatted(name, base),
                        "no such module, and %,d bytes of its code".formatted(textBytes))));
    }
}
