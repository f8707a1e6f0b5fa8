package dev.plumbline.report;

import dev.plumbline.monitoring.Alert;
import dev.plumbline.monitoring.Detector;

/// What an alert means, and what to do about it: a sentence for those who have not read how it is found.
final class AlertMeaning {
    private AlertMeaning() {}

    static String of(Alert alert) {
        return switch (alert.severity()) {
            case CRITICAL -> ofCritical(alert.detector());
            case HIGH -> ofHigh(alert.detector());
            case MEDIUM ->
                "new, and hardly to be expected here: see whether what was found belongs to this guest;"
                        + " if it does, learn on";
            case LOW -> "new, and possible by the code as built: learn on if it is normal";
        };
    }

    private static String ofCritical(Detector detector) {
        return switch (detector) {
            case INTEGRITY ->
                "the kernel's memory holds what the kernel does not account for: it has been tampered with,"
                        + " and nothing the guest says can be trusted";
            case STATIC_RULE, SET, EDGE, PATH ->
                "the kernel runs code that is not its own, or not as it was built:"
                        + " nothing the guest says can be trusted";
        };
    }

    private static String ofHigh(Detector detector) {
        return switch (detector) {
            case STATIC_RULE -> "a module can lead these functions elsewhere: a hook, unless you know the module";
            case SET ->
                "code takes part that was not there while learning: see where the module comes from;"
                        + " if it belongs to this guest, learn with it";
            case INTEGRITY, EDGE, PATH ->
                "the kernel runs code where neither the model nor the kind of the call has room for it:"
                        + " a hook, most likely";
        };
    }
}
