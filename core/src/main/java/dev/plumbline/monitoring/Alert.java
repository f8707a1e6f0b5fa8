package dev.plumbline.monitoring;

import dev.plumbline.extraction.TaskIdentity;
import dev.plumbline.learning.Context;
import java.util.List;
import java.util.Optional;

/// A departure from the model or from the code as built. All names are plain text; those that come from the guest hold
/// no control characters.
///
/// @param severity how grave
/// @param detector what found it
/// @param title what happened, one line
/// @param function the function concerned: the hooked one where there is a hook
/// @param context what the kernel was doing, where that is known
/// @param task who made it do that, where that is known
/// @param path from the system call to the place, by symbols, outermost first; empty where it is not known
/// @param evidence what a person can check
public record Alert(
        Severity severity,
        Detector detector,
        String title,
        String function,
        Optional<Context> context,
        Optional<TaskIdentity> task,
        List<String> path,
        List<Evidence> evidence) {

    /// Makes the lists immutable.
    public Alert {
        path = List.copyOf(path);
        evidence = List.copyOf(evidence);
    }

    /// What tells it from others: alerts of one key are the same, happening again.
    public String key() {
        return severity + " " + detector + " " + title;
    }

    /// Takes alerts.
    public interface Sink {
        /// One more.
        void alert(Alert alert);
    }
}
