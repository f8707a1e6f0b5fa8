package dev.plumbline.learning;

import dev.plumbline.extraction.ObservedEdge;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// What is normal for one kernel build. Immutable and safe for threads.
public final class Model {
    private final ModelTables tables;
    private volatile Map<Context, ContextModel> contexts;

    /// @param tables nobody changes them any more
    Model(ModelTables tables) {
        this.tables = tables;
    }

    ModelTables tables() {
        return tables;
    }

    /// The linker's build id of the kernel it is of, in hexadecimal: the same for each boot of one build.
    public String buildId() {
        return tables.buildId;
    }

    /// What /proc/version said of that kernel.
    public String banner() {
        return tables.banner;
    }

    /// Makes sure that a kernel is of the build that this is the model of.
    ///
    /// @param what names this model in the message, its file for instance
    /// @throws ModelException if it is not
    public void verifyIsOf(String kernelBuildId, String what) throws ModelException {
        if (!buildId().equals(kernelBuildId)) {
            throw new ModelException(
                    "%s is of another kernel build (%s, build id %s) than the guest (%s): learn a model of this one"
                            .formatted(what, release(), brief(buildId()), brief(kernelBuildId)));
        }
    }

    private String release() {
        String[] words = banner().split(" ", 4);
        return words.length > 2 ? words[2] : "unknown release";
    }

    private static String brief(String id) {
        return id.length() > 12 ? id.substring(0, 12) + "…" : id;
    }

    /// The models of all contexts, by context.
    public Map<Context, ContextModel> contexts() {
        Map<Context, ContextModel> known = contexts;
        if (known == null) {
            known = makeContexts();
            contexts = known;
        }
        return known;
    }

    private Map<Context, ContextModel> makeContexts() {
        int count = tables.contexts.size();
        int[][] functions = byContext(tables.items(Method.SET), count);
        int[][] edges = byContext(tables.items(Method.EDGE), count);
        int[][] paths = byContext(tables.items(Method.PATH), count);
        Map<Context, ContextModel> made = new TreeMap<>();
        for (int number = 0; number < count; number++) {
            ContextModel model = new ContextModel(tables, number, functions[number], edges[number], paths[number]);
            made.put(model.context(), model);
        }
        return Collections.unmodifiableMap(made);
    }

    private static int[][] byContext(ItemTable items, int contexts) {
        int[] counts = new int[contexts];
        for (int item = 0; item < items.count(); item++) {
            counts[items.contexts[item]]++;
        }
        int[][] result = new int[contexts][];
        for (int context = 0; context < contexts; context++) {
            result[context] = new int[counts[context]];
        }
        for (int item = items.count() - 1; item >= 0; item--) {
            int context = items.contexts[item];
            result[context][--counts[context]] = item;
        }
        return result;
    }

    /// The model of one context, if anything of it was learnt.
    public Optional<ContextModel> context(Context context) {
        return Optional.ofNullable(contexts().get(context));
    }

    /// Whether an edge of edge mode is normal: known in its context, or in one that can look like it
    /// there.
    ///
    /// Edge mode tells contexts by the stack and by the system call number that lies on it. Exceptions,
    /// what is done on the way to user mode or before a task first gets there, and the ends of
    /// interrupts, all on the task's stack, bear the number of a system call, or none. Of 32-bit calls
    /// it knows no names: any of them will do.
    ///
    /// The way into a system call ([ObservedEdge#isDispatch]) is in no flow, and always normal. Of an edge
    /// whose context is not known any will do.
    public boolean knows(ObservedEdge edge) {
        return edge.isDispatch()
                || modelsFor(edge).stream().anyMatch(each -> each.knowsEdge(edge.caller(), edge.function()));
    }

    /// Whether the function of such an edge was seen to run in its context, or in one that can look like it
    /// there.
    public boolean knowsFunction(ObservedEdge edge) {
        return modelsFor(edge).stream().anyMatch(each -> each.knowsFunction(edge.function()));
    }

    private Collection<ContextModel> modelsFor(ObservedEdge edge) {
        return edge.isContextKnown() ? modelsFor(Context.of(edge)) : contexts().values();
    }

    /// The models that what edge mode says of this context may be of: the context's first, then those of
    /// what can look like it.
    public List<ContextModel> modelsFor(Context own) {
        List<ContextModel> models = new ArrayList<>();
        context(own).ifPresent(models::add);
        for (ContextModel each : contexts().values()) {
            Context other = each.context();
            boolean isAny32 = own.kind() == ContextKind.SYSTEM_CALL_32
                    && own.name().isEmpty()
                    && other.kind() == ContextKind.SYSTEM_CALL_32;
            boolean isBeside = switch (other.kind()) {
                case INTERRUPT, EXCEPTION, NEW_TASK, OTHER -> true;
                case SYSTEM_CALL, SYSTEM_CALL_32, KERNEL_THREAD -> false;
            };
            if (!other.equals(own) && (isAny32 || isBeside)) {
                models.add(each);
            }
        }
        return models;
    }

    /// The modules that were loaded while it was learnt, be it that they ran or not; ascending.
    public Set<String> modules() {
        return Collections.unmodifiableSet(tables.modules);
    }

    /// How many flows of system calls were learnt from.
    public long systemCallCount() {
        return tables.flowCount(ContextKind::isSystemCall);
    }

    /// How many flows were learnt from.
    public long flowCount() {
        return tables.flowCount(_ -> true);
    }

    /// How many calls were in these flows.
    public long callCount() {
        return tables.calls;
    }

    /// How many items of a method are known, summed over contexts.
    public int count(Method method) {
        return tables.items(method).count();
    }

    /// How likely the next system call shows something new.
    public Unseen unseen() {
        return tables.unseen(ContextKind::isSystemCall);
    }

    /// How likely the next flow of any kind shows something new.
    public Unseen unseenOfAll() {
        return tables.unseen(_ -> true);
    }

    /// What was seen and is not in it.
    public Losses losses() {
        return tables.losses;
    }

    /// What either knows, with the counts of both added. The estimates of what is unseen are those that
    /// learning all flows in one go would have given, provided that no flow was learnt into both.
    ///
    /// @throws ModelException if they are of different builds
    public Model merge(Model other) throws ModelException {
        other.verifyMergesWith(this, "one of them");
        ModelTables sum = ModelSum.of(this);
        ModelSum.add(sum, other.tables);
        return new Model(sum);
    }

    /// Makes sure that this is of the same build as another model.
    ///
    /// @param what names this model in the message, its file for instance
    /// @throws ModelException if it is not
    public void verifyMergesWith(Model other, String what) throws ModelException {
        if (!buildId().equals(other.buildId())) {
            throw new ModelException("models of different kernel builds do not merge: %s is of %s (build id %s), not %s"
                    .formatted(what, release(), brief(buildId()), brief(other.buildId())));
        }
    }
}
