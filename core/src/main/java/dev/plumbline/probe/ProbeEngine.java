package dev.plumbline.probe;

import dev.plumbline.machine.GuestException;

/// Probes that are set in a guest. For one thread at a time.
public interface ProbeEngine extends AutoCloseable {

    /// Hands all call events that have come since the last time to `sink`.
    ///
    /// @return how many
    /// @throws GuestException if the guest cannot be read
    long poll(CallEventSink sink) throws GuestException;

    /// How many probes are set now.
    int siteCount();

    /// How many places hold no probe now because the guest's own tracer uses them. Probes are set there when it
    /// has done.
    int leftOutCount();

    /// How long the guest's own tracer was made room for so far, in nanoseconds: time in which places that it was
    /// to use, and those that it had left, held no probe.
    long asideNanos();

    /// How many events have been handed out, readings of the time stamp counter among them.
    long seen();

    /// How many events were lost: overwritten before they could be read. Exact.
    long lost();

    /// How many times probes were hit, by the guest's own count: with the probes taken out and everything polled,
    /// the sum of [#seen()] and [#lost()].
    ///
    /// @throws GuestException if the guest cannot be read
    long hits() throws GuestException;

    /// Takes the probes out, so that no more events are made; those that were can still be polled.
    ///
    /// @throws GuestException if the guest cannot be reached
    void disarm() throws GuestException;

    /// Takes the probes out and restores every byte.
    ///
    /// @throws GuestException if the guest cannot be reached; the journal stays then
    @Override
    void close() throws GuestException;
}
