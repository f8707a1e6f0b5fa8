package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Pausing;
import java.util.concurrent.atomic.AtomicBoolean;

/// Pausing a domain. Xen counts: it runs on when as many have let it as have paused it.
final class XenPausing implements Pausing {
    private static final int MOST_PAUSES = 256;

    private final XenDomain domain;
    private int pauses;

    XenPausing(XenDomain domain) {
        this.domain = domain;
    }

    @Override
    public Pause pause() throws GuestException {
        pauseOnce();
        AtomicBoolean open = new AtomicBoolean(true);
        return () -> {
            if (open.getAndSet(false) && pauses > 0) {
                endOne();
            }
        };
    }

    private void pauseOnce() throws GuestException {
        domain.now();
        domain.control().pause(domain.id());
        pauses++;
    }

    private void endOne() throws GuestException {
        pauses--;
        domain.now();
        domain.control().unpause(domain.id());
    }

    @Override
    public boolean running() throws GuestException {
        return !domain.now().isPaused();
    }

    @Override
    public void resume() throws GuestException {
        if (pauses > 0) {
            throw new GuestException("the guest " + domain.name() + " is paused for a reason: end that pause instead");
        }
        for (int i = 0; i < MOST_PAUSES && domain.now().isPaused(); i++) {
            domain.control().unpause(domain.id());
        }
    }

    @Override
    public void leavePaused() throws GuestException {
        if (pauses == 0) {
            if (running()) {
                pauseOnce();
            } else {
                return;
            }
        }
        while (pauses > 1) {
            endOne();
        }
        pauses = 0;
    }

    /// Ends the pauses of this process that are still in force.
    void endAll() throws GuestException {
        while (pauses > 0) {
            endOne();
        }
    }
}
