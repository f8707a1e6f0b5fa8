package dev.plumbline.x86;

import dev.plumbline.machine.VcpuState;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.StringJoiner;
import java.util.TreeMap;

/// The processor of this machine, running single instructions. Needs gcc.
final class RealProcessor {
    /// The page in which rip has to be.
    static final long CODE_ADDRESS = 0x1000_0000L;

    private static final int TRAPPED = 5;
    private static final int ILLEGAL_INSTRUCTION = 4;

    private final Path directory;
    private final Path program;

    /// @param directory for what it compiles and hands over
    RealProcessor(Path directory) throws Exception {
        this.directory = directory;
        program = directory.resolve("single-step");
        Path source = directory.resolve("single-step.c");
        try (InputStream in = RealProcessor.class.getResourceAsStream("single-step.c")) {
            Files.copy(in, source);
        }
        run(Path.of("/dev/null"), "gcc", "-O2", "-o", program.toString(), source.toString());
    }

    /// Runs each of the instructions.
    ///
    /// @param page what is in the [DataPage] before each
    List<Trial.Outcome> outcomes(List<Trial> trials, byte[] page) throws Exception {
        List<String> lines = new ArrayList<>();
        lines.add(HexFormat.of().formatHex(page));
        trials.forEach(trial -> lines.add(line(trial)));
        Path input = Files.write(directory.resolve("input"), lines);
        String code = Long.toHexString(CODE_ADDRESS);
        List<String> told = run(input, program.toString(), code, Long.toHexString(DataPage.ADDRESS));
        if (told.size() != trials.size()) {
            throw new IOException(told.size() + " instead of " + trials.size() + " instructions were run");
        }
        List<Trial.Outcome> outcomes = new ArrayList<>();
        for (int i = 0; i < told.size(); i++) {
            outcomes.add(outcome(told.get(i), trials.get(i)));
        }
        return outcomes;
    }

    private static String line(Trial trial) {
        VcpuState state = trial.before();
        StringJoiner line = new StringJoiner(" ");
        for (long register : state.general) {
            line.add(Long.toHexString(register));
        }
        line.add(Long.toHexString(state.rip)).add(Long.toHexString(state.rflags));
        return line.add(Long.toHexString(state.gsBase)).add(trial.toString()).toString();
    }

    private static Trial.Outcome outcome(String line, Trial trial) throws IOException {
        long[] numbers = Arrays.stream(line.split(" "))
                .mapToLong(word -> Long.parseUnsignedLong(word, 16))
                .toArray();
        if (numbers[0] == ILLEGAL_INSTRUCTION) {
            throw new IOException("the processor refuses " + trial);
        }
        long[] general = Arrays.copyOfRange(numbers, 1, 17);
        VcpuState after = new VcpuState(general, numbers[17], numbers[18], trial.before().gsBase, 3);
        SortedMap<Integer, Byte> changed = new TreeMap<>();
        for (int i = 0; i < numbers[19]; i++) {
            changed.put((int) numbers[20 + 2 * i], (byte) numbers[21 + 2 * i]);
        }
        return new Trial.Outcome(numbers[0] == TRAPPED, after, changed);
    }

    private static List<String> run(Path input, String... command) throws Exception {
        Process process = new ProcessBuilder(command)
                .redirectInput(input.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        List<String> lines = process.inputReader().lines().toList();
        if (process.waitFor() != 0) {
            throw new IOException(command[0] + " failed");
        }
        return lines;
    }
}
