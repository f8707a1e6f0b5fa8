package dev.plumbline.extraction;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static dev.plumbline.extraction.SketchKernel.tail;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.SystemCall;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class FunctionSelectionTest {
    private final SketchKernel kernel = new SketchKernel();
    private List<SystemCall> calls;

    @BeforeEach
    void build() throws Exception {
        kernel.function("do_syscall_64", call("__x64_sys_read"), call("__x64_sys_write"))
                .function("__x64_sys_read", call("vfs_read"))
                .function("__x64_sys_write", call("vfs_write"))
                .function("vfs_read", indirect(), call("quiet_check"))
                .function("vfs_write", call("_raw_spin_lock"))
                .function("quiet_check", tail("security"))
                .function("security")
                .function("fs_read", call("fs_block"))
                .function("fs_block")
                .function("_raw_spin_lock")
                .function("exc_page_fault", call("fault"))
                .function("fault", call("fs_block"))
                .function("ret_from_fork", call("schedule_tail"))
                .function("schedule_tail")
                .function("finish_task_switch.isra.0")
                .function("do_task_dead")
                .build();
        calls = List.of(
                new SystemCall(0, "read", kernel.address("__x64_sys_read")),
                new SystemCall(1, "write", kernel.address("__x64_sys_write")));
    }

    private List<String> names(FunctionSelection selection) {
        return selection.functions().stream()
                .mapToObj(function -> kernel.graph().function(function).name())
                .toList();
    }

    @Test
    void allAreThoseWithAPlaceForTheTracer() {
        FunctionSelection all = FunctionSelection.all(kernel.graph(), calls);
        assertThat(names(all)).hasSize(12).doesNotContain("do_syscall_64", "quiet_check", "exc_page_fault");
        assertThat(all.sites()).hasSize(12).contains(kernel.address("fs_read"));
    }

    @Test
    void reachableOnesComeWithThePlacesWhereFlowsBeginAndEnd() {
        FunctionSelection some =
                FunctionSelection.reachableFrom(kernel.graph(), calls, calls.subList(0, 1), IndirectReach.SEEN);
        assertThat(names(some))
                .containsExactlyInAnyOrder(
                        "__x64_sys_read",
                        "vfs_read",
                        "security",
                        "__x64_sys_write",
                        "fault",
                        "schedule_tail",
                        "finish_task_switch.isra.0",
                        "do_task_dead");
        int seen = kernel.graph().functionNamed("fs_read").orElseThrow();
        assertThat(names(some.extendedBy(seen))).contains("fs_read", "fs_block", "security");
        assertThat(names(FunctionSelection.reachableFrom(
                        kernel.graph(), calls, calls.subList(0, 1), IndirectReach.POINTERS)))
                .contains("fs_read", "fs_block");
    }

    @Test
    void theWhitelistTakesOutAllButThosePlaces(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("list");
        Files.writeString(file, "# a list\n\nvfs_* # too many\nfault # a landmark\n?s_block\n");
        Whitelist list = Whitelist.read(file);
        assertThat(list.entries())
                .containsExactly(
                        new Whitelist.Entry("vfs_*", "too many"),
                        new Whitelist.Entry("fault", "a landmark"),
                        new Whitelist.Entry("?s_block", ""));
        List<String> left = names(FunctionSelection.all(kernel.graph(), calls).without(list));
        assertThat(left).doesNotContain("vfs_read", "vfs_write", "fs_block").contains("fault", "fs_read");
        Files.writeString(file, "vfs_read vfs_write\n");
        assertThatThrownBy(() -> Whitelist.read(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("line 1");
    }

    @Test
    void theOwnWhitelistGivesAReasonForEachLine() {
        assertThat(Whitelist.own().entries())
                .isNotEmpty()
                .allSatisfy(entry -> assertThat(entry.reason()).isNotEmpty());
        assertThat(names(FunctionSelection.all(kernel.graph(), calls).without(Whitelist.own())))
                .hasSize(11)
                .doesNotContain("_raw_spin_lock");
        assertThat(Whitelist.NONE.contains("vfs_read")).isFalse();
    }
}
