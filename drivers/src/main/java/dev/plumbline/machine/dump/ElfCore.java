package dev.plumbline.machine.dump;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.MemoryRange;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.VcpuRegisters;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// The headers of an ELF core file as QMP's `dump-guest-memory` writes it (elf(5)):
///
/// | at | what |
/// | --- | --- |
/// | 0 | ELF header, 64 bytes: class 64-bit, little-endian, type CORE, machine x86-64 |
/// | `e_phoff` | program headers, 56 bytes each: one `PT_NOTE`, and a `PT_LOAD` for each run of memory |
/// | `e_shoff` | section header 0, whose `sh_info` counts the program headers where `e_phnum` is 0xffff |
/// | in `PT_NOTE` | for each vCPU a note "CORE" of type 1, then for each a "QEMU" of type 0 ([QemuCpuState]) |
///
/// Immutable.
///
/// @param loads the runs of memory in the file, ascending by guest-physical address, without overlaps
/// @param vcpus the vCPUs' registers
record ElfCore(List<Load> loads, List<VcpuRegisters> vcpus) {
    private static final int HEADER_BYTES = 64;
    private static final int PROGRAM_HEADER_BYTES = 56;
    private static final int NOTE_HEADER_BYTES = 12;
    private static final int MOST_PROGRAM_HEADERS = 1 << 20;
    private static final int LARGEST_NOTES_BYTES = 64 << 20;
    private static final int TYPE_CORE = 4;
    private static final int MACHINE_X86_64 = 62;
    private static final int MACHINE_386 = 3;
    private static final int EXTENDED_COUNT = 0xffff;
    private static final int SECTION_INFO = 44;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final String HOW_TO_DUMP =
            "; take the dump with QMP dump-guest-memory, paging=false, without a format";

    /// A run of guest-physical memory in the file.
    ///
    /// @param range its addresses
    /// @param fileOffset where its first byte is in the file
    record Load(MemoryRange range, long fileOffset) {}

    /// Reads the headers.
    ///
    /// @throws GuestException if the file is no such dump, or is damaged
    static ElfCore read(DumpFile file) throws GuestException {
        checkMagic(file);
        MemorySegment header = file.read(0, HEADER_BYTES, "ELF header");
        checkKind(header, file);
        long offset = header.get(JAVA_LONG_UNALIGNED, 32);
        int count = programHeaderCount(header, file);
        int entryBytes = header.get(JAVA_SHORT_UNALIGNED, 54) & 0xffff;
        if (entryBytes != PROGRAM_HEADER_BYTES || count == 0 || count > MOST_PROGRAM_HEADERS) {
            throw file.damaged("ELF header counts " + count + " program headers of " + entryBytes + " bytes");
        }
        MemorySegment table = file.read(offset, (long) count * PROGRAM_HEADER_BYTES, "program headers");
        List<Load> loads = new ArrayList<>();
        List<VcpuRegisters> vcpus = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            MemorySegment entry = table.asSlice((long) i * PROGRAM_HEADER_BYTES, PROGRAM_HEADER_BYTES);
            switch (entry.get(JAVA_INT_UNALIGNED, 0)) {
                case PT_LOAD -> addLoad(entry, file, loads);
                case PT_NOTE -> addVcpus(entry, file, vcpus);
                default -> {
                    // QEMU writes no others; they hold nothing of the guest.
                }
            }
        }
        if (vcpus.isEmpty()) {
            throw new GuestException("dump " + file + " has no QEMU notes with the registers of vCPUs" + HOW_TO_DUMP);
        }
        return new ElfCore(inOrder(loads, file), List.copyOf(vcpus));
    }

    private static void checkMagic(DumpFile file) throws GuestException {
        if (file.sizeBytes() == 0) {
            throw new GuestException("dump " + file + " is empty" + HOW_TO_DUMP);
        }
        long length = Math.min(file.sizeBytes(), 16);
        byte[] first = file.read(0, length, "first bytes").toArray(JAVA_BYTE);
        String start = new String(first, StandardCharsets.ISO_8859_1);
        if (start.startsWith("KDUMP") || start.startsWith("makedumpfile") || start.startsWith("DISKDUMP")) {
            throw new GuestException(
                    "dump " + file + " is a compressed kdump file, which is not supported" + HOW_TO_DUMP);
        }
        if (!start.startsWith("\u007fELF")) {
            throw new GuestException("dump " + file + " is not an ELF core file" + HOW_TO_DUMP);
        }
    }

    private static void checkKind(MemorySegment header, DumpFile file) throws GuestException {
        int elfClass = header.get(JAVA_BYTE, 4);
        int encoding = header.get(JAVA_BYTE, 5);
        int type = header.get(JAVA_SHORT_UNALIGNED, 16) & 0xffff;
        int machine = header.get(JAVA_SHORT_UNALIGNED, 18) & 0xffff;
        if (elfClass == 1 || machine == MACHINE_386) {
            throw new GuestException("dump " + file + " is of a guest that was not in 64-bit mode:"
                    + " dump it when its x86-64 kernel runs");
        }
        if (elfClass != 2 || encoding != 1 || machine != MACHINE_X86_64) {
            throw new GuestException("dump " + file + " is of another kind of machine (class " + elfClass
                    + ", encoding " + encoding + ", machine " + machine + "): only x86-64 guests are supported");
        }
        if (type != TYPE_CORE) {
            throw new GuestException(
                    "dump " + file + " is an ELF file of type " + type + " and no core file" + HOW_TO_DUMP);
        }
    }

    private static int programHeaderCount(MemorySegment header, DumpFile file) throws GuestException {
        int count = header.get(JAVA_SHORT_UNALIGNED, 56) & 0xffff;
        if (count != EXTENDED_COUNT) {
            return count;
        }
        long sections = header.get(JAVA_LONG_UNALIGNED, 40);
        MemorySegment section = file.read(sections, SECTION_INFO + 4, "section header 0");
        return section.get(JAVA_INT_UNALIGNED, SECTION_INFO);
    }

    private static void addLoad(MemorySegment entry, DumpFile file, List<Load> loads) throws GuestException {
        long offset = entry.get(JAVA_LONG_UNALIGNED, 8);
        long virtual = entry.get(JAVA_LONG_UNALIGNED, 16);
        long physical = entry.get(JAVA_LONG_UNALIGNED, 24);
        long fileBytes = entry.get(JAVA_LONG_UNALIGNED, 32);
        if (virtual != 0 && virtual != physical) {
            throw new GuestException(
                    "dump " + file + " was taken with paging=true, by virtual addresses" + HOW_TO_DUMP);
        }
        if (fileBytes == 0) {
            return;
        }
        if (physical < 0 || fileBytes < 0 || physical + fileBytes < 0) {
            throw file.damaged("a run of memory at 0x" + Long.toHexString(physical) + " has 0x"
                    + Long.toHexString(fileBytes) + " bytes");
        }
        file.check(offset, fileBytes, "memory at 0x" + Long.toHexString(physical));
        loads.add(new Load(new MemoryRange(new PhysicalAddress(physical), fileBytes), offset));
    }

    private static void addVcpus(MemorySegment entry, DumpFile file, List<VcpuRegisters> vcpus) throws GuestException {
        long size = entry.get(JAVA_LONG_UNALIGNED, 32);
        if (size > LARGEST_NOTES_BYTES) {
            throw file.damaged("its notes have " + size + " bytes");
        }
        MemorySegment notes = file.read(entry.get(JAVA_LONG_UNALIGNED, 8), size, "notes");
        long at = 0;
        while (at + NOTE_HEADER_BYTES <= size) {
            long nameBytes = Integer.toUnsignedLong(notes.get(JAVA_INT_UNALIGNED, at));
            long contentBytes = Integer.toUnsignedLong(notes.get(JAVA_INT_UNALIGNED, at + 4));
            long name = at + NOTE_HEADER_BYTES;
            long content = name + padded(nameBytes);
            if (content + contentBytes > size) {
                throw file.damaged("a note at offset " + at + " of its notes is longer than these");
            }
            if (isName(notes.asSlice(name, nameBytes), "QEMU") && notes.get(JAVA_INT_UNALIGNED, at + 8) == 0) {
                vcpus.add(QemuCpuState.registers(notes.asSlice(content, contentBytes), file));
            }
            at = content + padded(contentBytes);
        }
    }

    private static boolean isName(MemorySegment bytes, String name) {
        byte[] expected = (name + "\0").getBytes(StandardCharsets.US_ASCII);
        return MemorySegment.ofArray(expected).mismatch(bytes) == -1;
    }

    private static long padded(long bytes) {
        return (bytes + 3) & ~3L;
    }

    private static List<Load> inOrder(List<Load> loads, DumpFile file) throws GuestException {
        if (loads.isEmpty()) {
            throw new GuestException("dump " + file + " holds no memory" + HOW_TO_DUMP);
        }
        loads.sort(Comparator.comparing(load -> load.range().start()));
        List<Load> merged = new ArrayList<>();
        for (Load load : loads) {
            Load before = merged.isEmpty() ? null : merged.getLast();
            if (before != null && before.range().end().compareTo(load.range().start()) > 0) {
                throw file.damaged(
                        "two runs of memory overlap at " + load.range().start());
            }
            if (before != null && continues(before, load)) {
                long size = before.range().sizeBytes() + load.range().sizeBytes();
                merged.removeLast();
                merged.add(new Load(new MemoryRange(before.range().start(), size), before.fileOffset()));
            } else {
                merged.add(load);
            }
        }
        return List.copyOf(merged);
    }

    private static boolean continues(Load before, Load load) {
        return before.range().end().equals(load.range().start())
                && before.fileOffset() + before.range().sizeBytes() == load.fileOffset();
    }
}
