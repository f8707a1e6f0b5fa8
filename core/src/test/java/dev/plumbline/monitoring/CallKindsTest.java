package dev.plumbline.monitoring;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.monitoring.CallKinds.Match;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CallKindsTest {
    private static final Map<String, Set<Integer>> KERNEL =
            Map.of("ext4_read", Set.of(11), "commit", Set.of(12), "both", Set.of(11, 12), "fuse_plain", Set.of(12));
    private static final Map<String, Set<Integer>> FUSE =
            Map.of("fuse_read", Set.of(11), "fuse_commit", Set.of(12), "ext4_read", Set.of(12));

    private final CallKinds kinds = new CallKinds(CallKindsTest::types);

    private static Set<Integer> types(String function, Optional<String> module) {
        Map<String, Set<Integer>> of = module.isEmpty() ? KERNEL : module.get().equals("fuse") ? FUSE : Map.of();
        return of.getOrDefault(function, Set.of());
    }

    @Test
    void functionsOfModulesAreComparedWithAllOthers() {
        assertThat(kinds.match("fuse_read [fuse]", List.of("commit", "ext4_read")))
                .isEqualTo(Match.SAME);
        assertThat(kinds.match("fuse_commit [fuse]", List.of("ext4_read"))).isEqualTo(Match.OTHER);
        assertThat(kinds.match("ext4_read", List.of("fuse_read [fuse]"))).isEqualTo(Match.SAME);
        assertThat(kinds.match("fuse_commit [fuse]", List.of("fuse_read [fuse]")))
                .isEqualTo(Match.OTHER);
        assertThat(kinds.match("both", List.of("fuse_commit [fuse]"))).isEqualTo(Match.SAME);
    }

    @Test
    void aNameIsThatOfItsOwnModule() {
        assertThat(kinds.match("ext4_read [fuse]", List.of("ext4_read"))).isEqualTo(Match.OTHER);
        assertThat(kinds.match("fuse_read", List.of("ext4_read"))).isEqualTo(Match.UNKNOWN);
    }

    @Test
    void modulesWithoutTypesAreNotKnown() {
        assertThat(kinds.match("read [evil]", List.of("ext4_read"))).isEqualTo(Match.UNKNOWN);
        assertThat(kinds.match("ext4_read [evil]", List.of("ext4_read"))).isEqualTo(Match.UNKNOWN);
        assertThat(kinds.match("ext4_read", List.of("read [evil]"))).isEqualTo(Match.UNKNOWN);
    }

    @Test
    void variantsOfFunctionsAreOfTheirTypes() {
        assertThat(kinds.match("fuse_read.isra.0 [fuse]", List.of("ext4_read.cold")))
                .isEqualTo(Match.SAME);
        assertThat(kinds.match("fuse_plain.isra.0 [fuse]", List.of("commit"))).isEqualTo(Match.UNKNOWN);
    }
}
