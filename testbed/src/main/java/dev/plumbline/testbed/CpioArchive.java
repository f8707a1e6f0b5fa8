package dev.plumbline.testbed;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/// Writes a cpio archive in the format the kernel unpacks as its first file system.
///
/// The format ("newc", the kernel's Documentation/driver-api/early-userspace/buffer-format.rst): each entry is
/// the magic `070701` and 13 fields of 8 hex digits (inode, mode, uid, gid, links, mtime, size, device major
/// and minor, special device major and minor, name length with its NUL, check), then the name with its NUL,
/// then the content; name and content are each padded to a multiple of 4 from the start of the archive. An
/// entry named `TRAILER!!!` ends it.
///
/// Everything belongs to root and bears the time 0, so that equal content gives equal bytes. One thread at a time.
final class CpioArchive {
    private static final int DIRECTORY = 0040755;
    private static final int FILE = 0100644;
    private static final int PROGRAM = 0100755;
    private static final int LINK = 0120777;
    private static final int CHARACTER_DEVICE = 0020600;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream(1 << 20);
    private int inode = 1;

    /// Adds a directory; its parents must have been added.
    void directory(String name) {
        entry(name, DIRECTORY, new byte[0], 0, 0);
    }

    void file(String name, byte[] content) {
        entry(name, FILE, content, 0, 0);
    }

    void program(String name, byte[] content) {
        entry(name, PROGRAM, content, 0, 0);
    }

    void link(String name, String target) {
        entry(name, LINK, target.getBytes(StandardCharsets.UTF_8), 0, 0);
    }

    void characterDevice(String name, int major, int minor) {
        entry(name, CHARACTER_DEVICE, new byte[0], major, minor);
    }

    /// Ends the archive; nothing can be added any more.
    byte[] finish() {
        entry("TRAILER!!!", 0, new byte[0], 0, 0);
        return out.toByteArray();
    }

    private void entry(String name, int mode, byte[] content, int deviceMajor, int deviceMinor) {
        byte[] nameBytes = (name + "\0").getBytes(StandardCharsets.UTF_8);
        int[] fields = {inode++, mode, 0, 0, 1, 0, content.length, 0, 0, deviceMajor, deviceMinor, nameBytes.length, 0};
        StringBuilder header = new StringBuilder("070701");
        for (int field : fields) {
            header.append(String.format(Locale.ROOT, "%08X", field));
        }
        out.writeBytes(header.toString().getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(nameBytes);
        pad();
        out.writeBytes(content);
        pad();
    }

    private void pad() {
        out.writeBytes(new byte[-out.size() & 3]);
    }
}
