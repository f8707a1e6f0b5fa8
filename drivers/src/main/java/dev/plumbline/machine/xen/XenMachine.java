package dev.plumbline.machine.xen;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.CodeWriter;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.Hypervisor;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.MemoryWriter;
import dev.plumbline.machine.Pausing;
import dev.plumbline.machine.PhysicalMemory;
import dev.plumbline.machine.Registers;
import java.util.Map;
import java.util.Optional;

/// A domain of the Xen on this host, HVM or PVH: its RAM is mapped here, everything else goes through Xen's control
/// interface. It can write memory and code, can be paused, and can be stopped at breakpoints.
///
/// For one thread at a time.
public final class XenMachine implements Machine {
    private final XenDomain domain;
    private final XenMemory memory;
    private final XenRegisters registers;
    private final XenPausing pausing;
    private final XenBreakpoints breakpoints;
    private final Map<Class<?>, Object> capabilities;
    private boolean closed;

    private XenMachine(XenDomain domain, DomainInfo info) throws GuestException {
        this.domain = domain;
        memory = new XenMemory(domain);
        registers = new XenRegisters(domain);
        pausing = new XenPausing(domain);
        breakpoints = new XenBreakpoints(domain, info, memory, registers);
        capabilities = Map.of(
                MemoryWriter.class, memory,
                CodeWriter.class, new XenCodeWriter(memory, pausing),
                Pausing.class, pausing,
                Breakpoints.class, breakpoints,
                Hypervisor.class, new XenHypervisor(domain));
    }

    /// Takes hold of a domain. It does not notice. Breakpoints of a run that was killed are taken out: they would be
    /// read as the domain's own.
    ///
    /// @param name its name, or its number
    /// @throws GuestException if this host does not run on a known Xen, this process may not command it, or the
    /// domain is not there, is not the only one of its name, or is paravirtualised
    public static XenMachine attach(String name) throws GuestException {
        XenControl control = XenControl.open();
        try {
            DomainInfo info = XenVms.named(control, name);
            XenMachine machine = new XenMachine(new XenDomain(control, info, "xen:" + name), info);
            machine.breakpoints.removeLeftByTheDead();
            return machine;
        } catch (GuestException | RuntimeException e) {
            control.close();
            throw e;
        }
    }

    @Override
    public String name() {
        return domain.name();
    }

    @Override
    public PhysicalMemory memory() {
        return memory;
    }

    @Override
    public Registers registers() {
        return registers;
    }

    @Override
    public <T> Optional<T> capability(Class<T> kind) {
        return Optional.ofNullable(kind.cast(capabilities.get(kind)));
    }

    /// Lets go of the domain, which runs on where a pause of ours was still in force or breakpoints were set. Closing
    /// twice does nothing.
    @Override
    public void close() throws GuestException {
        if (closed) {
            return;
        }
        closed = true;
        try (XenDomain _ = domain;
                XenMemory _ = memory) {
            endHolds();
        } catch (GuestGoneException _) {
            // There is nobody left to let go of.
        }
    }

    private void endHolds() throws GuestException {
        try {
            breakpoints.end();
        } finally {
            pausing.endAll();
        }
    }
}
