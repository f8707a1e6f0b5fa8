package dev.plumbline.extraction;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.CodeSketch;
import dev.plumbline.kernel.PatchPlaces;
import org.junit.jupiter.api.Test;

class TailReachTest {
    private static final String NOP = "0f1f440000";

    private final CodeSketch sketch = new CodeSketch();
    private final long[] sites = new long[5];

    private CallGraph graph() throws Exception {
        long target = CodeSketch.BASE;
        sketch.function("target").hex(NOP).hex("c3").upTo(0x10);
        sketch.function("straight").branch("e9", target).upTo(0x20);
        sketch.function("over").branch("e9", CodeSketch.BASE + 0x10).upTo(0x30);
        sketch.function("calling").branch("e8", target).hex("c3").upTo(0x40);
        site(0, "return").hex("c3cccccccc").upTo(0x50);
        site(1, "jump").branch("e9", target).upTo(0x60);
        site(2, "branch").branch("0f84", target).hex("c3").upTo(0x70);
        site(3, "nop").hex(NOP).hex("c3").upTo(0x80);
        site(4, "call").branch("e8", target).hex("c3").upTo(0x90);
        sketch.function("into").branch("e9", sites[0]).upTo(0xa0);
        sketch.function("plain").hex("c3").upTo(0xb0);
        sketch.function("pointer").hex("ffe0").upTo(0xc0);
        PatchPlaces places = new PatchPlaces(new long[0], new long[0], sites, new long[0]);
        return CallGraph.of(sketch.code(places), 1);
    }

    private CodeSketch site(int number, String name) {
        sketch.function(name);
        sites[number] = sketch.here();
        return sketch;
    }

    @Test
    void jumpsLeadWhereTheyGoOverOthers() throws Exception {
        CallGraph graph = graph();
        TailReach reach = new TailReach(graph);
        int target = number(graph, "target");

        assertThat(reach.leads(number(graph, "straight"), target)).isTrue();
        assertThat(reach.leads(number(graph, "over"), target)).isTrue();
        assertThat(reach.leads(number(graph, "calling"), target)).isFalse();
        assertThat(reach.leads(target, number(graph, "straight"))).isFalse();
    }

    @Test
    void whatEndsInAPointerOrAStaticCallMayLeadAnywhere() throws Exception {
        CallGraph graph = graph();
        TailReach reach = new TailReach(graph);

        for (String name : new String[] {"return", "jump", "branch", "into", "pointer"}) {
            assertThat(reach.leadsAnywhere(number(graph, name))).as(name).isTrue();
        }
        for (String name : new String[] {"target", "straight", "over", "calling", "nop", "call", "plain"}) {
            assertThat(reach.leadsAnywhere(number(graph, name))).as(name).isFalse();
        }
    }

    private static int number(CallGraph graph, String name) {
        return graph.functionNamed(name).orElseThrow();
    }
}
