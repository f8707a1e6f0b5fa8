package dev.plumbline.machine.proc;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One line of `/proc/PID/maps` (proc(5)): a run of a process's address space.
///
/// @param start first address
/// @param end first address behind it
/// @param data whether the process may read and write it, and not run it
/// @param shared whether writes reach the mapped file and whoever else maps it
/// @param fileOffset where in the file it starts, in bytes
/// @param device the file system's device, `MAJOR:MINOR` in hexadecimal
/// @param inode the file's number there, 0 if there is no file
/// @param path the file's path, or empty
public record ProcessMapping(
        long start, long end, boolean data, boolean shared, long fileOffset, String device, long inode, String path) {
    private static final Pattern LINE =
            Pattern.compile("([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([-rwx]{3})([sp]) ([0-9a-f]{1,16})"
                    + " ([0-9a-f]+:[0-9a-f]+) (\\d{1,18}) *(.*)");

    /// The mappings of a process, ascending.
    ///
    /// @throws GuestGoneException if there is no such process
    /// @throws GuestException if this process may not see them
    public static List<ProcessMapping> of(long pid) throws GuestException {
        Path file = Path.of("/proc/" + pid + "/maps");
        try {
            // Paths are bytes of any encoding; they are only compared, so one char a byte will do.
            return parse(Files.readString(file, StandardCharsets.ISO_8859_1));
        } catch (NoSuchFileException e) {
            throw new GuestGoneException("the guest is gone: there is no process " + pid, e);
        } catch (AccessDeniedException e) {
            throw new GuestException(
                    "no permission to see what process " + pid + " has mapped (" + file
                            + "): run as root or with CAP_SYS_PTRACE",
                    e);
        } catch (IOException e) {
            throw new GuestException("cannot read " + file + ": " + e.getMessage(), e);
        }
    }

    static List<ProcessMapping> parse(String maps) {
        List<ProcessMapping> mappings = new ArrayList<>();
        maps.lines().forEach(line -> parseLine(line).ifPresent(mappings::add));
        return mappings;
    }

    /// Whether all of `[address, address + lengthBytes)` lies in it.
    public boolean contains(long address, long lengthBytes) {
        return address >= start && lengthBytes >= 0 && address <= end - lengthBytes;
    }

    private static Optional<ProcessMapping> parseLine(String line) {
        Matcher matcher = LINE.matcher(line);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        return Optional.of(new ProcessMapping(
                Long.parseUnsignedLong(matcher.group(1), 16),
                Long.parseUnsignedLong(matcher.group(2), 16),
                matcher.group(3).equals("rw-"),
                matcher.group(4).equals("s"),
                Long.parseUnsignedLong(matcher.group(5), 16),
                matcher.group(6),
                Long.parseLong(matcher.group(7)),
                matcher.group(8)));
    }
}
