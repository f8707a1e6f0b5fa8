package dev.plumbline.command;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.probe.ProbeJournal;
import java.nio.file.Path;

/// Where this user keeps the journals: /var/lib/plumbline for root, else `$XDG_STATE_HOME/plumbline` or
/// ~/.local/state/plumbline, so that they outlive a reboot of the monitor host no less than the guests' memory does.
final class ProbeJournals {
    private ProbeJournals() {}

    /// The journal of this boot of the guest.
    static ProbeJournal of(LinuxKernel kernel) {
        return new ProbeJournal(directory(), kernel.identity().bootMark());
    }

    /// Where alerts about this boot of the guest go that cannot be told.
    static Path alerts(LinuxKernel kernel) {
        return directory().resolve("alerts-" + kernel.identity().bootMark() + ".jsonl");
    }

    private static Path directory() {
        if ("root".equals(System.getProperty("user.name"))) {
            return Path.of("/var/lib/plumbline");
        }
        String state = System.getenv("XDG_STATE_HOME");
        return state == null || state.isBlank()
                ? Path.of(System.getProperty("user.home"), ".local", "state", "plumbline")
                : Path.of(state, "plumbline");
    }
}
