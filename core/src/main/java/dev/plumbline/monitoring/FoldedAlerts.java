package dev.plumbline.monitoring;

import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Tells alerts that are raised again from new ones, by [Alert#key]. Bounded for each severity by itself, so that many
/// of one kind leave room for graver ones; those beyond are only counted. May be used by several threads.
final class FoldedAlerts {
    static final int MOST_OF_A_SEVERITY = 10_000;

    private final Map<Severity, OfSeverity> severities = new EnumMap<>(Severity.class);
    private long number;

    private static final class OfSeverity {
        private final Map<String, RaisedAlert> latest = new LinkedHashMap<>();
        private final Map<String, RaisedAlert> raisedAgain = new LinkedHashMap<>();
        private long times;
        private long omitted;
    }

    FoldedAlerts() {
        for (Severity severity : Severity.values()) {
            severities.put(severity, new OfSeverity());
        }
    }

    /// One more.
    ///
    /// @return the alert with how often it was raised so far; empty where there is no room to tell it from others
    synchronized Optional<RaisedAlert> add(Alert alert, Instant now) {
        OfSeverity all = severities.get(alert.severity());
        all.times++;
        RaisedAlert before = all.latest.get(alert.key());
        if (before != null) {
            RaisedAlert again =
                    new RaisedAlert(before.alert(), before.number(), before.first(), now, before.times() + 1);
            all.latest.put(alert.key(), again);
            all.raisedAgain.put(alert.key(), again);
            return Optional.of(again);
        }
        if (all.latest.size() == MOST_OF_A_SEVERITY) {
            all.omitted++;
            return Optional.empty();
        }
        RaisedAlert first = new RaisedAlert(alert, ++number, now, now, 1);
        all.latest.put(alert.key(), first);
        return Optional.of(first);
    }

    /// Those that were raised again since the last time this was asked, the gravest first.
    synchronized List<RaisedAlert> raisedAgain() {
        List<RaisedAlert> again = new ArrayList<>();
        for (Severity severity : Severity.values()) {
            again.addAll(0, severities.get(severity).raisedAgain.values());
            severities.get(severity).raisedAgain.clear();
        }
        return again;
    }

    /// How many that differ were raised, and how often those that there was no room for.
    synchronized long count(Severity severity) {
        OfSeverity all = severities.get(severity);
        return all.latest.size() + all.omitted;
    }

    /// How often alerts were raised, repeats among them.
    synchronized long times(Severity severity) {
        return severities.get(severity).times;
    }

    /// How often those that there was no room for were raised.
    synchronized long omitted(Severity severity) {
        return severities.get(severity).omitted;
    }
}
