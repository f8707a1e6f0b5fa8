package dev.plumbline.monitoring;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/// Tells alerts in their order on a thread of its own, and tries again as long as the output fails. Those that have
/// waited for long are written to another one, the refuge, besides: they are kept, whatever becomes of this process.
final class AlertDelivery {
    private static final long RETRY_NANOS = 200_000_000L;
    private static final int MOST_NAMED = 20;

    private final AlertOutput output;
    private final AlertOutput refuge;
    private final Consumer<String> log;
    private final long patienceNanos;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final ArrayDeque<Waiting> queue = new ArrayDeque<>();
    private final Thread thread;
    private String fault = "it takes no more";
    private boolean isLate;
    private boolean isRefugeFailing;
    private boolean isClosing;
    private boolean isOver;
    private boolean isEnded;

    private static final class Waiting {
        private final RaisedAlert alert;
        private final long since = System.nanoTime();
        private volatile boolean isKept;

        Waiting(RaisedAlert alert) {
            this.alert = alert;
        }
    }

    /// @param output where to tell alerts
    /// @param refuge where to write those that wait for longer than `patience`
    /// @param log told, in a line, what becomes of alerts
    AlertDelivery(AlertOutput output, AlertOutput refuge, Consumer<String> log, Duration patience) {
        this.output = output;
        this.refuge = refuge;
        this.log = log;
        this.patienceNanos = patience.toNanos();
        this.thread = Thread.ofPlatform().daemon().name("alerts").start(this::run);
    }

    void add(RaisedAlert alert) {
        locked(() -> queue.add(new Waiting(alert)));
    }

    int waitingCount() {
        lock.lock();
        try {
            return queue.size();
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        try {
            for (Waiting next = next(); next != null; next = next()) {
                if (!told(next)) {
                    return;
                }
            }
            end();
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    // None when all were told and no more will come.
    private Waiting next() throws InterruptedException {
        lock.lock();
        try {
            while (queue.isEmpty() && !isClosing) {
                changed.await();
            }
            return queue.peek();
        } finally {
            lock.unlock();
        }
    }

    // Does not give up but at the end, when others have taken over or nothing is to be expected.
    private boolean told(Waiting waiting) throws InterruptedException {
        while (true) {
            try {
                output.tell(waiting.alert);
                return taken();
            } catch (IOException e) {
                if (!goesOn(e.getMessage(), isOld(waiting))) {
                    return false;
                }
            }
        }
    }

    private boolean taken() {
        lock.lock();
        try {
            if (isOver) {
                return false;
            }
            queue.remove();
            if (isLate && queue.isEmpty()) {
                isLate = false;
                log.accept(output + " takes alerts again, and has got all that waited");
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    private void end() throws InterruptedException {
        long since = System.nanoTime();
        while (true) {
            try {
                output.end();
                locked(() -> isEnded = true);
                return;
            } catch (IOException e) {
                if (!goesOn(e.getMessage(), System.nanoTime() - since >= patienceNanos)) {
                    return;
                }
            }
        }
    }

    private boolean goesOn(String why, boolean isEnough) throws InterruptedException {
        lock.lock();
        try {
            fault = why;
            if (!isOver && !(isClosing && isEnough)) {
                changed.awaitNanos(RETRY_NANOS);
            }
            return !isOver && !(isClosing && isEnough);
        } finally {
            lock.unlock();
        }
    }

    private boolean isOld(Waiting waiting) {
        return System.nanoTime() - waiting.since >= patienceNanos;
    }

    /// Writes to the refuge what has waited for long, each once.
    void keepOld() {
        List<Waiting> old = waiting().stream().filter(this::isOld).toList();
        for (Waiting each : old) {
            if (!each.isKept && !keep(each)) {
                return;
            }
        }
    }

    private List<Waiting> waiting() {
        lock.lock();
        try {
            return List.copyOf(queue);
        } finally {
            lock.unlock();
        }
    }

    private boolean keep(Waiting waiting) {
        try {
            refuge.tell(waiting.alert);
            waiting.isKept = true;
            isRefugeFailing = false;
            sayLate();
            return true;
        } catch (IOException e) {
            if (!isRefugeFailing) {
                isRefugeFailing = true;
                log.accept("alerts wait in memory: %s takes none (%s), and %s cannot be written: %s"
                        .formatted(output, fault, refuge, e.getMessage()));
            }
            return false;
        }
    }

    private void sayLate() {
        locked(() -> {
            if (!isLate) {
                isLate = true;
                log.accept("alerts wait: %s takes none (%s); they are written to %s as well"
                        .formatted(output, fault, refuge));
            }
        });
    }

    /// Ends, when what is left has been told or `longest` is over. What has not been told then is written to the
    /// refuge, on this thread; what cannot be written there is logged.
    ///
    /// @param isRefugeFree whether the refuge is not being written to by another thread
    /// @return whether the output has taken everything
    boolean close(Duration longest, boolean isRefugeFree) {
        locked(() -> isClosing = true);
        try {
            thread.join(longest);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
        locked(() -> isOver = true);
        List<Waiting> left = waiting();
        // The one in hand may come twice; better than not at all.
        List<Waiting> lost = left.stream()
                .filter(each -> !each.isKept && !(isRefugeFree && keep(each)))
                .toList();
        tellLost(lost);
        if (left.size() > lost.size()) {
            log.accept("%,d alerts could not be told by %s (%s): they are in %s"
                    .formatted(left.size() - lost.size(), output, fault, refuge));
        } else if (left.isEmpty() && !isEnded) {
            log.accept("the summary could not be told by %s (%s)".formatted(output, fault));
        }
        return left.isEmpty() && isEnded;
    }

    private void tellLost(List<Waiting> lost) {
        for (Waiting each : lost.subList(0, Math.min(MOST_NAMED, lost.size()))) {
            Alert alert = each.alert.alert();
            log.accept("could not be told elsewhere: %s: %s".formatted(alert.severity(), alert.title()));
        }
        if (lost.size() > MOST_NAMED) {
            log.accept("and %,d more".formatted(lost.size() - MOST_NAMED));
        }
    }

    private void locked(Runnable change) {
        lock.lock();
        try {
            change.run();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
