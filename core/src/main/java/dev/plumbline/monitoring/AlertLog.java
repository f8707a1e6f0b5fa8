package dev.plumbline.monitoring;

import java.time.Duration;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// Tells alerts on threads of its own, so that an output that is slow, blocked or gone holds nobody up and loses none.
/// The first of each [Alert#key] is told at once; that it was raised again, with how often, every few seconds at
/// most. What an output does not take for longer than its patience is kept in a refuge, too; the output still gets it
/// when it takes alerts again.
///
/// Alerts may be raised on any thread.
public final class AlertLog implements Alert.Sink {
    private static final long LOOK_MILLIS = 250;

    private final Severity shown;
    private final Consumer<String> log;
    private final InstantSource clock;
    private final long repeatNanos;
    private final FoldedAlerts folded = new FoldedAlerts();
    private final Set<Severity> crowded = EnumSet.noneOf(Severity.class);
    private final List<AlertDelivery> deliveries;
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Thread watch;

    /// How long to wait for what.
    ///
    /// @param patience how long alerts wait for the output alone
    /// @param repeats how often at most it is told that alerts were raised again
    public record Times(Duration patience, Duration repeats) {
        /// Five seconds each.
        public static final Times DEFAULT = new Times(Duration.ofSeconds(5), Duration.ofSeconds(5));
    }

    /// @param shown the least grave that is told; others are only counted
    /// @param outputs where to tell alerts; none waits for another
    /// @param refuge where to write those that an output does not take
    /// @param log told, in a line, when alerts have to wait, and when there are too many; must not keep waiting
    /// @param clock says when alerts are raised
    /// @param times how long to wait
    public AlertLog(
            Severity shown,
            List<? extends AlertOutput> outputs,
            AlertOutput refuge,
            Consumer<String> log,
            InstantSource clock,
            Times times) {
        this.shown = shown;
        this.log = log;
        this.clock = clock;
        this.repeatNanos = times.repeats().toNanos();
        this.deliveries = outputs.stream()
                .map(output -> new AlertDelivery(output, refuge, log, times.patience()))
                .toList();
        this.watch = Thread.ofPlatform().daemon().name("waiting alerts").start(this::watch);
    }

    @Override
    public void alert(Alert alert) {
        raise(alert);
    }

    /// One more.
    ///
    /// @return with how often it was raised so far; empty where there are too many to tell it from others
    public Optional<RaisedAlert> raise(Alert alert) {
        Optional<RaisedAlert> raised = folded.add(alert, clock.instant());
        if (raised.isEmpty()) {
            sayCrowded(alert.severity());
        } else if (!raised.get().isRepeat() && isShown(alert)) {
            tell(raised.get());
        }
        return raised;
    }

    private void tell(RaisedAlert alert) {
        deliveries.forEach(each -> each.add(alert));
    }

    private boolean isShown(Alert alert) {
        return alert.severity().compareTo(shown) >= 0;
    }

    private synchronized void sayCrowded(Severity severity) {
        if (crowded.add(severity)) {
            log.accept("more than %,d different alerts are %s: others of that severity are only counted"
                    .formatted(FoldedAlerts.MOST_OF_A_SEVERITY, severity));
        }
    }

    private void watch() {
        long repeatsAt = System.nanoTime() + repeatNanos;
        try {
            while (!closing.await(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                deliveries.forEach(AlertDelivery::keepOld);
                // While others wait, repeats add up.
                if (System.nanoTime() - repeatsAt >= 0 && waitingCount() == 0) {
                    tellRepeats();
                    repeatsAt = System.nanoTime() + repeatNanos;
                }
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private void tellRepeats() {
        folded.raisedAgain().stream().filter(each -> isShown(each.alert())).forEach(this::tell);
    }

    /// Tells what is left, repeats too, and ends: afterwards nothing may be raised.
    ///
    /// @param longest how long to wait for each output; what it has not taken then is kept in the refuge
    /// @return whether all outputs have taken everything
    public boolean close(Duration longest) {
        closing.countDown();
        boolean isWatchOver = false;
        try {
            isWatchOver = watch.join(longest);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
        tellRepeats();
        boolean isAllTold = true;
        for (AlertDelivery each : deliveries) {
            isAllTold &= each.close(longest, isWatchOver);
        }
        return isAllTold;
    }

    /// How many alerts that differ were raised, and how often those that there were too many of.
    public long count(Severity severity) {
        return folded.count(severity);
    }

    /// How often alerts were raised, repeats among them.
    public long times(Severity severity) {
        return folded.times(severity);
    }

    /// How many wait to be told, counted for each output.
    public int waitingCount() {
        return deliveries.stream().mapToInt(AlertDelivery::waitingCount).sum();
    }
}
