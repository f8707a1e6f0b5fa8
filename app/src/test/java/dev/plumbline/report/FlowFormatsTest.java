package dev.plumbline.report;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static dev.plumbline.extraction.SketchKernel.tail;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.plumbline.extraction.FlowBuilder;
import dev.plumbline.extraction.FlowSink;
import dev.plumbline.extraction.SketchKernel;
import dev.plumbline.extraction.TaskIdentity;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FlowFormatsTest {
    private static final long TASK = 0xffff888000010000L;
    private static final long STACK = 0xffffc90000000000L;
    private static final TaskIdentity LS = new TaskIdentity(812, 800, "l\ns", false, STACK);
    private static final TraceSummary SUMMARY = new TraceSummary(1234, 5, 3, 2.5);

    private final SketchKernel kernel = new SketchKernel();
    private final StringWriter printed = new StringWriter();

    @BeforeEach
    void build() throws Exception {
        kernel.function("do_syscall_64", call("__x64_sys_getdents64"))
                .function("__x64_sys_getdents64", call("fdget"), call("iterate_dir"))
                .function("__x64_sys_close")
                .function("fdget", tail("fget"))
                .function("fget")
                .function("iterate_dir", indirect(), call("touch"))
                .function("touch")
                .function("readdir")
                .function("sysvec_timer", call("tick"))
                .function("tick")
                .build();
    }

    private void trace(FlowSink sink) {
        FlowBuilder builder = new FlowBuilder(kernel.code(), _ -> LS, 1, sink);
        event(builder, "__x64_sys_getdents64", "do_syscall_64", 0, 200);
        event(builder, "fdget", "__x64_sys_getdents64", 0, 300);
        event(builder, "fget", "__x64_sys_getdents64", 0, 300);
        event(builder, "iterate_dir", "__x64_sys_getdents64", 1, 300);
        event(builder, "readdir", "iterate_dir", 0, 400);
        event(builder, "tick", "sysvec_timer", 0, 900);
        event(builder, "touch", "iterate_dir", 1, 400);
        builder.call(0, 0x1234, kernel.returnAddress("iterate_dir", 0), TASK, STACK + 0x4000 - 400);
        event(builder, "__x64_sys_close", "do_syscall_64", 0, 200);
        builder.finish();
    }

    private void event(FlowBuilder builder, String function, String caller, int step, int depthBytes) {
        long stackPointer = STACK + 0x4000 - depthBytes;
        builder.call(0, kernel.address(function), kernel.returnAddress(caller, step), TASK, stackPointer);
    }

    private List<String> print(Function<PrintWriter, FlowFormat> format) {
        FlowFormat flows = format.apply(new PrintWriter(printed));
        trace(flows);
        flows.end(SUMMARY);
        return printed.toString().lines().toList();
    }

    @Test
    void aTreeLooksLikeThatOfFunctionGraph() {
        print(out -> new TreeFormat(out, TimeScale.NONE));
        assertThat(printed.toString()).isEqualTo("""
                # CPU  TASK-PID                |  FUNCTION CALLS

                # interrupt sysvec_timer  l?s-812  1 call
                  0)   l?s-812                 |  tick();

                # getdents64  l?s-812  7 calls
                  0)   l?s-812                 |  __x64_sys_getdents64() {
                  0)   l?s-812                 |    fdget() {
                  0)   l?s-812                 |      fget();  /* tail call */
                  0)   l?s-812                 |    }
                  0)   l?s-812                 |    iterate_dir() {
                  0)   l?s-812                 |      readdir();  /* indirect, from iterate_dir+0x7 */
                  0)   l?s-812                 |      touch();
                  0)   l?s-812                 |      0x1234();  /* no known function, indirect, from iterate_dir+0x7 */
                  0)   l?s-812                 |    }
                  0)   l?s-812                 |  }

                # close  l?s-812  1 call, still running
                  0)   l?s-812                 |  __x64_sys_close();

                # 3 flows of 1,234 call events in 2.5 s, 5 lost
                """);
    }

    @Test
    void jsonLinesKeepTheContract() throws Exception {
        List<String> lines = print(out -> new JsonLinesFormat(out, TimeScale.NONE));
        assertThat(lines).hasSize(4);
        JsonNode flow = new ObjectMapper().readTree(lines.get(1));
        assertThat(flow.get("syscall").asText()).isEqualTo("getdents64");
        assertThat(flow.get("pid").asInt()).isEqualTo(812);
        assertThat(flow.get("comm").asText()).isEqualTo("l\ns");
        assertThat(flow.get("cpu").asInt()).isZero();
        assertThat(flow.get("calls").get(4).toString())
                .isEqualTo("{\"function\":\"readdir\",\"depth\":2,\"caller\":\"iterate_dir+0x7\",\"indirect\":true}");
        assertThat(new ObjectMapper().readTree(lines.get(0)).get("syscall").isNull())
                .isTrue();
        assertThat(lines.get(3)).isEqualTo("{\"summary\":{\"events\":1234,\"dropped\":5,\"flows\":3,\"seconds\":2.5}}");
    }

    @Test
    void whereCallsHaveTimesEachLineSaysWhenItWas() throws Exception {
        FlowFormat tree = new TreeFormat(new PrintWriter(printed), new TimeScale(4));
        FlowBuilder builder = new FlowBuilder(kernel.code(), _ -> LS, 1, tree);
        builder.time(0, 1_000_000);
        event(builder, "__x64_sys_getdents64", "do_syscall_64", 0, 200);
        builder.time(0, 1_000_006);
        event(builder, "iterate_dir", "__x64_sys_getdents64", 1, 300);
        builder.finish();
        assertThat(printed.toString().lines().skip(3))
                .containsExactly(
                        "  0)   l?s-812                        0.000 |  __x64_sys_getdents64() {",
                        "  0)   l?s-812                        1.500 |    iterate_dir();",
                        "  0)   l?s-812                              |  }");

        StringWriter lines = new StringWriter();
        builder = new FlowBuilder(
                kernel.code(), _ -> LS, 1, new JsonLinesFormat(new PrintWriter(lines), new TimeScale(4)));
        builder.time(0, 1_000_000);
        event(builder, "__x64_sys_getdents64", "do_syscall_64", 0, 200);
        builder.time(0, 1_000_006);
        event(builder, "iterate_dir", "__x64_sys_getdents64", 1, 300);
        builder.finish();
        assertThat(new ObjectMapper()
                        .readTree(lines.toString())
                        .get("calls")
                        .get(1)
                        .get("micros")
                        .asDouble())
                .isEqualTo(1.5);
    }

    @Test
    void foldedStacksAreCounted() {
        assertThat(print(FoldedFormat::new))
                .contains(
                        "l?s;getdents64;__x64_sys_getdents64 1",
                        "l?s;getdents64;__x64_sys_getdents64;fdget;fget 1",
                        "l?s;getdents64;__x64_sys_getdents64;iterate_dir;touch 1",
                        "l?s;interrupt;tick 1")
                .hasSize(9);
    }

    @Test
    void perfettosSlicesNestByOrder() throws Exception {
        print(out -> new PerfettoFormat(out, TimeScale.NONE));
        JsonNode events = new ObjectMapper().readTree(printed.toString()).get("traceEvents");
        assertThat(slice(events, "getdents64")).isEqualTo("0+8");
        assertThat(slice(events, "__x64_sys_getdents64")).isEqualTo("0+8");
        assertThat(slice(events, "fdget")).isEqualTo("1+2");
        assertThat(slice(events, "iterate_dir")).isEqualTo("3+5");
        assertThat(slice(events, "readdir")).isEqualTo("4+2");
        assertThat(slice(events, "tick")).isEqualTo("5+1");
        assertThat(slice(events, "close")).isEqualTo("8+1");
        assertThat(events.get(0).get("ph").asText()).isEqualTo("M");
        assertThat(events.get(1).get("pid").asInt()).isEqualTo(800);
        assertThat(events.get(1).get("tid").asInt()).isEqualTo(812);
    }

    private static String slice(JsonNode events, String name) {
        for (JsonNode event : events) {
            if (event.get("name").asText().equals(name)) {
                return event.get("ts").asLong() + "+" + event.get("dur").asLong();
            }
        }
        return "none";
    }

    @Test
    void aCallThatEndsFarBelowItsBeginningEndsWithItsName() {
        FlowFormat tree = new TreeFormat(new PrintWriter(printed), TimeScale.NONE);
        FlowBuilder builder = new FlowBuilder(kernel.code(), _ -> LS, 1, tree);
        event(builder, "__x64_sys_getdents64", "do_syscall_64", 0, 200);
        event(builder, "iterate_dir", "__x64_sys_getdents64", 1, 300);
        for (int i = 0; i < 30; i++) {
            event(builder, "touch", "iterate_dir", 1, 400);
        }
        builder.finish();
        assertThat(printed.toString().lines().map(line -> line.substring(line.indexOf('|') + 1)))
                .endsWith("      touch();", "    } /* iterate_dir */", "  } /* __x64_sys_getdents64 */");
    }

    @Test
    void idleTasksOfSeveralCpusHaveATrackEach() throws Exception {
        FlowFormat perfetto = new PerfettoFormat(new PrintWriter(printed), TimeScale.NONE);
        TaskIdentity idle = new TaskIdentity(0, 0, "swapper", true, STACK);
        FlowBuilder builder = new FlowBuilder(kernel.code(), _ -> idle, 2, perfetto);
        for (int cpu = 0; cpu < 2; cpu++) {
            long task = TASK + cpu * 0x1000L;
            builder.call(cpu, kernel.address("tick"), kernel.returnAddress("sysvec_timer", 0), task, STACK + 0x3000);
        }
        builder.finish();
        perfetto.end(SUMMARY);
        List<Integer> tracks = new ArrayList<>();
        new ObjectMapper().readTree(printed.toString()).get("traceEvents").forEach(event -> {
            if (event.get("name").asText().equals("tick")) {
                tracks.add(event.get("tid").asInt());
            }
        });
        assertThat(tracks).hasSize(2).doesNotHaveDuplicates().allMatch(track -> track > 1 << 22);
    }

    @Test
    void filtersLetThroughWhatIsAskedFor() {
        assertThat(passed(Set.of(), Set.of())).isEqualTo(3);
        assertThat(passed(Set.of("getdents64", "read"), Set.of())).isEqualTo(1);
        assertThat(passed(Set.of(), Set.of("l\ns"))).isEqualTo(3);
        assertThat(passed(Set.of("close"), Set.of("cat"))).isZero();
    }

    private long passed(Set<String> systemCalls, Set<String> comms) {
        FlowFilter filter = new FlowFilter(systemCalls, comms, _ -> {});
        trace(filter);
        return filter.flowCount();
    }
}
