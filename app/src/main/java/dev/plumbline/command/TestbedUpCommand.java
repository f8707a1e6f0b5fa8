package dev.plumbline.command;

import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestOptions;
import dev.plumbline.testbed.TestGuest;
import dev.plumbline.testbed.Testbed;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/// `plumbline testbed up`: boots a guest and leaves it running.
@Command(name = "up", description = "Boots a guest and leaves it running")
final class TestbedUpCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "NAME", description = "Letters, digits, - _ and .")
    private String name;

    @Option(
            names = "--kernel",
            paramLabel = "SERIES",
            converter = KernelConverter.class,
            defaultValue = "6.1",
            description = "6.1 or 6.12; default 6.1")
    private GuestKernel kernel;

    @Option(names = "--cpus", paramLabel = "N", defaultValue = "1", description = "Number of vCPUs; default 1")
    private int cpus;

    @Option(names = "--memory", paramLabel = "MIB", defaultValue = "512", description = "RAM in MiB; default 512")
    private int memoryMib;

    @Option(
            names = "--cpu",
            paramLabel = "MODEL",
            defaultValue = "",
            description = "QEMU's CPU model; default qemu64, with --kvm host")
    private String cpuModel;

    @Option(names = "--append", paramLabel = "ARGS", defaultValue = "", description = "Further kernel arguments")
    private String append;

    @Option(names = "--kvm", description = "Run under KVM instead of TCG")
    private boolean kvm;

    @Override
    public Integer call() throws GuestException {
        GuestOptions options = options();
        TestGuest guest = Testbed.ofUser().up(name, options);
        spec.commandLine()
                .getOut()
                .printf(
                        "guest %s is up: kernel %s, %d vCPU%s, %d MiB, QMP at %s%n",
                        name, kernel, cpus, cpus == 1 ? "" : "s", memoryMib, guest.qmpSocket());
        spec.commandLine().getOut().flush();
        return 0;
    }

    private GuestOptions options() {
        try {
            return GuestOptions.DEFAULT
                    .withKernel(kernel)
                    .withCpus(cpus)
                    .withMemoryMib(memoryMib)
                    .withCpuModel(cpuModel)
                    .withAppend(append)
                    .withKvm(kvm);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    /// From a series as the user writes it.
    static final class KernelConverter implements ITypeConverter<GuestKernel> {
        @Override
        public GuestKernel convert(String series) {
            return GuestKernel.ofSeries(series)
                    .orElseThrow(() -> new TypeConversionException("there is no kernel " + series + ", only "
                            + Arrays.stream(GuestKernel.values())
                                    .map(GuestKernel::series)
                                    .collect(Collectors.joining(" and "))));
        }
    }
}
