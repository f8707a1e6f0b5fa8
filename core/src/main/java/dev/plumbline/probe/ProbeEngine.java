package dev.plumbline.probe;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.machine.GuestException;
import java.util.List;

/// Probes that are set in a guest. For one thread at a time.
public interface ProbeEngine extends AutoCloseable {

    /// Hands all call events that have come since the last time to `sink`.
    ///
    /// @return how many
    /// @throws GuestException if the guest cannot be read
    long poll(CallEventSink sink) throws GuestException;

    /// How many probes are set now.
    int siteCount();

    /// How many edges of [Recording#known] are not told: the others there was no room for, and they are told like any.
    int knownEdgeCount();

    /// How many places hold no probe now because the guest's own tracer uses them. Probes are set there when it
    /// has done.
    default int leftOutCount() {
        return 0;
    }

    /// How long the guest's own tracer was made room for so far, in nanoseconds: time in which places that it was
    /// to use, and those that it had left, held no probe.
    default long asideNanos() {
        return 0;
    }

    /// Plans to have probes at these places and no others, since modules came or went. Nothing is changed yet. Only
    /// one plan at a time, and none while probes are being taken out.
    ///
    /// @param graph the code from now on
    /// @param chosen places as when the probes were set
    /// @throws GuestException if the guest cannot be read
    Change change(CallGraph graph, List<Long> chosen) throws GuestException;

    /// Probes at other places than before.
    interface Change {
        /// Writes down what will be changed. Takes a while, and may be done on any thread.
        ///
        /// @throws GuestException if that is not possible; [#apply] is not allowed then
        void writeDown() throws GuestException;

        /// Sets the probes, after they have been written down.
        ///
        /// @throws GuestException if the guest cannot be reached
        void apply() throws GuestException;
    }

    /// Looks whether the probes in modules are still where they were set, and sets them again where a module has gone
    /// and come back.
    ///
    /// @throws GuestException if the guest cannot be read
    void recheck() throws GuestException;

    /// What the engine has written over the guest's code. Known until the probes are taken out.
    WrittenCode written();

    /// How many events have been handed out, readings of the time stamp counter among them.
    long seen();

    /// How many events were lost: overwritten before they could be read. Exact.
    long lost();

    /// How many of the kernel's thunks, which indirect calls go through, look at where a call leads.
    default int checkedThunkCount() {
        return 0;
    }

    /// How many were to look and are of a kind that has to stay as it is.
    default int uncheckedThunkCount() {
        return 0;
    }

    /// How many indirect calls and jumps that go through no thunk look at where they lead now.
    default int checkedSiteCount() {
        return 0;
    }

    /// How many are to look and do not yet, because a task is to return into what would be changed, or a kprobe of the
    /// guest's own stands there. They are tried again.
    default int awaitedSiteCount() {
        return 0;
    }

    /// How many have to stay as they are: in modules, in entry code and other code that the kernel lets nothing
    /// observe, and of forms that leave no room.
    default int uncheckedSiteCount() {
        return 0;
    }

    /// How many times probes were hit, by the guest's own count: with the probes taken out and everything polled,
    /// the sum of [#seen()] and [#lost()].
    ///
    /// @throws GuestException if the guest cannot be read
    long hits() throws GuestException;

    /// What else there is to say of what was done, for people, a line each.
    default List<String> remarks() {
        return List.of();
    }

    /// Takes the probes out, so that no more events are made; those that were can still be polled.
    ///
    /// @throws GuestException if the guest cannot be reached
    void disarm() throws GuestException;

    /// Lets go of the guest with the probes left in it, as if this process were killed: the journal says how to take
    /// them out. For guests that are to stay as they are at this moment. Closing does nothing afterwards.
    ///
    /// @throws GuestException if the journal cannot be let go of
    void leave() throws GuestException;

    /// Takes the probes out and restores every byte.
    ///
    /// @throws GuestException if the guest cannot be reached; the journal stays then
    @Override
    void close() throws GuestException;
}
