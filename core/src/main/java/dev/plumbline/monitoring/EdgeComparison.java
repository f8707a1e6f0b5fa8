package dev.plumbline.monitoring;

import dev.plumbline.extraction.ObservedEdge;
import dev.plumbline.extraction.Reach;
import dev.plumbline.learning.Context;
import dev.plumbline.learning.ContextKind;
import dev.plumbline.learning.Model;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Compares the calls that a kernel makes for the first time with what the code as built can do, and with what a model
/// has seen it do.
///
/// - Code that is no known function, a caller in no known code, and a call that does not go where its instruction says
///   are [Severity#CRITICAL], whatever was learnt.
/// - Code of a module that was not there while learning is [Severity#HIGH] in a learnt system call or exception, and
///   [Severity#MEDIUM] elsewhere, but for system calls that load and unload modules. So is code that has gone
///   from where modules lie before it could be looked at, and a call through a pointer to a function of another type
///   than all that were seen to be called there ([CallKinds]).
/// - A new target of a pointer whose type cannot be told is [Severity#MEDIUM].
/// - What is left is new and possible: [Severity#LOW], one alert a context.
///
/// For one thread.
public final class EdgeComparison implements ObservedEdge.Sink {
    private static final Set<String> LOADING = Set.of("init_module", "finit_module", "delete_module");
    private static final String INIT_CALLER = "do_one_initcall+";
    private static final int MOST_NAMED = 4;
    private static final int MOST_PLACES = 1 << 14;

    private final Model model;
    private final LearntCalls learnt;
    private final CallKinds kinds;
    private final OwnCode own;
    private final TailCalls tails;
    private final Alert.Sink sink;
    private final Map<String, Set<String>> accepted = new HashMap<>();

    /// Tells code that is not in the graph and yet is the kernel's.
    public interface OwnCode {
        /// What the kernel has made while it runs, in a word or two: a trampoline of its tracer, a BPF program, a
        /// kprobe; empty if the address is in none.
        Optional<String> generated(long address);

        /// The module that the list of modules gives the address to now, be it that it has come just now.
        Optional<String> module(long address);

        /// Another module than this one that lies at the address, or lay there lately: calls may be told late.
        Optional<String> otherModule(long address, String module);

        /// Whether the address lies where modules and generated code lie, and nothing is there any more: what it was
        /// came and went between two looks.
        boolean isGone(long address);
    }

    /// Tells which functions are of one type.
    public interface Types {
        /// Numbers that stand for the types of the functions of a name, as [dev.plumbline.kernel.FunctionTypes#of]
        /// has them; none if they are not known.
        ///
        /// @param module whose function it is; empty for the kernel itself
        Set<Integer> of(String function, Optional<String> module);
    }

    /// Tells which functions can end in which others.
    public interface TailCalls {
        /// Whether the function of the first name can end with jumps to one of the second, or through a pointer
        /// anywhere.
        boolean lead(String from, String to);

        /// The functions that can end in the one of this name by direct jumps, itself among them.
        List<String> into(String to);
    }

    /// @param model what is normal
    /// @param types the types of functions
    /// @param own asked about callers in no known code
    /// @param tails asked about what returns to where something else was called
    /// @param sink takes the alerts
    public EdgeComparison(Model model, Types types, OwnCode own, TailCalls tails, Alert.Sink sink) {
        this.model = model;
        this.learnt = new LearntCalls(model);
        this.kinds = new CallKinds(types);
        this.own = own;
        this.tails = tails;
        this.sink = sink;
    }

    /// Whether there is nothing to say of a call, whenever it is made.
    public boolean isNormal(ObservedEdge edge) {
        return switch (edge.reach()) {
            case UNKNOWN_FUNCTION, UNKNOWN_CALLER, IMPOSSIBLE -> false;
            case DIRECT, POINTER, UNSEEN -> model.knows(edge);
        };
    }

    @Override
    public void edge(ObservedEdge edge) {
        switch (edge.reach()) {
            case UNKNOWN_FUNCTION -> unknownFunction(edge);
            case UNKNOWN_CALLER -> unknownCaller(edge);
            case IMPOSSIBLE -> impossible(edge);
            case DIRECT, POINTER, UNSEEN -> possible(edge);
        }
    }

    private void impossible(ObservedEdge edge) {
        Optional<String> known = LearntCalls.module(edge.caller());
        Optional<String> now = known.isPresent() ? own.module(edge.returnAddress()) : known;
        Optional<String> other = known.flatMap(name -> own.otherModule(edge.returnAddress(), name));
        if (now.equals(known) && other.isEmpty()) {
            raise(
                    edge,
                    Severity.CRITICAL,
                    Detector.STATIC_RULE,
                    "a call of " + edge.named() + " led to " + edge.function(),
                    new Evidence("call before " + edge.caller(), edge.named(), edge.function()));
        } else {
            // Where one has gone another has come, and the graph is of before, or of after.
            strange(edge, other.or(() -> now).orElse("that has come just now"), Set.of());
        }
    }

    private void unknownFunction(ObservedEdge edge) {
        Optional<String> module = own.module(edge.entry());
        if (module.isPresent()) {
            // Its functions get probes within a second, and then it is known where they run.
            raise(
                    edge,
                    Severity.LOW,
                    Detector.SET,
                    "module %s has come just now".formatted(module.get()),
                    new Evidence(edge.caller(), "", edge.function() + " of module " + module.get()));
        } else if (!isLoading(edge)) {
            unlistedFunction(edge);
        }
    }

    private void unlistedFunction(ObservedEdge edge) {
        Optional<String> owner = own.generated(edge.entry());
        if (owner.isPresent()) {
            raise(
                    edge,
                    Severity.LOW,
                    Detector.STATIC_RULE,
                    "the kernel calls %s of the guest's own".formatted(owner.get()),
                    new Evidence(edge.caller(), "", owner.get() + " at " + edge.function()));
        } else if (own.isGone(edge.entry())) {
            gone(edge);
        } else {
            raise(
                    edge,
                    Severity.CRITICAL,
                    Detector.STATIC_RULE,
                    edge.caller() + " calls code that is no known function",
                    new Evidence(edge.caller(), expected(edge), edge.function() + ", in no known function"));
        }
    }

    // A module's first function lies in memory that is given back before anybody looks.
    private static boolean isLoading(ObservedEdge edge) {
        return edge.caller().startsWith(INIT_CALLER) || edge.inSystemCall() && LOADING.contains(edge.context());
    }

    private void unknownCaller(ObservedEdge edge) {
        Optional<String> module = own.module(edge.returnAddress());
        if (module.isPresent()) {
            String place = "%s [%s]".formatted(edge.caller(), module.get());
            strange(edge.calledFrom(place), module.get(), Set.of());
            return;
        }
        if (isLoading(edge)) {
            strange(edge, "that is being loaded", Set.of());
            return;
        }
        Optional<String> owner = own.generated(edge.returnAddress());
        if (owner.isPresent()) {
            raise(
                    edge,
                    Severity.LOW,
                    Detector.STATIC_RULE,
                    owner.get() + " of the guest's own calls kernel functions",
                    new Evidence(edge.caller(), "", owner.get() + " calls " + edge.function()));
        } else if (own.isGone(edge.returnAddress())) {
            gone(edge);
        } else {
            raise(
                    edge,
                    Severity.CRITICAL,
                    Detector.STATIC_RULE,
                    edge.function() + " was called by code that belongs to no known function",
                    new Evidence("caller of " + edge.function(), "", edge.caller() + ", in no known code"));
        }
    }

    private void possible(ObservedEdge edge) {
        if (model.knows(edge)) {
            return;
        }
        Optional<String> stranger = stranger(edge.function()).or(() -> stranger(edge.caller()));
        Set<String> targets = learnt.targets(edge.caller());
        if (stranger.isPresent()) {
            strange(edge, stranger.get(), targets);
        } else if (edge.reach() == Reach.POINTER && !targets.isEmpty() && !isExplained(edge, targets)) {
            switch (kinds.match(edge.function(), targets)) {
                case OTHER -> hooked(edge, Severity.HIGH, targets);
                case UNKNOWN -> hooked(edge, Severity.MEDIUM, targets);
                case SAME -> news(edge);
            }
        } else {
            news(edge);
        }
    }

    // What a target of the pointer ends in is as good as the target.
    private boolean isExplained(ObservedEdge edge, Set<String> targets) {
        return targets.contains(edge.function())
                || leads(targets, edge)
                || leads(accepted.getOrDefault(edge.caller(), Set.of()), edge)
                || isEndOfKind(edge, targets);
    }

    // The one that the pointer led to may have held no probe at the moment, as while the guest's own tracer is made
    // room for.
    private boolean isEndOfKind(ObservedEdge edge, Set<String> targets) {
        return tails.into(edge.function()).stream()
                .anyMatch(
                        start -> !start.equals(edge.function()) && kinds.match(start, targets) == CallKinds.Match.SAME);
    }

    private boolean leads(Set<String> targets, ObservedEdge edge) {
        return targets.stream().anyMatch(target -> tails.lead(target, edge.function()));
    }

    private Optional<String> stranger(String name) {
        return LearntCalls.module(name).filter(module -> !learnt.hasModule(module));
    }

    // A module, most likely: one that nobody can look at any more.
    private void gone(ObservedEdge edge) {
        raise(
                edge,
                strangeness(edge),
                Detector.SET,
                "code that was gone before it could be looked at has run",
                new Evidence(edge.caller(), expected(edge), edge.function()));
    }

    private Severity strangeness(ObservedEdge edge) {
        Context context = Context.of(edge);
        boolean isGrave = learnt.hasContext(context)
                && (context.kind().isSystemCall() || context.kind() == ContextKind.EXCEPTION);
        return isLoading(edge) ? Severity.LOW : isGrave ? Severity.HIGH : Severity.MEDIUM;
    }

    private void strange(ObservedEdge edge, String module, Set<String> targets) {
        boolean isEntered = LearntCalls.module(edge.function()).equals(Optional.of(module));
        boolean isFromOutside = !LearntCalls.module(edge.caller()).equals(Optional.of(module));
        if (isEntered && isFromOutside && !targets.isEmpty() && !isLoading(edge)) {
            hooked(edge, strangeness(edge), targets);
            return;
        }
        raise(
                edge,
                strangeness(edge),
                Detector.SET,
                "code of module %s, which was not there while learning, runs in %s"
                        .formatted(module, Context.of(edge).title()),
                new Evidence(edge.caller(), expected(edge), edge.function()));
    }

    private void hooked(ObservedEdge edge, Severity severity, Set<String> targets) {
        accept(edge);
        raise(
                edge,
                severity,
                Detector.EDGE,
                "%s calls %s in place of %s".formatted(edge.caller(), edge.function(), named(targets)),
                new Evidence("pointer called before " + edge.caller(), named(targets), edge.function()));
    }

    private void accept(ObservedEdge edge) {
        if (edge.reach() == Reach.POINTER && (accepted.size() < MOST_PLACES || accepted.containsKey(edge.caller()))) {
            accepted.computeIfAbsent(edge.caller(), _ -> new HashSet<>()).add(edge.function());
        }
    }

    private void news(ObservedEdge edge) {
        accept(edge);
        Detector detector = model.knowsFunction(edge) ? Detector.EDGE : Detector.SET;
        raise(
                edge,
                Severity.LOW,
                detector,
                Context.of(edge).title() + " does what was not seen while learning",
                new Evidence(edge.caller(), expected(edge), edge.function()));
    }

    private String expected(ObservedEdge edge) {
        return edge.named().isEmpty() ? named(learnt.targets(edge.caller())) : edge.named();
    }

    private static String named(Set<String> targets) {
        String some = String.join(", ", targets.stream().limit(MOST_NAMED).toList());
        return targets.size() > MOST_NAMED ? some + " and %d more".formatted(targets.size() - MOST_NAMED) : some;
    }

    // Of a hook the function that is passed over is what a person looks for.
    private void raise(ObservedEdge edge, Severity severity, Detector detector, String title, Evidence evidence) {
        String hooked = evidence.expected().isEmpty() ? edge.function() : evidence.expected();
        sink.alert(new Alert(
                severity,
                detector,
                title,
                severity == Severity.LOW ? edge.function() : hooked,
                edge.isContextKnown() ? Optional.of(Context.of(edge)) : Optional.empty(),
                Optional.of(edge.task()),
                List.of(edge.caller(), edge.function()),
                List.of(evidence)));
    }
}
