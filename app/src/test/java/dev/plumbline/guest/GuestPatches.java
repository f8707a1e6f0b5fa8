package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;

/// What a guest does to its own kernel beside tracing: a live patch, and BPF programs at a function's entry and return.
/// Each is seen to work and taken out again.
///
/// @param guest the guest
/// @param modules has the live patch
record GuestPatches(TestGuest guest, TestModules modules) {
    private static final String LIVEPATCH = "version_livepatch";
    private static final String STATE = "/sys/kernel/livepatch/" + LIVEPATCH;

    static GuestPatches of(TestGuest guest, GuestKernel kernel) throws IOException {
        return new GuestPatches(guest, TestModules.of(guest, kernel, LIVEPATCH + ".c"));
    }

    /// Puts the live patch in, which is in effect at once for new callers, and waits until no task runs the old
    /// function.
    void livepatch() throws IOException {
        modules.load(LIVEPATCH, "");
        assertThat(guest.execChecked("cat /proc/version")).isEqualTo("livepatched\n");
        guest.execChecked("until grep -q 0 " + STATE + "/transition; do sleep 0.1; done");
    }

    /// Takes it out, once no task runs the new function.
    void unlivepatch() throws IOException {
        guest.execChecked("echo 0 > " + STATE + "/enabled; while [ -e " + STATE + " ]; do sleep 0.1; done");
        modules.unload(LIVEPATCH);
        assertThat(guest.execChecked("cat /proc/version")).startsWith("Linux version ");
    }

    /// Counts the calls that two reads make, at the entry and at the return of a function. It is another than the
    /// patched one: of both together 6.1 warns by itself.
    void countWithBpf() throws IOException {
        assertThat(guest.execChecked("bpf-fentry loadavg_proc_show 'cat /proc/loadavg /proc/loadavg > /dev/null'"))
                .isEqualTo("2 2\n");
    }
}
