package dev.plumbline.guest;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The system calls of `fixed-calls` as one tracer saw them: for each place in the program, which trees there were and
/// how often.
final class TreesByCall {
    /// Begins a round, and tells the program's first task from its children.
    private static final String ROUND = "sched_get_priority_max";

    private final Map<String, Map<String, Integer>> trees = new TreeMap<>();
    private int rounds;

    /// Adds a task.
    ///
    /// @param calls the functions of its system calls, in order
    void add(List<RanFunction> calls) {
        boolean isChild = calls.stream().noneMatch(call -> call.name().endsWith(ROUND));
        String part = isChild ? "child" : "start";
        int number = 0;
        for (RanFunction call : calls) {
            if (call.name().endsWith(ROUND)) {
                part = "round";
                number = 0;
                rounds++;
            }
            String place = "%s %02d %s".formatted(part, number++, call.name());
            trees.computeIfAbsent(place, _ -> new HashMap<>()).merge(call.text(), 1, Integer::sum);
        }
    }

    int rounds() {
        return rounds;
    }

    /// The places that every round or child has.
    List<String> places() {
        return trees.keySet().stream()
                .filter(place -> !place.startsWith("start"))
                .filter(place -> count(place) > rounds / 2)
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

    /// The tree seen most often.
    String usual(String place) {
        return at(place).entrySet().stream()
                .max(Comparator.comparingInt((Map.Entry<String, Integer> entry) -> entry.getValue())
                        .thenComparing(Map.Entry::getKey))
                .map(Map.Entry::getKey)
                .orElse("none");
    }

    /// All trees of a place, the usual one first.
    List<String> all(String place) {
        List<String> all = new ArrayList<>(at(place).keySet());
        all.sort(Comparator.comparingInt((String tree) -> -count(place, tree)));
        return all;
    }
}
