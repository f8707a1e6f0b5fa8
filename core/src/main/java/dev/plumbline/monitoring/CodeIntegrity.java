package dev.plumbline.monitoring;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelFormatException;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.probe.WrittenCode;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/// Reads the code of the kernel and its modules, the kernel's read-only data, the probes and the recorder again and
/// again, and raises an alert where something is not as it was before any probe was set and the kernel does not itself
/// change it: static keys, static calls, the function tracer, kprobes. With that it looks who uses the function tracer
/// and kprobes, and for modules that hide.
///
/// What was wrong before it first looked is taken as it is, but for entries that lead where no tracer is, and hidden
/// modules. A place is reported once, and again when it is changed again. For one thread, that of the probes.
public final class CodeIntegrity {
    private final LinuxKernel kernel;
    private final Alert.Sink sink;
    private final KernelPlaces places;
    private final TextIntegrity text;
    private final ReadOnlyData data;
    private final TracerUsers users;
    private final HiddenModules modules;
    private final Set<String> unreadable = new HashSet<>();

    /// Takes the kernel as it is for what it is to be.
    ///
    /// @param graph of the code as it was read before any probe was set
    /// @param sink takes alerts, while [#look] runs
    /// @throws GuestException if the guest cannot be read, or there is no disassembler
    public CodeIntegrity(LinuxKernel kernel, CallGraph graph, Alert.Sink sink) throws GuestException {
        this.kernel = kernel;
        this.sink = sink;
        this.places = new KernelPlaces(kernel, graph);
        this.text = new TextIntegrity(kernel, places);
        this.data = new ReadOnlyData(kernel, places);
        this.users = new TracerUsers(kernel, places);
        this.modules = new HiddenModules(kernel);
    }

    /// From now on the code is this: modules have come or gone.
    ///
    /// @param graph of code that was read before probes were set in it
    public void codeChanged(CallGraph graph) {
        long nanos = System.nanoTime();
        Set<String> names = graph.regions().stream().map(CodeRegion::owner).collect(Collectors.toSet());
        places.graph().regions().stream()
                .filter(region -> !names.contains(region.owner()))
                .forEach(region -> modules.depart(region, nanos));
        graph.regions().forEach(modules::join);
        places.use(graph);
        text.use(graph);
    }

    /// Looks at everything once; call it more than once a second.
    ///
    /// @param written what the probes' engine has written until now
    /// @throws GuestException if the guest cannot be reached
    public void look(WrittenCode written) throws GuestException {
        kernel.addressSpace().forgetTranslations();
        places.forget();
        long nanos = System.nanoTime();
        look("tables of patched code", () -> text.look(written, nanos, sink));
        look("read-only data", () -> data.look(sink));
        look("lists of kprobes and of the function tracer's users", () -> users.look(sink));
        look("lists of modules", () -> modules.look(nanos, sink));
    }

    private interface Part {
        void look() throws GuestException;
    }

    // Whoever spoils what is read here does not end the watch with it.
    private void look(String what, Part part) throws GuestException {
        try {
            part.look();
        } catch (KernelFormatException | UnreadableMemoryException e) {
            if (unreadable.add(what)) {
                sink.alert(new Alert(
                        Severity.HIGH,
                        Detector.STATIC_RULE,
                        "the kernel's %s make no sense".formatted(what),
                        what,
                        Optional.empty(),
                        Optional.empty(),
                        List.of(),
                        List.of(new Evidence(what, "", KernelPlaces.plain(e.getMessage())))));
            }
        }
    }
}
