package dev.plumbline.machine.xen;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import java.nio.file.Path;
import java.util.List;

/// Breakpoints in a domain, through Xen's monitor: int3 instructions in its memory, which Xen reports. They need
/// neither a second view of its memory nor single steps, so that they work on processors of AMD and of Intel alike.
final class XenBreakpoints implements Breakpoints {
    private final XenDomain domain;
    private final XenMemory memory;
    private final XenRegisters registers;
    private final Path journalFile;
    private XenMonitorLibraries libraries;
    private boolean removedLeft;
    private XenBreakpointSession session;

    XenBreakpoints(XenDomain domain, DomainInfo info, XenMemory memory, XenRegisters registers) {
        this.domain = domain;
        this.memory = memory;
        this.registers = registers;
        this.journalFile = BreakpointJournal.fileOf(info);
    }

    @Override
    public Session open() throws GuestException {
        MonitorCapability.of(domain).verify(domain.name());
        BreakpointJournal journal = take();
        try {
            removeLeft(journal);
            journal.begin();
            journal.monitored(true);
            session = open(journal);
            return session;
        } catch (GuestException e) {
            journal.close();
            throw e;
        }
    }

    private XenBreakpointSession open(BreakpointJournal journal) throws GuestException {
        XenMonitor monitor;
        try {
            monitor = XenMonitor.open(domain, libraries());
        } catch (GuestException e) {
            // Nothing has begun; the one who listens is another.
            journal.end();
            throw e;
        }
        XenBreakpointSession opened = new XenBreakpointSession(domain, memory, registers, journal, monitor);
        try {
            monitor.report();
            opened.stop();
            return opened;
        } catch (GuestException e) {
            opened.close();
            throw e;
        }
    }

    // Loaded when first needed.
    private XenMonitorLibraries libraries() throws GuestException {
        if (libraries == null) {
            libraries = new XenMonitorLibraries(domain.control().libraries().control());
        }
        return libraries;
    }

    private BreakpointJournal take() throws GuestException {
        BreakpointJournal journal = BreakpointJournal.take(journalFile);
        if (journal == null) {
            throw new GuestException("another run has its breakpoints in " + domain.name() + ": end that run first");
        }
        return journal;
    }

    @Override
    public boolean removeLeft() throws GuestException {
        if (BreakpointJournal.isUsed(journalFile)) {
            try (BreakpointJournal journal = take()) {
                removeLeft(journal);
            }
        }
        boolean removed = removedLeft;
        removedLeft = false;
        return removed;
    }

    /// The same where no run is at work: who reads the domain's memory is not to take for its own what was left there.
    void removeLeftByTheDead() throws GuestException {
        if (BreakpointJournal.isUsed(journalFile)) {
            BreakpointJournal journal = BreakpointJournal.take(journalFile);
            if (journal != null) {
                try (journal) {
                    removeLeft(journal);
                }
            }
        }
    }

    private void removeLeft(BreakpointJournal journal) throws GuestException {
        if (!journal.isLeft()) {
            return;
        }
        restore(journal.entries());
        if (journal.isMonitored()) {
            letWaitingRun();
        }
        if (journal.isPaused() && domain.now().isPaused()) {
            domain.control().unpause(domain.id());
        }
        journal.end();
        removedLeft = true;
    }

    private void restore(List<BreakpointJournal.Entry> entries) throws GuestException {
        KernelPages pages = new KernelPages(memory);
        for (int vcpu = 0; vcpu < domain.vcpuCount() && !entries.isEmpty(); vcpu++) {
            pages.add(registers.read(vcpu));
        }
        for (BreakpointJournal.Entry entry : entries) {
            SetBreakpoints.restore(memory, pages, entry);
        }
    }

    /// vCPUs that wait for an answer of the run that was killed go on waiting when Xen listens to nobody; so it has to
    /// listen to us, to whom their requests are unknown.
    private void letWaitingRun() throws GuestException {
        XenMonitor.disable(domain, libraries());
        try (XenMonitor monitor = XenMonitor.open(domain, libraries())) {
            for (int vcpu = 0; vcpu < domain.vcpuCount(); vcpu++) {
                monitor.answer(VmEvent.unasked(vcpu));
                if ((vcpu + 1) % MonitorRing.ENTRY_COUNT == 0) {
                    monitor.tell();
                }
            }
            monitor.tell();
        }
    }

    /// Closes a session still open.
    void end() throws GuestException {
        if (session != null) {
            session.close();
        }
    }
}
