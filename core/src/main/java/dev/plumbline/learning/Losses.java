package dev.plumbline.learning;

/// What was seen and is not in a model.
///
/// @param events call events that were lost before anybody saw them
/// @param flows flows that were left out because something of them was missing: events lost, their
///   beginning not seen, or no room for all their calls. What such a flow shows may be another's, a
///   system call's whose first event was lost for instance, so none of it is learnt
/// @param unknownCalls calls to or from code that belongs to neither kernel nor modules, which is never
///   normal; the flows they were made in were learnt without them
/// @param noRoom calls of which something (function, edge or path) was not kept because a limit was
///   reached
public record Losses(long events, long flows, long unknownCalls, long noRoom) {
    /// Nothing was lost.
    public static final Losses NONE = new Losses(0, 0, 0, 0);

    /// Both together.
    public Losses plus(Losses other) {
        return new Losses(
                events + other.events, flows + other.flows, unknownCalls + other.unknownCalls, noRoom + other.noRoom);
    }
}
