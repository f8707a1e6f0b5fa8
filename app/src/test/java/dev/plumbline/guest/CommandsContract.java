package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/// The commands print what the guest says of itself, as the JSON contract has it and as text.
interface CommandsContract {
    int FEW_TASKS = 3;

    GuestUnderTest guest();

    int cpus();

    @Test
    default void inspectPrintsWhatTheGuestSays() throws IOException {
        Set<Integer> tasks = guest().says().tasks().keySet();
        JsonNode json =
                CommandRun.of("inspect", guest().vm(), "--json").succeeded().json();
        assertIsWhatTheGuestSays(json, guest().says(), tasks, cpus());
    }

    /// Makes sure that `inspect` of a guest without probes says the same as the guest.
    ///
    /// @param tasksBefore the tasks that were there just before: some of those may be gone by now
    static void assertIsWhatTheGuestSays(JsonNode json, GuestSays says, Set<Integer> tasksBefore, int cpus)
            throws IOException {
        assertCountsTasks(
                json.path("taskCount").asInt(), tasksBefore, says.tasks().keySet());
        assertThat(json.path("banner").asText()).isEqualTo(says.text("cat /proc/version"));
        assertThat(says.text(SymbolsContract.NOTES))
                .contains(SymbolsContract.BUILD_ID_NOTE + json.path("buildId").asText());
        assertThat(json.path("buildId").asText()).matches("[0-9a-f]{40}");
        assertThat(json.path("kaslrSlide").asText())
                .isEqualTo("0x" + Long.toHexString(says.addresses("_text")[0] - SymbolsContract.LINK_BASE));
        assertThat(json.path("vcpus").asInt()).isEqualTo(cpus);
        assertThat(json.path("symbolCount").asInt()).isEqualTo(number(says, "wc -l < /proc/kallsyms"));
        assertThat(json.path("probeSiteCount").asInt())
                .isEqualTo(number(says, "wc -l < /sys/kernel/tracing/available_filter_functions"));
        assertThat(json.path("indirectSites").asInt()).isPositive();
        assertThat(json.has("probes")).isTrue();
        assertThat(json.path("probes").isNull()).isTrue();
        List<String> modules = StreamSupport.stream(json.path("modules").spliterator(), false)
                .map(module -> "%s %d %s"
                        .formatted(
                                module.path("name").asText(),
                                module.path("sizeBytes").asLong(),
                                module.path("base").asText()))
                .toList();
        assertThat(modules).isEqualTo(says.modules());
    }

    /// What is there before and after is counted. Of others some may be, and a few that came and went in between.
    private static void assertCountsTasks(int counted, Set<Integer> before, Set<Integer> after) {
        Set<Integer> throughout = new HashSet<>(before);
        throughout.retainAll(after);
        Set<Integer> atAnyTime = new HashSet<>(before);
        atAnyTime.addAll(after);
        assertThat(counted)
                .as("tasks, of %s before and %s after", before, after)
                .isBetween(throughout.size(), atAnyTime.size() + FEW_TASKS);
    }

    private static int number(GuestSays says, String command) throws IOException {
        return Integer.parseInt(says.text(command));
    }

    @Test
    default void inspectPrintsTextInColumns() throws IOException {
        String text = CommandRun.of("inspect", guest().vm()).succeeded().out();
        assertThat(text).contains(guest().says().text("uname -r"), "KASLR slide", "probe sites");
        List<String> labelled =
                text.lines().filter(line -> !line.startsWith(" ")).toList();
        assertThat(labelled).hasSizeGreaterThan(9).allMatch(line -> line.matches(".{13} \\S.*"));
        List<String> modules =
                text.lines().filter(line -> line.startsWith("  ")).toList();
        assertThat(modules).hasSize(guest().says().modules().size() + 1);
        assertThat(modules.stream().map(line -> line.indexOf("0x")).skip(1).distinct())
                .as("where the addresses stand")
                .hasSize(1);
        assertThat(modules.stream().map(String::length).skip(1).distinct())
                .as("where the sizes end")
                .hasSize(1);
    }

    @Test
    default void callgraphPrintsCountsAndWhatSystemCallsReach() throws IOException {
        JsonNode whole =
                CommandRun.of("callgraph", guest().vm(), "--json").succeeded().json();
        assertThat(whole.path("functions").asInt()).isGreaterThan(40_000);
        assertThat(whole.path("directEdges").asInt()).isGreaterThan(200_000);
        assertThat(whole.path("indirectSites").asInt()).isGreaterThan(5_000);
        assertThat(whole.has("reachable")).isFalse();
        JsonNode from = CommandRun.of("callgraph", guest().vm(), "--from", "getdents64", "--json")
                .succeeded()
                .json();
        assertThat(from.path("reachable"))
                .extracting(JsonNode::asText)
                .contains("__x64_sys_getdents64", "iterate_dir")
                .hasSizeLessThan(whole.path("functions").asInt());
        assertThat(CommandRun.of("callgraph", guest().vm(), "--from", "getdents64", "--depth", "2")
                        .succeeded()
                        .out())
                .contains("__x64_sys_getdents64", "iterate_dir");
        CommandRun.of("callgraph", guest().vm(), "--from", "no_such_call").failed(1);
    }

    @Test
    default void vmsListsTheGuest() throws IOException {
        assertThat(CommandRun.of("vms", "--json").succeeded().json())
                .filteredOn(vm -> vm.path("name").asText().equals(guest().vm()))
                .singleElement()
                .matches(vm -> vm.path("pid").isNumber() && vm.has("qmpSocket") && !vm.has("missing"));
        List<String> table = CommandRun.of("vms").succeeded().out().lines().toList();
        assertThat(table.getFirst()).startsWith("GUEST ");
        assertThat(table)
                .filteredOn(line -> line.startsWith(guest().vm() + " "))
                .singleElement()
                .matches(line ->
                        line.indexOf("can be attached") == table.getFirst().indexOf("STATE"));
    }
}
