package dev.plumbline.extraction;

/// Takes flows, each when it is over.
@FunctionalInterface
public interface FlowSink {

    /// A flow is over, or nothing more will be known of it.
    ///
    /// @param flow good until this method returns; its storage is used again
    void flow(Flow flow);
}
