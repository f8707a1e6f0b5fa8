package dev.plumbline.machine;

/// Stopping all vCPUs for a while.
public interface Pausing {

    /// Stops all vCPUs; when it returns, none runs. Where somebody else has already paused the guest, closing the pause
    /// leaves it so. Pauses nest: the guest runs on when the last is closed. Closing twice does nothing.
    ///
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses
    Pause pause() throws GuestException;

    /// Whether the vCPUs run now.
    ///
    /// @throws GuestException as in [#pause()]
    boolean running() throws GuestException;

    /// Makes sure that they run.
    ///
    /// @param guest what it is called in a message
    /// @throws GuestException if they do not, or as in [#pause()]
    default void verifyRunning(String guest) throws GuestException {
        if (!running()) {
            throw new GuestException(guest + " is paused: let it run on (plumbline detach does, after a run that was"
                    + " killed) and try again");
        }
    }

    /// Lets the guest run on whoever has paused it: for the pause that a killed run left.
    ///
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses, or a pause of this process is in force
    void resume() throws GuestException;

    /// Stops all vCPUs and leaves them so, also when the guest is let go of: whoever wants it runs it on. Pauses in
    /// force end without it running on.
    ///
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses
    void leavePaused() throws GuestException;

    /// A pause in force; closing it lets the guest run on.
    interface Pause extends AutoCloseable {
        @Override
        void close() throws GuestException;
    }
}
