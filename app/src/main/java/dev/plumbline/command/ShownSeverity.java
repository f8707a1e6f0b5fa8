package dev.plumbline.command;

import dev.plumbline.monitoring.Severity;
import java.util.Locale;

/// The values of `--severity`, spelt as they are typed.
enum ShownSeverity {
    low,
    medium,
    high,
    critical;

    Severity severity() {
        return Severity.valueOf(name().toUpperCase(Locale.ROOT));
    }
}
