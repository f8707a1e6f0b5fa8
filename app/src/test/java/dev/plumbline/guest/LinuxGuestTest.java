package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.RunningCommand;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;

/// Everything read from outside is what the guest says of itself: on each kernel, with one and with two vCPUs, in a
/// guest that has modules, kprobes, a traced function and BPF programs.
@Tag("guest")
@Timeout(120)
@ParameterizedClass
@OnGuests(
        value = {"V6_12, 2", "V6_1, 1", "V6_1, 2", "V6_12, 1"},
        first = 2)
record LinuxGuestTest(GuestKernel kernel, int cpus)
        implements SymbolsContract,
                TracerContract,
                TasksContract,
                PerCpuContract,
                StaticCallsContract,
                SystemCallsContract,
                TypesContract,
                MutationContract,
                CallGraphContract,
                DumpContract,
                UntouchedContract,
                CommandsContract {
    /// A kprobe in a function's body gets a page for the displaced instruction: it starts behind the tracer's NOP,
    /// which is 5 bytes long and may have an endbr64 of 4 before it. One at an entry gets a trampoline.
    private static final String PREPARATION = """
            set -e
            modprobe 8021q; modprobe bridge; modprobe nf_conntrack; modprobe dummy
            echo 1 > /proc/sys/net/core/bpf_jit_enable
            echo 1 > /proc/sys/net/core/bpf_jit_kallsyms
            cd /sys/kernel/tracing
            echo p:entry vfs_write > kprobe_events
            echo p:body vfs_fsync_range+5 >> kprobe_events || echo p:body vfs_fsync_range+9 >> kprobe_events
            echo 1 > events/kprobes/entry/enable
            echo 1 > events/kprobes/body/enable
            echo do_sys_openat2 > set_ftrace_filter
            echo function > current_tracer
            sleep 0.5
            """;

    private static final Set<Long> SLIDES = new HashSet<>();
    private static GuestUnderTest guest;
    private static RunningCommand filters;

    @BeforeParameterizedClassInvocation
    static void boot(GuestKernel kernel, int cpus) throws Exception {
        guest = GuestUnderTest.boot(GuestOptions.DEFAULT
                .withKernel(kernel)
                .withCpus(cpus)
                .withExtraQemuArguments(GuestUnderTest.ONE_THREAD));
        guest.guest().execChecked(PREPARATION);
        filters = guest.startUntilReady("bpf-filter 3");
        SLIDES.add(guest.read(LinuxKernel::image).kaslrSlide());
    }

    @AfterParameterizedClassInvocation
    static void takeDown() throws Exception {
        filters.close();
        guest.close();
    }

    @AfterAll
    static void notAllKernelsHaveBeenWhereTheyWereLinked() {
        assertThat(SLIDES).anyMatch(slide -> slide != 0);
    }

    @Override
    public GuestUnderTest guest() {
        return guest;
    }
}
