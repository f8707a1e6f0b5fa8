package dev.plumbline.learning;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Names of functions and places, numbered from 0. For one thread.
final class NameTable {
    /// Stands for a name that is not there, or that there is no room for.
    static final int NONE = -1;
    /// Longer ones are none of the kernel's: its symbols have up to 511 letters, its modules' names up
    /// to 55.
    static final int LONGEST = 640;

    private final int most;
    private final List<String> names;
    // Made when it is first asked for: a copy that is only written to a file needs none.
    private volatile Map<String, Integer> numbers;

    NameTable(int most) {
        this(most, new ArrayList<>());
    }

    private NameTable(int most, List<String> names) {
        this.most = most;
        this.names = names;
    }

    /// The same as it is now. Its names are not to be added to.
    NameTable copy() {
        return new NameTable(most, List.copyOf(names));
    }

    int count() {
        return names.size();
    }

    String name(int number) {
        return names.get(number);
    }

    /// All of them, in the order of their numbers.
    List<String> all() {
        return Collections.unmodifiableList(names);
    }

    int find(String name) {
        return numbers().getOrDefault(name, NONE);
    }

    int findOrAdd(String name) {
        Integer known = numbers().get(name);
        if (known != null) {
            return known;
        }
        if (names.size() == most || name.length() > LONGEST) {
            return NONE;
        }
        numbers().put(name, names.size());
        names.add(name);
        return names.size() - 1;
    }

    private Map<String, Integer> numbers() {
        Map<String, Integer> known = numbers;
        if (known == null) {
            Map<String, Integer> made = new HashMap<>();
            for (int number = 0; number < names.size(); number++) {
                made.put(names.get(number), number);
            }
            numbers = made;
            return made;
        }
        return known;
    }
}
