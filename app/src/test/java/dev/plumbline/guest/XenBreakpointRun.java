package dev.plumbline.guest;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.Breakpoints.Session;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.xen.XenMachine;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;

/// What runs in dom0: stops a domain at function entries, and lets it run on behind the NOPs there, until it is
/// asked to end or killed.
final class XenBreakpointRun {
    private static final Duration A_WHILE = Duration.ofMillis(20);

    private XenBreakpointRun() {}

    /// @param arguments the domain; how vCPUs get behind a breakpoint: `write`, `step`, or `both` in turns; and
    /// addresses, for `write` and `both` of entry NOPs; or the domain alone, to let go of it at once
    public static void main(String[] arguments) throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        AtomicBoolean isToEnd = new AtomicBoolean();
        Thread end = new Thread(() -> {
            isToEnd.set(true);
            try {
                ended.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Runtime.getRuntime().addShutdownHook(end);
        try (Machine machine = XenMachine.attach(arguments[0])) {
            Breakpoints breakpoints = machine.capability(Breakpoints.class).orElseThrow();
            System.out.println("left " + breakpoints.removeLeft());
            if (arguments.length > 1) {
                run(breakpoints, arguments, isToEnd);
            }
        } finally {
            ended.countDown();
        }
    }

    private static void run(Breakpoints breakpoints, String[] arguments, AtomicBoolean isToEnd) throws Exception {
        String how = arguments[1];
        long[] sites = Arrays.stream(arguments)
                .skip(2)
                .mapToLong(Long::parseUnsignedLong)
                .toArray();
        int[] hits = new int[sites.length];
        long start = System.nanoTime();
        try (Session session = breakpoints.open()) {
            session.insert(sites);
            session.resume();
            System.err.println("set in " + (System.nanoTime() - start) / 1_000_000 + " ms");
            start = System.nanoTime();
            while (!isToEnd.get()) {
                if (session.awaitStop(A_WHILE)) {
                    boolean isStep = how.equals("step") || how.equals("both") && (hits[0] & 1) != 0;
                    int[] now = BreakpointRun.handle(session, isStep, sites);
                    for (int site = 0; site < sites.length; site++) {
                        hits[site] += now[site];
                    }
                    session.resume();
                }
            }
        }
        for (int site = 0; site < sites.length; site++) {
            System.out.println("hits " + hits[site]);
        }
        System.out.println("seconds " + (System.nanoTime() - start) / 1e9);
    }
}
