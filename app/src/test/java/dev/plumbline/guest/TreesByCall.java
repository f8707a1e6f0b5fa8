package dev.plumbline.guest;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// The system calls of `fixed-calls` as one tracer saw them: for each place in the program, which trees there were and
/// how often; and who called whom.
final class TreesByCall {
    /// Begins a round, and tells the program's first task from its children.
    private static final String ROUND = "sched_get_priority_max";
    /// What a child does first.
    private static final String CHILD = "sys_getppid";

    private final Map<String, Map<String, Integer>> trees = new TreeMap<>();
    private final Map<String, Set<Integer>> edges = new HashMap<>();
    private int rounds;
    private int sections;

    /// Adds a task.
    ///
    /// @param calls the functions of its system calls, in order
    void add(List<RanFunction> calls) {
        boolean isChild = calls.stream().noneMatch(call -> call.name().endsWith(ROUND));
        String part = isChild ? "child" : "start";
        int number = 0;
        sections++;
        for (RanFunction call : calls) {
            if (call.name().endsWith(ROUND) || isChild && call.name().endsWith(CHILD)) {
                part = isChild ? "child" : "round";
                number = 0;
                rounds += isChild ? 0 : 1;
                sections++;
            }
            String place = "%s %02d %s".formatted(part, number++, call.name());
            trees.computeIfAbsent(place, _ -> new HashMap<>())
                    .merge(SlowPaths.tree(call).text(), 1, Integer::sum);
            addEdges(SlowPaths.calls(call));
        }
    }

    private void addEdges(RanFunction caller) {
        for (RanFunction callee : caller.callees()) {
            edges.computeIfAbsent(caller.name() + " > " + callee.name(), _ -> new HashSet<>())
                    .add(sections);
            addEdges(callee);
        }
    }

    int rounds() {
        return rounds;
    }

    /// The places that most rounds, or most children, have.
    List<String> places() {
        return trees.keySet().stream()
                .filter(place -> !place.startsWith("start") && count(place) > rounds / 2)
                .toList();
    }

    int count(String place) {
        return at(place).values().stream().mapToInt(Integer::intValue).sum();
    }

    private Map<String, Integer> at(String place) {
        return trees.getOrDefault(place, Map.of());
    }

    /// How often the place had this tree.
    int count(String place, String tree) {
        return at(place).getOrDefault(tree, 0);
    }

    /// The tree a place had most often.
    String usual(String place) {
        return at(place).entrySet().stream()
                .max(Comparator.comparingInt((Map.Entry<String, Integer> entry) -> entry.getValue())
                        .thenComparing(Map.Entry::getKey))
                .map(Map.Entry::getKey)
                .orElse("none");
    }

    /// Calls, `caller > callee`, seen in most rounds or lives of children that `other` has never seen.
    Set<String> unknownTo(TreesByCall other) {
        int leastRounds = rounds * 2 / 3;
        Set<String> unknown = new TreeSet<>();
        edges.forEach((edge, where) -> {
            if (where.size() >= leastRounds && !other.edges.containsKey(edge)) {
                unknown.add(edge);
            }
        });
        unknown.removeAll(SlowPaths.ONE_SIDED.keySet());
        return unknown;
    }

    /// Where two trees part, with what stands around it.
    static List<String> parting(String one, String other) {
        int at = 0;
        while (at < one.length() && at < other.length() && one.charAt(at) == other.charAt(at)) {
            at++;
        }
        List<String> texts = new ArrayList<>();
        for (String text : List.of(one, other)) {
            texts.add(text.substring(Math.max(0, at - 120), Math.min(text.length(), at + 120)));
        }
        return texts;
    }
}
