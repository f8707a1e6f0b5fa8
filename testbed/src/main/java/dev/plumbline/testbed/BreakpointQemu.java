package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.List;

/// A copy of Debian's QEMU that tells a hypervisor inside it of breakpoint instructions (int3) in that hypervisor's
/// guests, as processors do.
///
/// QEMU 7.2 emulates AMD's virtualisation, in which a hypervisor may ask for an exit at each exception (APM volume 2,
/// 15.12); but for an exception that an instruction raises on purpose it only looks whether exits at software
/// interrupts were asked for (`raise_interrupt2` checks SVM_EXIT_SWINT, 0x75). With one instruction changed the number
/// it checks is that of the exception, 0x40 plus the vector, which stands in the register r12d there.
final class BreakpointQemu {
    /// `mov %r9,%rcx; xor %edx,%edx; mov $0x75,%esi; call …`, the third of which is changed.
    private static final String BEFORE = "4c89c931d2be75000000e8";

    /// `lea 0x40(%r12),%esi` in its place.
    private static final String AFTER = "4c89c931d2418d742440e8";

    /// QEMU takes what it loads from beside itself, unless it is told where.
    private static final List<String> DATA = List.of("/usr/share/qemu", "/usr/share/seabios", "/usr/lib/ipxe/qemu");

    private static final String MODULES = "/usr/lib/x86_64-linux-gnu/qemu";

    private BreakpointQemu() {}

    /// How that QEMU is named, with the options it needs; made where the cache does not have it.
    ///
    /// @throws GuestException if this host's QEMU is another build than the one whose code is known
    static List<String> commandLine(CacheDirectory cache) throws GuestException {
        Path original = HostPackages.find(QemuCommandLine.PROGRAM)
                .orElseThrow(() -> new GuestException("there is no " + QemuCommandLine.PROGRAM + " on this host"));
        try {
            byte[] program = Files.readAllBytes(original);
            Path copy = cache.entry("qemu/" + ContentHash.of(program), target -> {
                Files.write(target, changed(original, program));
                Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwxr-xr-x"));
            });
            return List.of(
                    "env",
                    "QEMU_MODULE_DIR=" + MODULES,
                    copy.toString(),
                    "-L",
                    DATA.get(0),
                    "-L",
                    DATA.get(1),
                    "-L",
                    DATA.get(2));
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("cannot read " + original + ": " + e.getMessage(), e);
        }
    }

    /// The program with that one instruction changed.
    ///
    /// @throws GuestException unless it is there exactly once
    static byte[] changed(Path name, byte[] program) throws GuestException {
        String text = new String(program, StandardCharsets.ISO_8859_1);
        String before = text(BEFORE);
        int at = text.indexOf(before);
        if (at < 0 || text.indexOf(before, at + 1) >= 0) {
            throw new GuestException(name + " is not the QEMU 7.2 of Debian 12 whose code is known here, so that "
                    + "breakpoints in domains of Xen cannot be had from it; install that version of qemu-system-x86");
        }
        byte[] after = HexFormat.of().parseHex(AFTER);
        byte[] changed = program.clone();
        System.arraycopy(after, 0, changed, at, after.length);
        return changed;
    }

    private static String text(String hexDigits) {
        return new String(HexFormat.of().parseHex(hexDigits), StandardCharsets.ISO_8859_1);
    }
}
