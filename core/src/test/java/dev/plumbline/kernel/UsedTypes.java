package dev.plumbline.kernel;

import dev.plumbline.kernel.StructLayout.Member;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// Which structures and members the readers of a kernel have asked its types for, and what they were told.
public final class UsedTypes {
    private UsedTypes() {}

    /// By structure, then by path of the member; empty for members that were found not to be there.
    public static Map<String, Map<String, Optional<Member>>> of(Btf types) {
        Map<String, Map<String, Optional<Member>>> used = new TreeMap<>();
        types.askedFor().forEach((name, layout) -> used.put(name, new TreeMap<>(layout.askedFor())));
        return used;
    }
}
