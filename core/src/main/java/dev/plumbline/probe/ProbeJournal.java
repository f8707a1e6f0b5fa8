package dev.plumbline.probe;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/// What will be changed in a guest and what stood there before, on disk before the first change. One text file
/// for each boot of a guest:
/// ```
/// plumbline-journal 1
/// area VIRTUAL-ADDRESS SIZE          where code of ours stands
/// block VIRTUAL-ADDRESS ORDER        each block of pages that the guest lent
/// percpu POINTER                     each piece of per-CPU data that the guest lent, by its per-CPU pointer
/// mark NUMBER                        what tells memory that the guest lent, while it is lent and while it is returned
/// returning                          whether memory is being returned: what does not bear the mark has been
/// code VIRTUAL-ADDRESS PHYSICAL HEX  each other place that is changed, with the bytes that stood there
/// site VIRTUAL-ADDRESS PHYSICAL      each NOP that becomes a call
/// end
/// ```
/// Addresses are hexadecimal with `0x`, other numbers decimal. The area was filled with `0xCC` before. The file
/// appears whole or not at all, and is deleted when every byte is back.
public final class ProbeJournal {
    private static final String HEADER = "plumbline-journal 1";
    private static final String END = "end";
    private static final String RETURNING = "returning";
    private static final int SHORTEST_CODE_BYTES = 5;

    private final Path file;
    private final String bootMark;

    /// @param directory where the journals of this host are kept; made if it does not exist
    /// @param bootMark the boot of the guest, [dev.plumbline.kernel.KernelIdentity#bootMark()]
    public ProbeJournal(Path directory, String bootMark) {
        this.file = directory.resolve("journal-" + bootMark);
        this.bootMark = bootMark;
    }

    /// Everything that has to be undone.
    ///
    /// @param areaAddress virtual address of our code
    /// @param areaBytes its length
    /// @param blocks what the guest's allocator lent
    /// @param perCpu what the guest's per-CPU allocator lent
    /// @param sites where a call may stand in place of the 5-byte NOP
    /// @param codes where a jump or call into the area may stand in place of other instructions
    /// @param mark a random number that is written into memory which changes hands, so that after a kill it can
    ///   be told whose it is
    /// @param returning whether memory is being returned
    public record Changes(
            long areaAddress,
            int areaBytes,
            List<Block> blocks,
            List<PerCpuData> perCpu,
            List<Site> sites,
            List<Code> codes,
            long mark,
            boolean returning) {

        /// The same with what is lent now.
        public Changes withLent(List<Block> pages, List<PerCpuData> data) {
            return new Changes(areaAddress, areaBytes, pages, data, sites, codes, mark, returning);
        }

        /// The same with other sites.
        public Changes withSites(List<Site> others) {
            return new Changes(areaAddress, areaBytes, blocks, perCpu, others, codes, mark, returning);
        }

        /// The same while what is lent is being returned.
        public Changes asReturning() {
            return new Changes(areaAddress, areaBytes, blocks, perCpu, sites, codes, mark, true);
        }
    }

    /// Pages of the guest.
    ///
    /// @param address virtual address of the first
    /// @param order binary logarithm of how many
    public record Block(long address, int order) {}

    /// A piece of memory for each CPU of the guest.
    ///
    /// @param pointer how the guest's kernel names it: its distance from the gs base of each CPU
    public record PerCpuData(long pointer) {}

    /// A place that is changed.
    ///
    /// @param address virtual
    /// @param physical the same place; what is there may have been given to others since
    public record Site(long address, PhysicalAddress physical) {}

    /// A place that is changed and held no NOP.
    ///
    /// @param address virtual
    /// @param physical the same place
    /// @param original what stood there, at least the 5 bytes of a jump
    public record Code(long address, PhysicalAddress physical, byte[] original) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Code(long theirs, PhysicalAddress place, byte[] bytes)
                    && address == theirs
                    && physical.equals(place)
                    && Arrays.equals(original, bytes);
        }

        @Override
        public int hashCode() {
            return Long.hashCode(address);
        }
    }

    /// Keeps other runs from changing the guest until closed or the process ends.
    ///
    /// @throws GuestException if another run does so
    public RunLock hold() throws GuestException {
        return RunLock.take(file.getParent(), bootMark);
    }

    /// The same for a run that sets probes.
    ///
    /// @param guest how the guest is named
    /// @throws GuestException if another run holds the guest, or probes of one that was killed are in it
    public RunLock holdUntouched(String guest) throws GuestException {
        RunLock lock = hold();
        try {
            if (read().isPresent()) {
                throw new GuestException(
                        "probes of a run that was killed are in " + guest + "; take them out with plumbline detach");
            }
            return lock;
        } catch (GuestException e) {
            lock.close();
            throw e;
        }
    }

    /// Where the journal is, or would be.
    public Path file() {
        return file;
    }

    /// Writes it all down and waits until it is on disk.
    ///
    /// @throws GuestException if that is not possible; nothing may be changed then
    public void write(Changes changes) throws GuestException {
        Path unfinished = unfinished();
        try {
            Files.createDirectories(file.getParent());
            try (BufferedWriter out = Files.newBufferedWriter(unfinished, StandardCharsets.US_ASCII)) {
                out.write(HEADER + "\n");
                out.write("area 0x%x %d%n".formatted(changes.areaAddress(), changes.areaBytes()));
                for (Block block : changes.blocks()) {
                    out.write("block 0x%x %d%n".formatted(block.address(), block.order()));
                }
                for (PerCpuData data : changes.perCpu()) {
                    out.write("percpu 0x%x%n".formatted(data.pointer()));
                }
                out.write("mark 0x%x%n".formatted(changes.mark()));
                if (changes.returning()) {
                    out.write(RETURNING + "\n");
                }
                for (Code code : changes.codes()) {
                    String original = HexFormat.of().formatHex(code.original());
                    out.write("code 0x%x %s %s%n".formatted(code.address(), code.physical(), original));
                }
                // Tens of thousands: not formatted.
                for (Site site : changes.sites()) {
                    out.write("site 0x" + Long.toHexString(site.address()) + " " + site.physical() + "\n");
                }
                out.write(END + "\n");
            }
            try (FileChannel channel = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
            move(unfinished);
        } catch (IOException e) {
            throw new GuestException(
                    "cannot write the journal " + file + " (" + e.getMessage()
                            + "), and without it the guest is not touched; free some space or check permissions",
                    e);
        }
    }

    /// What an earlier run has written down; empty if there is no journal.
    ///
    /// @throws GuestException if there is one that cannot be read
    public Optional<Changes> read() throws GuestException {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        List<String> lines;
        try {
            lines = Files.readAllLines(file, StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new GuestException("cannot read the journal " + file + ": " + e.getMessage(), e);
        }
        if (lines.size() < 3
                || !lines.getFirst().equals(HEADER)
                || !lines.getLast().equals(END)) {
            throw damaged("its first or last line is missing");
        }
        List<Block> blocks = new ArrayList<>();
        List<PerCpuData> perCpu = new ArrayList<>();
        List<Site> sites = new ArrayList<>();
        List<Code> codes = new ArrayList<>();
        long areaAddress = 0;
        int areaBytes = 0;
        long mark = 0;
        boolean returning = lines.contains(RETURNING);
        lines.remove(RETURNING);
        for (String line : lines.subList(1, lines.size() - 1)) {
            String[] words = line.split(" ");
            try {
                long address = hex(words[1]);
                switch (words[0]) {
                    case "area" -> {
                        areaAddress = address;
                        areaBytes = Integer.parseInt(words[2]);
                    }
                    case "block" -> blocks.add(new Block(address, Integer.parseInt(words[2])));
                    case "mark" -> mark = address;
                    case "percpu" -> perCpu.add(new PerCpuData(address));
                    case "site" -> sites.add(new Site(address, new PhysicalAddress(hex(words[2]))));
                    case "code" -> codes.add(code(address, words));
                    default -> throw damaged("it says '" + line + "'");
                }
            } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                throw damaged("it says '" + line + "'");
            }
        }
        return Optional.of(new Changes(areaAddress, areaBytes, blocks, perCpu, sites, codes, mark, returning));
    }

    private static Code code(long address, String[] words) {
        byte[] original = HexFormat.of().parseHex(words[3]);
        if (original.length < SHORTEST_CODE_BYTES) {
            throw new IllegalArgumentException("no room for a jump");
        }
        return new Code(address, new PhysicalAddress(hex(words[2])), original);
    }

    private static long hex(String word) {
        return Long.parseUnsignedLong(word.substring(2), 16);
    }

    private GuestException damaged(String how) {
        return new GuestException("the journal " + file + " is damaged: " + how
                + "; the guest's probes cannot be undone from it, only by a reboot of the guest");
    }

    /// Deletes the journal; every byte is back.
    ///
    /// @throws GuestException if it cannot be deleted
    public void delete() throws GuestException {
        try {
            Files.deleteIfExists(file);
            Files.deleteIfExists(unfinished());
        } catch (IOException e) {
            throw new GuestException("cannot delete the journal " + file + ": " + e.getMessage(), e);
        }
    }

    private Path unfinished() {
        return file.resolveSibling(file.getFileName() + ".unfinished");
    }

    private void move(Path unfinished) throws IOException {
        try {
            Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException _) {
            Files.move(unfinished, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
