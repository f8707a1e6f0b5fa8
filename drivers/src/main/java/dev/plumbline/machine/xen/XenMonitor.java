package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// The breakpoint instructions that a domain's vCPUs come to, as Xen reports them to one process: a vCPU that has come
/// to one stands still until its request is answered. For one thread at a time.
final class XenMonitor implements AutoCloseable {
    private static final int BUSY = 16;
    private static final int YES = 1;
    /// For how many microseconds the next request is looked for again and again.
    private static final String SPIN = "plumbline.xen.spin";

    private static final long SPIN_NANOS = 1000L * Integer.getInteger(SPIN, 1000);

    /// The exception's number, and `XEN_DMOP_EVENT_sw_exc` (public/hvm/dm_op.h): that an instruction has raised it.
    private static final int BREAKPOINT = 3;

    private static final int BY_SOFTWARE = 6;
    private static final int INT3_BYTES = 1;
    private static final int NO_ERROR_CODE = -1;
    private static final int NO_ADDRESS = 0;

    private final XenDomain domain;
    private final XenMonitorLibraries libraries;
    private final MemorySegment page;
    private final MonitorRing ring;
    private final XenEventChannel channel;
    private boolean isToNotify;

    private XenMonitor(XenDomain domain, XenMonitorLibraries libraries, MemorySegment page, XenEventChannel channel) {
        this.domain = domain;
        this.libraries = libraries;
        this.page = page;
        this.channel = channel;
        this.ring = new MonitorRing(page.reinterpret(MonitorRing.PAGE_BYTES));
    }

    /// Begins to listen; [#report] has Xen report something.
    ///
    /// @throws GuestException if Xen cannot, or another process listens
    static XenMonitor open(XenDomain domain, XenMonitorLibraries libraries) throws GuestException {
        XenControl control = domain.control();
        try (Arena buffers = Arena.ofConfined()) {
            MemorySegment port = buffers.allocate(JAVA_INT);
            MemorySegment page = control.address(libraries.enable, domain.id(), port.address());
            if (page == null) {
                throw domain.explained(
                        control.errno() == BUSY
                                ? new GuestException("another program monitors " + domain.name()
                                        + ", and Xen has room for one only: end that program first")
                                : control.refused("monitor " + domain.name()));
            }
            try {
                XenEventChannel channel = new XenEventChannel(libraries, domain.id(), port.get(JAVA_INT, 0));
                return new XenMonitor(domain, libraries, page, channel);
            } catch (GuestException e) {
                disable(domain, libraries);
                control.unmap(page, 1);
                throw e;
            }
        }
    }

    /// Has Xen listen to nobody any more, whoever it was. vCPUs that wait for an answer go on waiting.
    static void disable(XenDomain domain, XenMonitorLibraries libraries) throws GuestException {
        domain.control().order("monitor " + domain.name() + " no more", libraries.disable, domain.id());
    }

    /// Has Xen report breakpoint instructions from now on.
    void report() throws GuestException {
        domain.control().order("report breakpoints of " + domain.name(), libraries.reportBreakpoints, domain.id(), YES);
    }

    /// Takes the next request.
    ///
    /// @return null if there is none
    VmEvent next() {
        return ring.next();
    }

    /// Waits until there is a request: first looking again and again, as most come soon after the vCPUs run on, and to
    /// be woken takes long.
    ///
    /// @return whether there is one
    boolean await(Duration longest) throws GuestException {
        long start = System.nanoTime();
        long most = longest.toNanos();
        for (long passed = 0; passed < most && !ring.hasNext(); passed = System.nanoTime() - start) {
            if (passed < SPIN_NANOS) {
                Thread.onSpinWait();
            } else {
                channel.await(Duration.ofNanos(Math.max(most - passed, 1_000_000L)));
            }
        }
        return ring.hasNext();
    }

    /// Answers a request. Xen takes the answer when it is told ([#tell]).
    void answer(VmEvent answer) {
        ring.answer(answer);
        isToNotify = true;
    }

    /// Tells Xen that there are answers, if there are.
    void tell() throws GuestException {
        if (isToNotify) {
            isToNotify = false;
            channel.notifyXen();
        }
    }

    /// Has a vCPU that waits for an answer take the exception of the int3 it has come to, once it runs on.
    void passOn(int vcpu) throws GuestException {
        domain.control()
                .order(
                        "pass a breakpoint on to " + domain.name(),
                        libraries.injectTrap,
                        domain.id(),
                        vcpu,
                        BREAKPOINT,
                        BY_SOFTWARE,
                        NO_ERROR_CODE,
                        INT3_BYTES,
                        NO_ADDRESS);
    }

    /// Listens no more. Requests are to be answered before.
    @Override
    public void close() throws GuestException {
        try {
            disable(domain, libraries);
        } finally {
            channel.close();
            domain.control().unmap(page, 1);
        }
    }
}
