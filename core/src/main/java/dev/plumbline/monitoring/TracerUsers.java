package dev.plumbline.monitoring;

import dev.plumbline.kernel.FtraceUser;
import dev.plumbline.kernel.Kprobe;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Who uses the kernel's function tracer and its kprobes. What is the kernel's own serves its administrator: the
/// tracer of tracefs, BPF, live patches. A module that has itself called can lead functions elsewhere.
final class TracerUsers {
    private static final String OWN_TRACER = "the guest's own function tracer is in use";
    private static final String OWN_KPROBES = "the guest's own kprobes are in use";

    private final LinuxKernel kernel;
    private final KernelPlaces places;
    private final Set<String> told = new HashSet<>();
    private final Set<Called> known = new HashSet<>();

    TracerUsers(LinuxKernel kernel, KernelPlaces places) {
        this.kernel = kernel;
        this.places = places;
    }

    /// Code that is called from places.
    private record Called(long handler, List<Long> sites, boolean moreSites, boolean byKprobe) {}

    void look(Alert.Sink sink) throws GuestException {
        Set<Called> now = called();
        known.retainAll(now);
        if (known.containsAll(now)) {
            return;
        }
        // Read once more: what is being freed just now can look like anything.
        now.retainAll(called());
        for (Called each : now) {
            if (known.add(each)) {
                judge(each, sink);
            }
        }
    }

    private Set<Called> called() throws GuestException {
        Set<Called> called = new HashSet<>();
        for (FtraceUser user : kernel.ftraceUsers()) {
            called.add(new Called(user.function(), user.sites(), user.moreSites(), false));
        }
        for (Kprobe kprobe : kernel.kprobeHandlers()) {
            for (long handler : kprobe.handlers()) {
                called.add(new Called(handler, List.of(kprobe.address()), false, true));
            }
        }
        return called;
    }

    private void judge(Called called, Alert.Sink sink) throws GuestException {
        switch (places.owner(called.handler())) {
            case KERNEL, GENERATED -> tellOnce(called, sink);
            case MODULE -> sink.alert(alert(Severity.HIGH, called));
            case NOBODY -> sink.alert(alert(Severity.CRITICAL, called));
        }
    }

    private void tellOnce(Called called, Alert.Sink sink) throws GuestException {
        String title = called.byKprobe() ? OWN_KPROBES : OWN_TRACER;
        if (told.add(title)) {
            String handler = places.name(called.handler());
            sink.alert(alert(
                    Severity.LOW, title, handler, List.of(new Evidence("what it calls", "", handler + at(called)))));
        }
    }

    private Alert alert(Severity severity, Called called) throws GuestException {
        List<String> functions = functions(called);
        String handler = places.name(called.handler());
        String title = "%s has %s call %s"
                .formatted(
                        severity == Severity.CRITICAL ? "code of no module" : "a module",
                        called.byKprobe()
                                ? "a kprobe in " + functions.getFirst()
                                : functions.getFirst() + (functions.size() > 1 ? " and others" : ""),
                        handler);
        return alert(
                severity,
                title,
                functions.getFirst(),
                List.of(new Evidence(
                        called.byKprobe() ? "kprobe" : "function tracer",
                        "nothing of a module's is called",
                        handler + at(called))));
    }

    private static Alert alert(Severity severity, String title, String function, List<Evidence> evidence) {
        return new Alert(
                severity,
                Detector.STATIC_RULE,
                title,
                function,
                Optional.empty(),
                Optional.empty(),
                List.of(),
                evidence);
    }

    private String at(Called called) throws GuestException {
        List<String> names = new ArrayList<>();
        for (long site : called.sites()) {
            names.add(places.name(site));
        }
        return names.isEmpty()
                ? " at all functions"
                : " at " + String.join(", ", names) + (called.moreSites() ? " and more" : "");
    }

    private List<String> functions(Called called) throws GuestException {
        List<String> functions = new ArrayList<>();
        for (long site : called.sites()) {
            functions.add(places.functionAround(site));
        }
        return functions.isEmpty() ? List.of("all functions") : functions;
    }
}
