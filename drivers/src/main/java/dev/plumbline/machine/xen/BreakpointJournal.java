package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// What a run has done to a domain for its breakpoints, written down before it is done, for the one that comes after a
/// run that was killed. A file of 64-bit words for each domain:
/// ```
/// 0       a number that says that something is left, or 0
/// 1       what is in force: 1 a pause, 2 Xen reports to the run
/// 2n      a breakpoint's virtual address
/// 2n + 1  its physical address times 256, plus the byte that stood there; 0 for no breakpoint
/// ```
/// The run that holds the domain has the file mapped, so that writing takes no system call: what was written outlives
/// the process. With the host the domains end as well; so the file is in `/run`, where it goes with them.
final class BreakpointJournal implements AutoCloseable {
    /// How many breakpoints there can be.
    static final int MOST = 16_383;

    private static final Path DIRECTORY = Path.of("/run/plumbline/xen");
    private static final long MAGIC = 0x6b72_6262_6d75_6c70L;
    private static final long MAGIC_PLACE = 0;
    private static final long STATE_PLACE = 1;
    private static final long SIZE_BYTES = 16L * (MOST + 1);
    private static final long PAUSED = 1;
    private static final long MONITORED = 2;
    private static final VarHandle WORD = JAVA_LONG.arrayElementVarHandle();

    // Closing any channel of a file would let go of all locks that this process has on it.
    private static final Set<Path> HELD_HERE = ConcurrentHashMap.newKeySet();

    private final Path file;
    private final FileChannel channel;
    private final Arena arena;
    private final MemorySegment words;
    private final List<Integer> free = new ArrayList<>();

    private BreakpointJournal(Path file, FileChannel channel, Arena arena, MemorySegment words) {
        this.file = file;
        this.channel = channel;
        this.arena = arena;
        this.words = words;
    }

    /// A breakpoint that may be set.
    ///
    /// @param number where it stands in the journal, from 1 on
    /// @param address its virtual address
    /// @param place its physical one
    /// @param own what stood there
    record Entry(int number, long address, PhysicalAddress place, byte own) {}

    /// Where the journal of a domain is.
    static Path fileOf(DomainInfo domain) {
        return DIRECTORY.resolve("breakpoints-" + domain.id() + "-" + domain.handle());
    }

    /// Whether a run has left something in the file, or is at work.
    static boolean isUsed(Path file) {
        try {
            return Files.exists(file) && Files.size(file) > 0;
        } catch (IOException _) {
            return false;
        }
    }

    /// Takes hold of it, which keeps other runs away until it is closed or the process ends.
    ///
    /// @return null if another run has hold of it
    /// @throws GuestException if it cannot be written
    static BreakpointJournal take(Path file) throws GuestException {
        if (!HELD_HERE.add(file)) {
            return null;
        }
        Arena arena = Arena.ofShared();
        FileChannel channel = null;
        try {
            Files.createDirectories(file.getParent());
            channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            if (channel.tryLock() != null) {
                MemorySegment mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, SIZE_BYTES, arena);
                return new BreakpointJournal(file, channel, arena, mapped);
            }
        } catch (OverlappingFileLockException _) {
            // Held by another that was loaded into this process.
        } catch (IOException e) {
            letGo(file, channel, arena);
            throw new GuestException(
                    "cannot write " + file + " (" + e.getMessage()
                            + "), and without it no breakpoint is set; free some space or check permissions",
                    e);
        }
        letGo(file, channel, arena);
        return null;
    }

    private static void letGo(Path file, FileChannel channel, Arena arena) throws GuestException {
        arena.close();
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            throw new GuestException("cannot let go of " + file + ": " + e.getMessage(), e);
        } finally {
            HELD_HERE.remove(file);
        }
    }

    /// Whether a run that was killed has left something.
    boolean isLeft() {
        return word(MAGIC_PLACE) == MAGIC;
    }

    /// Begins, with nothing done.
    void begin() {
        words.fill((byte) 0);
        free.clear();
        for (int number = MOST; number > 0; number--) {
            free.add(number);
        }
        set(MAGIC_PLACE, MAGIC);
    }

    /// All is undone.
    void end() {
        set(MAGIC_PLACE, 0);
    }

    /// Whether the domain may be paused by the run.
    boolean isPaused() {
        return (word(STATE_PLACE) & PAUSED) != 0;
    }

    void paused(boolean now) {
        state(PAUSED, now);
    }

    /// Whether Xen may report to the run.
    boolean isMonitored() {
        return (word(STATE_PLACE) & MONITORED) != 0;
    }

    void monitored(boolean now) {
        state(MONITORED, now);
    }

    private void state(long what, boolean now) {
        long state = word(STATE_PLACE);
        set(STATE_PLACE, now ? state | what : state & ~what);
    }

    /// A breakpoint is about to be set.
    ///
    /// @throws GuestException if there is no room for it
    Entry add(long address, PhysicalAddress place, byte own) throws GuestException {
        if (free.isEmpty()) {
            throw new GuestException("no more than " + MOST + " breakpoints can be set: follow fewer system calls");
        }
        int number = free.removeLast();
        set(2L * number, address);
        set(2L * number + 1, place.value() << Byte.SIZE | own & 0xff);
        return new Entry(number, address, place, own);
    }

    /// A breakpoint is out.
    void remove(Entry entry) {
        set(2L * entry.number() + 1, 0);
        free.add(entry.number());
    }

    /// The breakpoints that may be set.
    List<Entry> entries() {
        List<Entry> entries = new ArrayList<>();
        for (int number = 1; number <= MOST; number++) {
            long place = word(2L * number + 1);
            if (place != 0) {
                entries.add(
                        new Entry(number, word(2L * number), new PhysicalAddress(place >>> Byte.SIZE), (byte) place));
            }
        }
        return entries;
    }

    private long word(long number) {
        return (long) WORD.getVolatile(words, 0L, number);
    }

    // In this order in the file as well: a process is killed between two of them.
    private void set(long number, long value) {
        WORD.setVolatile(words, 0L, number, value);
    }

    /// Lets go of it. Where nothing is left the file is emptied. Closing twice does nothing.
    @Override
    public void close() throws GuestException {
        if (!channel.isOpen()) {
            return;
        }
        boolean isLeft = isLeft();
        try {
            if (!isLeft) {
                channel.truncate(0);
            }
        } catch (IOException e) {
            throw new GuestException("cannot empty " + file + ": " + e.getMessage(), e);
        } finally {
            letGo(file, channel, arena);
        }
    }
}
