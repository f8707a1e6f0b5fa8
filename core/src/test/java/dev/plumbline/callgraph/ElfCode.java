package dev.plumbline.callgraph;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SymbolTableBuilder;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/// The `.text` section of an ELF64 file, and the functions its symbol table names there, as if it were a kernel.
/// Source of the format: System V gABI, chapter 4.
public final class ElfCode {
    private static final int SECTION_HEADER_BYTES = 64;
    private static final int SYMBOL_BYTES = 24;
    private static final int SYMBOL_TABLE = 2;
    private static final int FUNCTION = 2;

    private final ByteBuffer file;
    private final ByteBuffer text;
    private final int textSection;

    private ElfCode(ByteBuffer file) {
        this.file = file;
        textSection = sectionNamed(".text");
        text = section(textSection);
    }

    /// The largest real program at hand: the virtual machine this runs in.
    public static ElfCode ofJvm() throws IOException {
        return of(Path.of(System.getProperty("java.home"), "lib", "server", "libjvm.so"));
    }

    public static ElfCode of(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path)) {
            ByteBuffer file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
            return new ElfCode(file.order(ByteOrder.LITTLE_ENDIAN));
        }
    }

    public byte[] text() {
        byte[] bytes = new byte[text.remaining()];
        text.get(text.position(), bytes);
        return bytes;
    }

    public KernelCode asKernel(long base) {
        long linked = file.getLong(header(textSection) + 16);
        SymbolTableBuilder symbols = new SymbolTableBuilder(100_000);
        for (int section = 0; section < file.getShort(60); section++) {
            if (file.getInt(header(section) + 4) == SYMBOL_TABLE) {
                addSymbols(symbols, section, base - linked);
            }
        }
        CodeRegion region = new CodeRegion(null, base, MemorySegment.ofArray(text()));
        return new KernelCode(List.of(region), symbols.build(), PatchPlaces.NONE);
    }

    private void addSymbols(SymbolTableBuilder symbols, int section, long slide) {
        ByteBuffer table = section(section);
        ByteBuffer names = section(file.getInt(header(section) + 40));
        for (int at = table.position(); at < table.limit(); at += SYMBOL_BYTES) {
            boolean isFunction = (file.get(at + 4) & 15) == FUNCTION;
            if (isFunction && file.getShort(at + 6) == textSection) {
                char type = file.get(at + 4) >> 4 == 0 ? 't' : 'T';
                symbols.add(file.getLong(at + 8) + slide, type, string(names.position() + file.getInt(at)));
            }
        }
    }

    private int sectionNamed(String name) {
        int names = section(file.getShort(62)).position();
        for (int section = 0; section < file.getShort(60); section++) {
            if (string(names + file.getInt(header(section))).equals(name)) {
                return section;
            }
        }
        throw new IllegalArgumentException("no section " + name);
    }

    private ByteBuffer section(int section) {
        int offset = (int) file.getLong(header(section) + 24);
        int size = (int) file.getLong(header(section) + 32);
        return file.duplicate().position(offset).limit(offset + size);
    }

    private int header(int section) {
        return (int) file.getLong(40) + section * SECTION_HEADER_BYTES;
    }

    private String string(int start) {
        int end = start;
        while (file.get(end) != 0) {
            end++;
        }
        byte[] bytes = new byte[end - start];
        file.get(start, bytes);
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }
}
