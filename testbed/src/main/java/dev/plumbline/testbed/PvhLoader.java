package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Wraps a bzImage into an ELF file that Xen can start in a PVH domain, so that the kernel is unpacked by its own
/// decompressor and lies where KASLR puts it. See `pvh-loader.c`.
///
/// The fields of the bzImage's setup header are of the kernel's Documentation/arch/x86/boot.rst.
final class PvhLoader {
    private static final int SETUP_SECTORS = 0x1f1;
    private static final int MAGIC = 0x202;
    private static final int PREFERRED_ADDRESS = 0x258;
    private static final int ROOM_NEEDED = 0x260;
    private static final int SECTOR = 512;
    private static final int PAGE = 4096;

    private static final List<String> COMPILER = List.of(
            "gcc",
            "-m32",
            "-std=gnu11",
            "-O2",
            "-ffreestanding",
            "-fno-pic",
            "-no-pie",
            "-fno-stack-protector",
            "-fno-asynchronous-unwind-tables",
            "-fcf-protection=none",
            "-mgeneral-regs-only",
            "-nostdlib",
            "-static");

    private PvhLoader() {}

    /// Makes the ELF file of a kernel.
    ///
    /// @throws GuestException if it is no bzImage of today, or the compiler fails
    static void wrap(Path bzImage, Path target) throws IOException {
        byte[] image = Files.readAllBytes(bzImage);
        ByteBuffer header = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        if (image.length < PAGE || !new String(image, MAGIC, 4, StandardCharsets.US_ASCII).equals("HdrS")) {
            throw new GuestException(bzImage + " is no bzImage");
        }
        int setupBytes = (header.get(SETUP_SECTORS) + 1) * SECTOR;
        long start = header.getLong(PREFERRED_ADDRESS);
        long behind = (start + image.length - setupBytes + PAGE - 1) & -PAGE;
        long roomBytes = start + header.getInt(ROOM_NEEDED) - behind;
        Path source = Files.createTempFile("plumbline-", ".c");
        try {
            Files.write(source, GuestPrograms.resource("pvh-loader.c"));
            List<String> command = new ArrayList<>(COMPILER);
            command.addAll(List.of(
                    "-DKERNEL=\"" + bzImage + "\"",
                    "-DSETUP_BYTES=" + setupBytes,
                    "-DROOM_BYTES=" + roomBytes,
                    "-DKERNEL_AT=0x%x".formatted(start),
                    "-Wl,--build-id=none,-e,start,-Ttext=0x100000,--section-start=.note.Xen=0x110000",
                    "-Wl,--section-start=.kernel=0x%x,--section-start=.room=0x%x".formatted(start, behind)));
            command.addAll(List.of("-o", target.toString(), source.toString()));
            HostCommand.output(Path.of("/"), 120, command);
        } finally {
            Files.delete(source);
        }
    }
}
