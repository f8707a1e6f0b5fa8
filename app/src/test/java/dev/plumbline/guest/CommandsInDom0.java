package dev.plumbline.guest;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.plumbline.command.Plumbline;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/// What runs in dom0: commands of Plumbline, one after the other in one process. In an emulated dom0 it takes ten
/// seconds and more until a Java program has done everything for the first time; the second command is faster.
///
/// Who wants a command run makes a directory with two FIFOs, `out` and `err`, tells the directory and the arguments
/// in a line, and reads the FIFOs to their ends; the exit code is in `status` then.
final class CommandsInDom0 {
    /// A program that hands its arguments on, and then looks like the command that it has run. Asked to end, it asks
    /// the process that runs the command, which ends with it; the next command needs a new one.
    static final String HANDS_ON = """
            #!/bin/sh
            cd /tmp/commands || exit 1
            if ! kill -0 $(cat process) 2> /dev/null; then
                rm -f wanted; mkfifo wanted
                %s %s wanted < /dev/null > said 2>&1 &
                echo $! > process
            fi
            mine=$(mktemp -d) && mkfifo $mine/out $mine/err || exit 1
            trap "kill $(cat process); while kill -0 $(cat process) 2> /dev/null; do usleep 50000; done" TERM
            echo $mine "$@" > wanted
            cat $mine/err >&2 & err=$!
            cat $mine/out & out=$!
            until wait $out; do :; done
            wait $err
            exit $(cat $mine/status 2> /dev/null || echo 143)
            """;

    private static final int WRITE_ONLY = 1;
    private static final MethodHandle OPEN = function("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle DUP2 = function("dup2", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle CLOSE = function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

    private CommandsInDom0() {}

    /// @param arguments the FIFO that lines are told in
    public static void main(String[] arguments) throws Throwable {
        while (true) {
            // Each who writes closes it again.
            for (String line : Files.readAllLines(Path.of(arguments[0]))) {
                String[] words = line.split(" ");
                run(Path.of(words[0]), Arrays.copyOfRange(words, 1, words.length));
            }
        }
    }

    private static void run(Path directory, String... arguments) throws Throwable {
        // Alerts are written to the descriptor, past System.out.
        leadTo(directory.resolve("err"), 2);
        leadTo(directory.resolve("out"), 1);
        int status = Plumbline.run(arguments);
        Files.writeString(directory.resolve("status"), status + "\n");
        leadTo(Path.of("/dev/null"), 1);
        leadTo(Path.of("/dev/null"), 2);
    }

    private static void leadTo(Path file, int descriptor) throws Throwable {
        try (Arena arena = Arena.ofConfined()) {
            int opened = (int) OPEN.invokeExact(arena.allocateFrom(file.toString()), WRITE_ONLY);
            if (opened < 0 || (int) DUP2.invokeExact(opened, descriptor) < 0) {
                throw new IOException("cannot write to " + file);
            }
            int _ = (int) CLOSE.invokeExact(opened);
        }
    }

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }
}
