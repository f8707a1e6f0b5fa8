package dev.plumbline.kernel;

import java.util.List;

/// A kprobe that is registered, or all of one place together.
///
/// @param address where it stands
/// @param handlers virtual addresses of what it calls, each once: before and behind the instruction, and when the
///   function returns
public record Kprobe(long address, List<Long> handlers) {

    /// Makes the list immutable.
    public Kprobe {
        handlers = List.copyOf(handlers);
    }
}
