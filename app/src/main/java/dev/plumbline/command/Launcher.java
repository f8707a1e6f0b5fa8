package dev.plumbline.command;

import dev.plumbline.machine.GuestException;

/// The shell script that starts this program; it says so itself.
final class Launcher {
    private static final String PROPERTY = "plumbline.launcher";

    private Launcher() {}

    /// Its path.
    ///
    /// @throws GuestException if this process was started in another way
    static String path() throws GuestException {
        String launcher = System.getProperty(PROPERTY);
        if (launcher == null) {
            throw new GuestException("probes are only set when started through ./plumbline, so that they come out again"
                    + " if this process is killed");
        }
        return launcher;
    }
}
