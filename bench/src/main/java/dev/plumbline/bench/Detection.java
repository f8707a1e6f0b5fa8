package dev.plumbline.bench;

import dev.plumbline.testbed.GuestKernel;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;

/// How well `monitor` tells attacks from everything else, and how soon.
public final class Detection {
    private static final String SCRIPT = "bench/detection";

    private Detection() {}

    /// Prints tables, and writes them into the document unless the run is a short one.
    ///
    /// @param arguments the launcher, the document, `false-alerts` or `latency`; for the former the seconds of
    /// learning and of monitoring, and whether the document is to be written
    public static void main(String[] arguments) throws Exception {
        String plumbline = arguments[0];
        MarkedTable table = new MarkedTable(Path.of(arguments[1]), arguments[2].replace('-', ' '), SCRIPT);
        StringBuilder lines = new StringBuilder();
        boolean isKept = true;
        if (arguments[2].equals("latency")) {
            lines.append(Latency.HEAD);
            for (GuestKernel kernel : GuestKernel.values()) {
                lines.append(new Latency(plumbline, kernel).measure());
            }
            lines.append("\n%s, 2 vCPUs.%n".formatted(machine()));
        } else {
            long learn = Long.parseLong(arguments[3]);
            long monitor = Long.parseLong(arguments[4]);
            isKept = Boolean.parseBoolean(arguments[5]);
            lines.append(FalseAlerts.HEAD);
            for (GuestKernel kernel : GuestKernel.values()) {
                lines.append(new FalseAlerts(plumbline, kernel, learn, monitor).measure());
            }
            lines.append("\nLearnt for %d s. %s, 2 vCPUs.%n".formatted(learn, machine()));
        }
        System.out.print(lines);
        if (isKept) {
            table.write(lines.toString());
        }
    }

    private static String machine() throws IOException {
        String processor = Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
                .filter(line -> line.startsWith("model name"))
                .findFirst()
                .map(line -> line.substring(line.indexOf(':') + 2))
                .orElse("of unknown make");
        return "%s, %d cores (%s), QEMU with TCG, load average %.1f at the end"
                .formatted(
                        LocalDate.now(),
                        Runtime.getRuntime().availableProcessors(),
                        processor,
                        ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
    }
}
