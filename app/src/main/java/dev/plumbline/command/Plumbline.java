package dev.plumbline.command;

import dev.plumbline.learning.ModelException;
import dev.plumbline.machine.GuestException;
import dev.plumbline.report.PlainText;
import dev.plumbline.report.Release;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/// The program. Exit codes: 0 done, 1 failed, 2 usage, 3 alerts above low were raised; `testbed exec` passes the guest
/// command's on.
@Command(
        name = "plumbline",
        description = "Checks the kernel of a running Linux virtual machine from outside.",
        // All commands have --help and --version, and show the footer.
        mixinStandardHelpOptions = true,
        scope = ScopeType.INHERIT,
        version = "plumbline " + Release.VERSION,
        footer = {
            "",
            "A guest VM is named qemu:NAME, xen:NAME, qmp:SOCKET or dump:FILE; a bare NAME is that of a QEMU guest.",
            "Exit codes: 0 done, 1 failed, 2 usage, 3 monitor raised alerts above low; testbed exec ends with"
                    + " the guest command's."
        })
public final class Plumbline implements Runnable {
    /// What asks for nothing but the version.
    private static final Set<List<String>> VERSION = Set.of(List.of("--version"), List.of("-V"));

    @Spec
    private CommandSpec spec;

    /// Made by picocli.
    public Plumbline() {}

    /// Runs the command the arguments name and ends the process with its exit code.
    public static void main(String[] arguments) {
        Locale.setDefault(Locale.ROOT);
        int status = run(arguments);
        if (System.out.checkError() && status == 0) {
            System.err.println("plumbline: cannot write to standard output: its reader has gone, or its disk is full");
            status = 1;
        }
        System.exit(status);
    }

    /// Runs the command the arguments name.
    ///
    /// @return the exit code
    public static int run(String... arguments) {
        try {
            return commandLine(arguments)
                    .setExecutionExceptionHandler((fault, command, parsed) -> {
                        command.getErr().println("plumbline: " + oneLine(fault));
                        return 1;
                    })
                    .setParameterExceptionHandler(Plumbline::sayUsage)
                    .setUsageHelpAutoWidth(true)
                    .execute(arguments);
        } catch (Error | TypeNotPresentException e) {
            // As a guest can bring about whose tables are larger than any kernel's, or a build that takes the program's
            // files away under it.
            System.err.println("plumbline: " + oneLine(e));
            return 1;
        }
    }

    /// Only with the command that is asked for, if it is one: picocli reads all options of those it is given, and that
    /// takes longer than many a command.
    private static CommandLine commandLine(String... arguments) {
        CommandLine line = new CommandLine(new Plumbline());
        SequencedMap<String, Class<?>> commands = commands();
        Class<?> wanted = arguments.length == 0 ? null : commands.get(arguments[0]);
        if (wanted != null) {
            line.addSubcommand(arguments[0], wanted);
        } else if (!VERSION.contains(List.of(arguments))) {
            commands.forEach(line::addSubcommand);
        }
        return line;
    }

    private static SequencedMap<String, Class<?>> commands() {
        SequencedMap<String, Class<?>> commands = new LinkedHashMap<>();
        commands.put("vms", VmsCommand.class);
        commands.put("inspect", InspectCommand.class);
        commands.put("callgraph", CallgraphCommand.class);
        commands.put("trace", TraceCommand.class);
        commands.put("learn", LearnCommand.class);
        commands.put("monitor", MonitorCommand.class);
        commands.put("model", ModelCommand.class);
        commands.put("detach", DetachCommand.class);
        commands.put("demo", DemoCommand.class);
        commands.put("testbed", TestbedCommand.class);
        return commands;
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing; plumbline --help lists them");
    }

    private static int sayUsage(ParameterException fault, String[] arguments) {
        CommandLine command = fault.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        command.getErr()
                .println("plumbline: " + fault.getMessage().lines().findFirst().orElse("wrong usage") + " (see: " + name
                        + " --help)");
        return 2;
    }

    /// What failed, without a stack trace: faults of guests and files are expected and say enough; anything else is
    /// a fault of Plumbline's own, whose trace is shown on request.
    private static String oneLine(Throwable fault) {
        if (isPartMissing(fault) || isPartMissing(fault.getCause())) {
            return "a part of the program cannot be loaded: it is being built anew, or was not built to its end;"
                    + " run the command again";
        }
        String message = fault.getMessage() == null ? "no more is known" : fault.getMessage();
        String line = PlainText.of(message.lines().findFirst().orElse(message));
        String kind = fault.getClass().getSimpleName();
        if (fault instanceof GuestException || fault instanceof ModelException) {
            return line;
        }
        if (fault instanceof OutOfMemoryError || fault.getCause() instanceof OutOfMemoryError) {
            return "not enough memory for what the guest shows: its kernel's tables are damaged or very large";
        }
        if (System.getenv("PLUMBLINE_DEBUG") != null) {
            fault.printStackTrace();
        }
        return fault instanceof IOException io
                ? file(io, kind + ": " + line)
                : "internal fault, please report it with what PLUMBLINE_DEBUG=1 shows: " + kind + ": " + line;
    }

    /// Of a file's fault its message is often nothing but the file's name.
    private static String file(IOException fault, String otherwise) {
        return switch (fault) {
            case NoSuchFileException it -> "there is no file or directory " + PlainText.of(it.getFile());
            case AccessDeniedException it -> "no permission for " + PlainText.of(it.getFile());
            case FileSystemException it
            when it.getReason() != null -> "cannot use " + PlainText.of(it.getFile() + ": " + it.getReason());
            default -> otherwise;
        };
    }

    private static boolean isPartMissing(Throwable fault) {
        return fault instanceof LinkageError || fault instanceof TypeNotPresentException;
    }
}
