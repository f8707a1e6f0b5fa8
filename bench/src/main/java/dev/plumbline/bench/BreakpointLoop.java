package dev.plumbline.bench;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.VcpuState;
import dev.plumbline.machine.xen.XenMachine;
import java.time.Duration;

/// What runs in dom0: takes a domain behind the NOP at a function's entry, hit after hit.
public final class BreakpointLoop {
    private static final Duration A_WHILE = Duration.ofMillis(100);
    private static final int NOP_BYTES = 5;

    private BreakpointLoop() {}

    /// Says `set` when the domain runs, and ends after so many hits.
    ///
    /// @param arguments the domain, the address of the NOP, how many hits
    public static void main(String[] arguments) throws Exception {
        long site = Long.parseUnsignedLong(arguments[1], 16);
        int hits = Integer.parseInt(arguments[2]);
        try (Machine machine = XenMachine.attach(arguments[0]);
                Breakpoints.Session session =
                        machine.capability(Breakpoints.class).orElseThrow().open()) {
            session.insert(site);
            session.resume();
            System.err.println("set");
            while (hits > 0) {
                if (session.awaitStop(A_WHILE)) {
                    hits -= handle(session, site);
                    session.resume();
                }
            }
        }
    }

    private static int handle(Breakpoints.Session session, long site) throws Exception {
        VcpuState[] states = session.read();
        int hits = 0;
        for (int vcpu = 0; vcpu < states.length; vcpu++) {
            if (session.hasCome(vcpu) && states[vcpu].rip == site) {
                states[vcpu].rip += NOP_BYTES;
                session.write(vcpu, states[vcpu]);
                hits++;
            }
        }
        return hits;
    }
}
