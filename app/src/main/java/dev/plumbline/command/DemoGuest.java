package dev.plumbline.command;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.GuestModules;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;

/// What happens in the demo's guest: everyday work, and a file that is hidden.
///
/// @param guest the guest; the module that hides the file is ready in its `/tmp`
record DemoGuest(TestGuest guest) implements AutoCloseable {
    private static final String MODULE = "hide_file";
    /// What the attacker types.
    static final String HIDE = "insmod hide_file.ko directory=/srv/data name=payload";
    /// What everybody types.
    static final String LIST = "ls /srv/data";

    private static final String PREPARE = """
            mkdir -p /srv/data && cd /srv/data && echo 'to do' > notes && echo '19.90' > invoice && cp /bin/true payload
            """;
    /// What goes on in the guest all day, some ten times a second.
    private static final String WORK = """
            while :; do
                ls -l /srv/data; cat /srv/data/notes; cp /srv/data/invoice /tmp/copy; rm /tmp/copy
                ps; cat /proc/meminfo /proc/net/tcp; mkdir /tmp/new; rmdir /tmp/new; find /srv; uname -a; uptime
                echo word | tr a-z A-Z | wc; sleep 0.05
            done > /dev/null
            """;

    /// Boots it. The first time its kernel and the headers for the module are fetched.
    static DemoGuest boot(String name) throws IOException {
        byte[] module = GuestModules.ofUser()
                .built(GuestOptions.DEFAULT.kernel(), GuestModules.hidingFile())
                .get(MODULE);
        TestGuest guest = TestGuest.boot(name, GuestOptions.DEFAULT);
        try {
            guest.execChecked(PREPARE);
            guest.exec("cat > /tmp/hide_file.ko", module);
            return new DemoGuest(guest);
        } catch (IOException e) {
            guest.close();
            throw e;
        }
    }

    /// Begins everyday work; closing what is returned ends it.
    RunningCommand work() throws GuestException {
        return guest.start(WORK);
    }

    /// What a listing of the directory shows.
    String list() throws GuestException {
        return String.join("  ", guest.execChecked(LIST).split("\\s+"));
    }

    void hide() throws GuestException {
        guest.execChecked("cd /tmp && " + HIDE);
    }

    @Override
    public void close() throws GuestException {
        guest.close();
    }
}
