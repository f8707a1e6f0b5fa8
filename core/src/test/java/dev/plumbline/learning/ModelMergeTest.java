package dev.plumbline.learning;

import static dev.plumbline.learning.ModelFileTest.contents;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.plumbline.kernel.KernelIdentity;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Models of random workloads: adding models is adding what was learnt.
@Timeout(120)
class ModelMergeTest {
    private static final long SEED = 20_260_108;
    private static final int ROUNDS = 60;

    private final Random random = new Random(SEED);

    /// What a task does, by number.
    private static void act(SketchWorkload workload, int action) {
        switch (action) {
            case 0 -> workload.read("ext4_read");
            case 1 -> workload.read("proc_read");
            case 2 -> workload.read("copy");
            case 3 -> workload.read("tick");
            case 4 -> workload.open(true);
            case 5 -> workload.open(false);
            case 6 -> workload.lockOnly();
            case 7 -> workload.read("ext4_read").fault();
            case 8 -> workload.work();
            default -> workload.interrupt();
        }
    }

    private static Model learn(List<Integer> actions) throws Exception {
        Learner learner = new Learner(SketchWorkload.IDENTITY);
        SketchWorkload workload = new SketchWorkload(learner);
        actions.forEach(action -> act(workload, action));
        workload.finish();
        return learner.model(0);
    }

    // Some actions are rare, so that there is something that only one of the models has seen.
    private List<Integer> actions() {
        int count = random.nextInt(25);
        return IntStream.range(0, count)
                .map(_ -> (int) Math.min(9, Math.abs(random.nextGaussian()) * 4))
                .boxed()
                .toList();
    }

    /// The contents in an order that does not depend on what was seen first.
    private static Map<Context, List<String>> sorted(Model model) {
        Map<Context, List<String>> sorted = new TreeMap<>();
        model.contexts().forEach((context, each) -> {
            List<String> lines = new ArrayList<>(List.of(each.flowCount() + " " + each.unseen()));
            each.functions().forEach(function -> lines.add(function.toString()));
            each.edges().forEach(edge -> lines.add(edge.toString()));
            List<LearntPath> paths = each.paths();
            for (LearntPath path : paths) {
                StringBuilder names = new StringBuilder(path.calls() + " " + path.flows());
                for (LearntPath at = path; at != null; at = at.parent() < 0 ? null : paths.get(at.parent())) {
                    names.append(" < ").append(at.function());
                }
                lines.add(names.toString());
            }
            sorted.put(context, lines.stream().sorted().collect(Collectors.toList()));
        });
        return sorted;
    }

    @Test
    void mergingIsLearningAllInOneGoInEitherOrder() throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            List<Integer> some = actions();
            List<Integer> others = actions();
            List<Integer> all = new ArrayList<>(some);
            all.addAll(others);
            Model merged = learn(some).merge(learn(others));
            assertThat(sorted(merged))
                    .as("round %d of seed %d", round, SEED)
                    .isEqualTo(sorted(learn(all)))
                    .isEqualTo(sorted(learn(others).merge(learn(some))));
            assertThat(merged.callCount()).isEqualTo(learn(all).callCount());
            assertThat(merged.unseenOfAll().path())
                    .isCloseTo(learn(all).unseenOfAll().path(), within(1e-12));
        }
    }

    @Test
    void mergingAddsCountsAndChangesNoneOfTheTwo() throws Exception {
        Model one = learn(List.of(0, 0, 1, 4));
        Model other = learn(List.of(0, 2, 5, 9));
        String before = contents(one) + contents(other);
        Model sum = one.merge(other).merge(one);
        assertThat(contents(one) + contents(other)).isEqualTo(before);
        assertThat(sum.flowCount()).isEqualTo(2 * one.flowCount() + other.flowCount());
        ContextModel read = sum.context(SketchWorkload.READ).orElseThrow();
        assertThat(read.functions())
                .contains(
                        new LearntFunction("ext4_read", 5, 5),
                        new LearntFunction("proc_read", 2, 2),
                        new LearntFunction("copy", 1, 1));
    }

    @Test
    void modelsOfDifferentBuildsDoNotMerge() throws Exception {
        Learner other = new Learner(new KernelIdentity("Linux version 6.12.0", "00c0ffee", "0123456789abcdef"));
        assertThatThrownBy(() -> learn(List.of(1)).merge(other.model(0)))
                .isInstanceOf(ModelException.class)
                .hasMessageContaining("different kernel builds");
    }

    @Test
    void differencesAreWhatOnlyOneKnows() throws Exception {
        Model one = learn(List.of(0, 1, 4));
        Model other = learn(List.of(0, 5, 9));
        List<ModelDifference> missing = ModelDifference.between(one, other);
        assertThat(missing).extracting(each -> each.context().title()).containsExactly("open", "read");
        assertThat(missing.get(0).functions()).containsExactly("finish");
        assertThat(missing.get(1).functions()).containsExactly("proc_read");
        assertThat(missing.get(1).edges()).extracting(LearntEdge::function).containsExactly("proc_read", "lock");
        assertThat(missing.get(1).pathCount()).isEqualTo(2);
        assertThat(ModelDifference.between(other, one))
                .extracting(each -> each.context().kind())
                .containsExactly(ContextKind.INTERRUPT);
        assertThat(ModelDifference.between(one, one.merge(other))).isEmpty();
        assertThat(ModelDifference.between(one, one)).isEmpty();
    }
}
