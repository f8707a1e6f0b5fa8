package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.Pausing;
import java.util.concurrent.atomic.AtomicBoolean;

/// Pausing through QMP's `stop` and `cont`.
final class QemuPausing implements Pausing {
    private final QmpClient qmp;
    private int pauses;
    private boolean pausedByUs;

    QemuPausing(QmpClient qmp) {
        this.qmp = qmp;
    }

    @Override
    public Pause pause() throws GuestException {
        if (pauses == 0 && running()) {
            // First, so that a stop whose answer never came is undone as well.
            pausedByUs = true;
            qmp.execute("stop");
        }
        pauses++;
        AtomicBoolean open = new AtomicBoolean(true);
        return () -> {
            if (open.getAndSet(false)) {
                endOne();
            }
        };
    }

    @Override
    public boolean running() throws GuestException {
        return qmp.execute("query-status").get("running").isTrue();
    }

    @Override
    public void resume() throws GuestException {
        if (pauses > 0) {
            throw new GuestException(
                    "the guest on " + qmp.socket() + " is paused for a reason: end that pause instead");
        }
        qmp.execute("cont");
    }

    @Override
    public void leavePaused() throws GuestException {
        if (running()) {
            qmp.execute("stop");
        }
        pausedByUs = false;
    }

    /// Lets the guest run on if a pause of ours is still in force.
    void endAll() throws GuestException {
        pauses = 0;
        endOurs();
    }

    private void endOne() throws GuestException {
        if (pauses > 0 && --pauses == 0) {
            endOurs();
        }
    }

    private void endOurs() throws GuestException {
        if (pausedByUs) {
            pausedByUs = false;
            try {
                qmp.execute("cont");
            } catch (GuestGoneException e) {
                throw e;
            } catch (GuestException e) {
                throw new GuestException(
                        "the guest on " + qmp.socket() + " was left paused: " + e.getMessage()
                                + "; let it run on with cont in its monitor",
                        e);
            }
        }
    }
}
