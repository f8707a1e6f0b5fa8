package dev.plumbline.report;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.KernelIdentity;
import dev.plumbline.kernel.KernelImage;
import dev.plumbline.kernel.KernelModule;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SystemCall;
import dev.plumbline.kernel.Task;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Hypervisor;
import dev.plumbline.machine.Machine;
import dev.plumbline.machine.Registers;
import dev.plumbline.machine.VcpuRegisters;
import java.util.List;
import java.util.Optional;

/// Everything `inspect` tells of a guest, gathered in one go.
///
/// @param guest how the guest is named
/// @param hypervisor what runs it; empty for a dump
/// @param identity version and build
/// @param image where the kernel lies
/// @param vcpu the registers of its first vCPU that is not down
/// @param vcpuCount how many vCPUs the machine has
/// @param onlineCpuCount how many of them the kernel uses
/// @param modules the loaded modules
/// @param tasks the tasks
/// @param systemCalls the system calls
/// @param ftraceRecords the places the kernel's function tracer knows
/// @param callGraph the static call graph
/// @param symbolCount how many symbols there are, modules included
public record Inspection(
        String guest,
        Optional<Hypervisor.Description> hypervisor,
        KernelIdentity identity,
        KernelImage image,
        VcpuRegisters vcpu,
        int vcpuCount,
        int onlineCpuCount,
        List<KernelModule> modules,
        List<Task> tasks,
        List<SystemCall> systemCalls,
        List<FtraceRecord> ftraceRecords,
        CallGraph callGraph,
        int symbolCount) {
    private static final int ATTEMPTS = 10;

    /// Reads it all, and makes sure that it is of one kernel and of one set of modules.
    ///
    /// @throws GuestException if the guest cannot be read, was rebooted meanwhile, or does not stop loading modules
    public static Inspection of(LinuxKernel kernel) throws GuestException {
        Loaded loaded = Loaded.of(kernel);
        boolean[] online = kernel.perCpu().online();
        int onlineCount = 0;
        for (boolean cpu : online) {
            onlineCount += cpu ? 1 : 0;
        }
        Inspection inspection = new Inspection(
                kernel.machine().name(),
                hypervisor(kernel.machine()),
                kernel.identity(),
                kernel.image(),
                runningVcpu(kernel.machine().registers()),
                kernel.machine().registers().vcpuCount(),
                onlineCount,
                loaded.modules(),
                kernel.tasks(),
                kernel.systemCalls(),
                loaded.ftraceRecords(),
                CallGraph.of(loaded.code()),
                loaded.code().symbols().size());
        kernel.verifyStillRunning();
        return inspection;
    }

    private static Optional<Hypervisor.Description> hypervisor(Machine machine) throws GuestException {
        Optional<Hypervisor> hypervisor = machine.capability(Hypervisor.class);
        return hypervisor.isPresent() ? Optional.of(hypervisor.get().describe()) : Optional.empty();
    }

    private static VcpuRegisters runningVcpu(Registers registers) throws GuestException {
        VcpuRegisters read = registers.read(0);
        for (int vcpu = 1; vcpu < registers.vcpuCount() && !read.pagingEnabled(); vcpu++) {
            read = registers.read(vcpu);
        }
        return read;
    }

    /// What goes with one set of modules. It alone is read again if that set changes meanwhile: a guest may load and
    /// unload modules all the time.
    private record Loaded(KernelCode code, List<KernelModule> modules, List<FtraceRecord> ftraceRecords) {
        static Loaded of(LinuxKernel kernel) throws GuestException {
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                long mark = kernel.moduleMark();
                Loaded loaded = new Loaded(kernel.code(), kernel.modules(), kernel.ftraceRecords());
                if (kernel.moduleMark() == mark) {
                    return loaded;
                }
            }
            throw new GuestException("the modules of " + kernel.machine().name()
                    + " were loaded or unloaded while it was read; run the command again");
        }
    }

    /// How many places the kernel's tracer lists, those among them that the kernel itself keeps off.
    public int probeSiteCount() {
        return ftraceRecords.size();
    }
}
