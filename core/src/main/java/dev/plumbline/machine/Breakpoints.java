package dev.plumbline.machine;

import java.time.Duration;

/// Stopping a guest where it is about to run an instruction at chosen addresses, through the hypervisor's own
/// breakpoints. A breakpoint that the guest has set itself is the guest's.
public interface Breakpoints {

    /// Takes hold of the guest, without breakpoints. It stands still from now on.
    ///
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses, or another debugger has hold of it
    Session open() throws GuestException;

    /// Removes the breakpoints that a run has left that was killed, and lets the guest run on from where one of them
    /// has stopped it.
    ///
    /// @return whether there was anything to remove
    /// @throws GuestGoneException if the guest has ended
    /// @throws GuestException if the hypervisor refuses
    boolean removeLeft() throws GuestException;

    /// What is to be said where a session could not be ended as it should.
    static GuestException notEnded(GuestException cause) {
        return new GuestException(
                "the breakpoints may still be in the guest, or it be left paused: " + cause.getMessage()
                        + "; remove them with plumbline detach",
                cause);
    }

    /// What a session has cost so far.
    ///
    /// @param packets sent to the hypervisor
    /// @param roundTrips how often it was waited for, other than for a stop
    /// @param stops how often the guest has stopped
    record Traffic(long packets, long roundTrips, long stops) {}

    /// A guest that is held. What changes it, and what reads vCPUs, is for when it stands still. Every method throws
    /// [GuestGoneException] if the guest has ended, and another [GuestException] if the hypervisor refuses, or if
    /// somebody else has let the guest run on: where its vCPUs stood is not where they stand then, nothing of it is
    /// written, and [#stop] takes hold of the guest anew. For one thread at a time.
    interface Session extends AutoCloseable {

        /// Sets breakpoints at virtual addresses, for all vCPUs and in all address spaces. Where there is one already,
        /// nothing changes.
        void insert(long... addresses) throws GuestException;

        /// Takes breakpoints out. Where there is none, nothing changes.
        void remove(long... addresses) throws GuestException;

        /// How many breakpoints are set.
        int count();

        /// What this session has cost.
        Traffic traffic();

        /// Lets all vCPUs run. One that stands at a breakpoint stops there again. Where somebody else has paused the
        /// guest, it runs when they let it.
        void resume() throws GuestException;

        /// Waits until the guest stands still because a vCPU has come to a breakpoint. Others may have come to one at
        /// the same time, and it may have been removed meanwhile: look where each of them stands.
        ///
        /// @param longest how long to wait
        /// @return whether it stands still; else it runs, or somebody else has paused it
        boolean awaitStop(Duration longest) throws GuestException;

        /// Makes the guest stand still. If it does already, nothing changes.
        void stop() throws GuestException;

        /// Where each vCPU stands.
        ///
        /// @return one for each vCPU, in the order of [Registers]; they may be changed, and then written
        VcpuState[] read() throws GuestException;

        /// Whether a vCPU has come to a breakpoint, if it stands at one. Where the hypervisor tells the two apart, one
        /// may only be about to: it does when it runs on, and can be neither written nor stepped until then.
        ///
        /// @param vcpu 0 to the number of vCPUs - 1
        default boolean hasCome(int vcpu) {
            return true;
        }

        /// Has a vCPU go on in this state. It may be written only with the next call that needs it written.
        ///
        /// @param vcpu one that has come to a breakpoint ([#hasCome])
        /// @param state as it was read, with changes to general registers, rip and flags
        void write(int vcpu, VcpuState state) throws GuestException;

        /// Runs one instruction of one vCPU, though there may be a breakpoint at it, and no interrupt before it.
        /// The others stand still. Where the hypervisor can hold neither them nor the vCPU behind it, all run
        /// on for a moment, with all breakpoints set: [#read] tells where they stand then.
        ///
        /// @param vcpu one that has come to a breakpoint ([#hasCome])
        void step(int vcpu) throws GuestException;

        /// Removes all breakpoints and lets go of the guest, which stands still from now on: whoever wants it runs it
        /// on. Closing does nothing afterwards.
        void leave() throws GuestException;

        /// Removes all breakpoints and lets go of the guest, which runs on if it ran before.
        @Override
        void close() throws GuestException;
    }
}
