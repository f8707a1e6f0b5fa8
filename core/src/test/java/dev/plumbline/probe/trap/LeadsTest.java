package dev.plumbline.probe.trap;

import static dev.plumbline.extraction.SketchKernel.call;
import static dev.plumbline.extraction.SketchKernel.indirect;
import static dev.plumbline.extraction.SketchKernel.indirectTail;
import static dev.plumbline.extraction.SketchKernel.tail;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.extraction.SketchKernel;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Where functions lead, also through ones without a site, and what of a task's calls is a system call's own.
@Timeout(60)
class LeadsTest {
    private static final long TASK = 0xffff888000010000L;
    private static final long TOP = 0xffffc90000003f00L;

    private final SketchKernel kernel = new SketchKernel();
    private Leads leads;
    private FollowedTask followed;

    @BeforeEach
    void build() throws Exception {
        kernel.function("do_syscall_64", call("__x64_sys_read"))
                .function("__x64_sys_read", call("lock"), call("quiet_wrapper"), indirect(), tail("unlock"))
                .function("quiet_wrapper", call("copy"), call("quiet_wrapper"), indirectTail())
                .function("lock", call("account"))
                .function("account")
                .function("copy")
                .function("unlock", call("account"))
                .function("ext4_read", call("copy"))
                .function("quiet_read", call("wait"))
                .function("wait")
                .function("asm_exc_page_fault", call("exc_page_fault"))
                .function("exc_page_fault", call("handle_fault"))
                .function("handle_fault", call("lock"))
                .build();
        leads = new Leads(
                kernel.graph(),
                Arrays.stream(kernel.graph().patchPlaces().ftraceSites())
                        .boxed()
                        .toList());
        followed = new FollowedTask(TASK, 0, function("__x64_sys_read"), kernel.returnAddress("do_syscall_64", 0), TOP);
    }

    private int function(String name) {
        return kernel.graph().functionNamed(name).orElseThrow();
    }

    private boolean enters(String name, String caller, int step, int depth) {
        int function = function(name);
        long returnAddress = kernel.returnAddress(caller, step);
        return followed.enter(
                leads, function, leads.site(function), kernel.graph().functionAt(returnAddress - 1), TOP - depth);
    }

    @Test
    void aFunctionLeadsToItsCalleesAndThroughThoseWithoutASite() {
        Leads.Lead lead = leads.of(function("__x64_sys_read"));
        assertThat(lead.entries())
                .containsExactly(
                        leads.site(function("lock")), leads.site(function("copy")), leads.site(function("unlock")));
        assertThat(lead.indirect())
                .extracting(IndirectSite::source)
                .containsExactly(function("__x64_sys_read"), function("quiet_wrapper"));
        assertThat(leads.hasSite(function("quiet_wrapper"))).isFalse();
    }

    @Test
    void whatIsCalledInTheSystemCallIsItsOwn() {
        assertThat(enters("lock", "__x64_sys_read", 0, 0x40)).isTrue();
        assertThat(enters("account", "lock", 0, 0x80)).isTrue();
        assertThat(enters("copy", "quiet_wrapper", 0, 0x100)).isTrue();
        // A jump of the outermost function leaves its caller's return address.
        assertThat(enters("unlock", "do_syscall_64", 0, 0)).isTrue();
        assertThat(enters("account", "unlock", 0, 0x40)).isTrue();
        assertThat(enters("lock", "__x64_sys_read", 0, 0x40)).isFalse();
    }

    @Test
    void whatAnExceptionCallsIsNot() {
        assertThat(enters("lock", "__x64_sys_read", 0, 0x40)).isTrue();
        assertThat(enters("handle_fault", "exc_page_fault", 0, 0x200)).isFalse();
        assertThat(enters("lock", "handle_fault", 0, 0x240)).isFalse();
        assertThat(enters("account", "lock", 0, 0x80)).isTrue();
    }

    @Test
    void whatRunsOnAnotherStackIsNot() {
        assertThat(enters("lock", "__x64_sys_read", 0, 0x10000)).isFalse();
        assertThat(enters("lock", "__x64_sys_read", 0, -0x40)).isFalse();
    }

    @Test
    void whatPointersLeadToIsOnceTheyWereRead() {
        assertThat(enters("wait", "quiet_read", 0, 0x80)).isFalse();
        followed.pass(function("quiet_read"));
        assertThat(enters("wait", "quiet_read", 0, 0x80)).isTrue();
        assertThat(enters("ext4_read", "do_syscall_64", 0, 0)).isFalse();
        followed.expect(function("ext4_read"));
        assertThat(enters("ext4_read", "do_syscall_64", 0, 0)).isTrue();
        assertThat(enters("copy", "ext4_read", 0, 0x20)).isTrue();
    }

    @Test
    void itEndsWhereItsReturnAddressLeads() {
        long exit = kernel.returnAddress("do_syscall_64", 0);
        assertThat(followed.isExit(exit, TOP + 8)).isTrue();
        assertThat(followed.isExit(exit, TOP - 0x100)).isFalse();
        assertThat(followed.isExit(exit - 1, TOP + 8)).isFalse();
        assertThat(followed.isWithin(TOP - 8)).isTrue();
        assertThat(followed.isWithin(TOP)).isFalse();
    }
}
