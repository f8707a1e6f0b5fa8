package dev.plumbline.kernel;

import dev.plumbline.machine.GuestException;
import java.util.HexFormat;

/// Reads which kernel runs: its banner, the linker's build id, and what differs from one boot to the next.
final class IdentityReader {
    private static final int LONGEST_BANNER = 1024;
    private static final int GNU_BUILD_ID_NOTE = 3;
    private static final int LONGEST_BUILD_ID = 64;
    private static final int NOTE_HEADER_BYTES = 12;

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final Btf btf;
    private final KernelImage image;

    IdentityReader(KernelMemory memory, KernelSymbols symbols, Btf btf, KernelImage image) {
        this.memory = memory;
        this.symbols = symbols;
        this.btf = btf;
        this.image = image;
    }

    KernelIdentity read() throws GuestException {
        String banner = memory.text("linux_banner", symbols.address("linux_banner"), LONGEST_BANNER);
        Block notes = memory.between("ELF notes", symbols.address("__start_notes"), symbols.address("__stop_notes"));
        return new KernelIdentity(banner.strip(), buildId(notes), bootMark());
    }

    // ELF notes: name size, descriptor size, type; then name and descriptor, each padded to 4 bytes.
    private static String buildId(Block notes) throws KernelFormatException {
        long at = 0;
        while (at + NOTE_HEADER_BYTES <= notes.size()) {
            long nameBytes = notes.u32(at);
            long idBytes = notes.u32(at + 4);
            long name = at + NOTE_HEADER_BYTES;
            long id = name + padded(nameBytes);
            boolean isGnu = nameBytes == 4 && notes.text(name, 4).equals("GNU");
            if (isGnu && notes.u32(at + 8) == GNU_BUILD_ID_NOTE && idBytes <= LONGEST_BUILD_ID) {
                notes.u8(id + idBytes - 1);
                return HexFormat.of().formatHex(notes.bytes(), (int) id, (int) (id + idBytes));
            }
            at = id + padded(idBytes);
        }
        throw notes.malformed(0, "no GNU build id among the kernel's notes");
    }

    private static long padded(long bytes) {
        return bytes + 3 & -4L;
    }

    /// The random places of image and direct map, and, because these are fixed without KASLR, the random stack
    /// canary of the first task, of which nothing can be told from the mark.
    private String bootMark() throws GuestException {
        long mark = mix(mix(0, image.virtualBase()), image.physicalBase());
        var directMap = symbols.find("page_offset_base");
        if (directMap.isPresent()) {
            mark = mix(mark, memory.s64(directMap.getAsLong()));
        }
        StructLayout task = btf.struct("task_struct");
        if (task.has("stack_canary")) {
            mark = mix(mark, memory.s64(symbols.address("init_task") + task.offset("stack_canary")));
        }
        return HexFormat.of().toHexDigits(mark);
    }

    // The finaliser of SplitMix64.
    private static long mix(long seed, long value) {
        long mixed = seed * 0x9e37_79b9_7f4a_7c15L + value;
        mixed = (mixed ^ mixed >>> 30) * 0xbf58_476d_1ce4_e5b9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94d0_49bb_1331_11ebL;
        return mixed ^ mixed >>> 31;
    }
}
