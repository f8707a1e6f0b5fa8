package dev.plumbline.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/// How long a process has run on cores, to the nanosecond: the first number of `/proc/PID/task/TID/schedstat`
/// (Documentation/scheduler/sched-stats.rst).
public final class CoreTime {
    private CoreTime() {}

    /// Nanoseconds that this thread has run.
    static long ofThread() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    /// Seconds of all its threads that have not ended.
    public static double seconds(long pid) throws IOException {
        long nanos = 0;
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/" + pid + "/task"))) {
            for (Path thread : threads) {
                try {
                    nanos += Long.parseLong(
                            Files.readString(thread.resolve("schedstat")).split(" ")[0]);
                } catch (NoSuchFileException _) {
                    // It has ended just now.
                }
            }
        }
        return nanos / 1e9;
    }
}
