package dev.plumbline.guest;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What two large collections do not have in common, short enough to be read.
final class Differences {
    private static final int SHOWN = 10;

    private Differences() {}

    /// The first elements that only one side has, counted as often as they occur; empty if both are the same multiset.
    static <T> List<String> between(Collection<T> expected, Collection<T> found) {
        Map<T, Integer> balance = new HashMap<>();
        expected.forEach(element -> balance.merge(element, 1, Integer::sum));
        found.forEach(element -> balance.merge(element, -1, Integer::sum));
        balance.values().removeIf(count -> count == 0);
        List<String> differences = new ArrayList<>();
        balance.entrySet().stream()
                .limit(SHOWN)
                .forEach(entry ->
                        differences.add((entry.getValue() > 0 ? "missing: " : "not there: ") + entry.getKey()));
        if (balance.size() > SHOWN) {
            differences.add("and " + (balance.size() - SHOWN) + " more");
        }
        return differences;
    }
}
