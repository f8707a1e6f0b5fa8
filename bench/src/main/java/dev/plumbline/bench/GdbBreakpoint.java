package dev.plumbline.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The same breakpoint handled by a script of gdb's, as one writes it; or by one that knows what it is at, and moves
/// the vCPU behind the NOP itself, so that gdb need not step over it.
final class GdbBreakpoint implements AutoCloseable {
    private static final String READY = "ready";
    private static final String HIT = "hit ";

    private final Path script = Files.createTempFile("plumbline-bench-", ".gdb");
    private final Process gdb;
    private final BufferedReader says;
    private final int hits;

    /// Starts gdb, and waits until the guest is about to run.
    ///
    /// @param stub the socket of QEMU's debug stub
    /// @param currentTask offset of the current task among per-CPU data
    /// @param emulates whether the script moves the vCPU behind the NOP, and breakpoints stay set meanwhile
    GdbBreakpoint(Path stub, long site, int currentTask, int hits, boolean emulates) throws IOException {
        this.hits = hits;
        Files.write(script, script(stub, site, currentTask, hits, emulates));
        gdb = new ProcessBuilder("gdb", "-nx", "-q", "-batch", "-x", script.toString())
                .redirectErrorStream(true)
                .start();
        says = gdb.inputReader();
        awaitLine(READY);
    }

    private static List<String> script(Path stub, long site, int currentTask, int hits, boolean emulates) {
        List<String> lines = new ArrayList<>(List.of(
                "set pagination off",
                "set confirm off",
                "set remotetimeout 60",
                "set architecture i386:x86-64",
                "target remote " + stub,
                "set breakpoint always-inserted " + (emulates ? "on" : "off"),
                "set $hits = 0",
                "break *0x%x".formatted(site),
                "commands",
                "silent",
                "set $hits = $hits + 1",
                "printf \"" + HIT + "%#lx %#lx %#lx\\n\", $rip, *(unsigned long *)$rsp,"
                        + " *(unsigned long *)($gs_base + " + currentTask + ")"));
        if (emulates) {
            lines.add("set $rip = $rip + 5");
        }
        lines.addAll(List.of(
                "if $hits == " + hits,
                "delete",
                "detach",
                "quit",
                "end",
                "continue",
                "end",
                "echo " + READY + "\\n",
                "continue"));
        return lines;
    }

    private String awaitLine(String beginning) throws IOException {
        StringBuilder said = new StringBuilder();
        for (String line = says.readLine(); line != null; line = says.readLine()) {
            if (line.startsWith(beginning)) {
                return line;
            }
            said.append(line).append(' ');
        }
        throw new IOException("gdb ended: " + said);
    }

    long pid() {
        return gdb.pid();
    }

    /// Waits until it has seen all hits and has let go of the guest.
    HitCost hits(HitCost.CoreTimes core, StubLog log) throws IOException, InterruptedException {
        for (int hit = 1; hit <= hits; hit++) {
            awaitLine(HIT);
            core.hit(hit);
        }
        gdb.waitFor();
        return HitCost.of(log.hits(), core);
    }

    @Override
    public void close() throws IOException {
        gdb.destroy();
        gdb.onExit().join();
        Files.deleteIfExists(script);
    }
}
