package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.List;
import java.util.stream.StreamSupport;

/// What the commands say of a guest that nothing disturbs, to compare with what they say of it while something does.
///
/// @param inspect of `inspect`, without what changes while a guest runs
/// @param callgraph of `callgraph`
record Answers(JsonNode inspect, JsonNode callgraph) {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final String CALL = "getdents64";

    /// Asks a guest that is left alone.
    static Answers of(String vm) throws Exception {
        return new Answers(
                lasting(look(vm, 0).succeeded()), look(vm, 1).succeeded().json());
    }

    /// One look at a guest, which takes no longer than it may: even ones inspect, odd ones draw the call graph.
    static CommandRun look(String vm, int number) {
        CommandRun run = number % 2 == 0
                ? CommandRun.of("inspect", vm, "--json")
                : CommandRun.of("callgraph", vm, "--from", CALL, "--json");
        assertThat(run.took()).isLessThan(LIMIT);
        return run;
    }

    /// Makes sure that a run that succeeded says the same.
    void compare(CommandRun run) throws Exception {
        if (run.arguments().contains("inspect")) {
            assertThat(lasting(run)).isEqualTo(inspect);
        } else {
            assertThat(run.json()).isEqualTo(callgraph);
        }
    }

    /// Whether it is of this boot of the kernel.
    boolean isOfThisBoot(CommandRun run) throws Exception {
        return run.json().path("textBase").equals(inspect.path("textBase"));
    }

    /// Makes sure that it says the same, unless it is of a moment at which this kernel had not all its modules yet: one
    /// that is being initialised is larger than afterwards.
    void compareBooted(CommandRun run) throws Exception {
        if (run.json().path("modules").equals(inspect.path("modules"))) {
            compare(run);
            return;
        }
        assertThat(modules(inspect)).containsAll(modules(run.json()));
        for (String field : List.of("banner", "buildId", "textBase", "systemCallCount")) {
            assertThat(run.json().path(field)).isEqualTo(inspect.path(field));
        }
    }

    /// Where the kernel lies.
    String slide() {
        return inspect.path("kaslrSlide").asText();
    }

    private static List<String> modules(JsonNode json) {
        return StreamSupport.stream(json.path("modules").spliterator(), false)
                .map(module -> module.path("name") + " at " + module.path("base"))
                .toList();
    }

    private static JsonNode lasting(CommandRun run) throws Exception {
        ObjectNode json = (ObjectNode) run.json();
        assertThat(json.remove("taskCount").asInt()).isGreaterThan(10);
        return json;
    }
}
