package dev.plumbline.callgraph;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.SymbolTable;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Writes code and its text symbols as an ELF64 file that binutils read: one section for each region, a symbol table.
/// Symbols of the padding in front of functions are left out, as the call graph does: what they cover is no function.
/// Source of the format: System V gABI, chapter 4.
public final class ElfFile {
    private static final int HEADER_BYTES = 64;
    private static final int SECTION_HEADER_BYTES = 64;
    private static final int SYMBOL_BYTES = 24;
    private static final short EXECUTABLE = 2;
    private static final short X86_64 = 62;
    private static final int PROGBITS = 1;
    private static final int SYMTAB = 2;
    private static final int STRTAB = 3;
    private static final int ALLOCATED_CODE = 6;
    private static final byte GLOBAL_FUNCTION = 0x12;
    private static final String PADDING_PREFIX = "__pfx_";

    // Section and symbol names all are the same ones.
    private static final byte[] STRINGS = "\0.text\0f\0".getBytes(StandardCharsets.US_ASCII);
    private static final int TEXT_NAME = 1;
    private static final int FUNCTION_NAME = 7;

    private ElfFile() {}

    /// Writes `code` to `path`.
    public static void write(KernelCode code, Path path) throws IOException {
        List<CodeRegion> regions = code.regions();
        ByteBuffer symbols = symbols(code);
        long codeBytes = regions.stream().mapToLong(r -> r.bytes().byteSize()).sum();
        long symbolsAt = HEADER_BYTES + codeBytes;
        long stringsAt = symbolsAt + symbols.remaining();
        long headersAt = stringsAt + STRINGS.length;
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(path), 1 << 20)) {
            put(out, fileHeader(headersAt, regions.size() + 3));
            for (CodeRegion region : regions) {
                put(out, region.bytes().asByteBuffer());
            }
            put(out, symbols);
            out.write(STRINGS);
            put(out, sectionHeader(0, 0, 0, 0, 0));
            long offset = HEADER_BYTES;
            for (CodeRegion region : regions) {
                long size = region.bytes().byteSize();
                put(out, sectionHeader(PROGBITS, ALLOCATED_CODE, region.baseAddress(), offset, size));
                offset += size;
            }
            ByteBuffer symbolHeader = sectionHeader(SYMTAB, 0, 0, symbolsAt, stringsAt - symbolsAt);
            put(out, symbolHeader.putInt(40, regions.size() + 2).putInt(44, 1).putLong(56, SYMBOL_BYTES));
            put(out, sectionHeader(STRTAB, 0, 0, stringsAt, STRINGS.length));
        }
    }

    private static ByteBuffer symbols(KernelCode code) {
        SymbolTable table = code.symbols();
        ByteBuffer out = buffer((table.size() + 1) * SYMBOL_BYTES).position(SYMBOL_BYTES);
        for (int symbol = 0; symbol < table.size(); symbol++) {
            for (int region = 0; region < code.regions().size(); region++) {
                if (isFunction(table, symbol) && code.regions().get(region).contains(table.address(symbol))) {
                    out.putInt(FUNCTION_NAME).put(GLOBAL_FUNCTION).put((byte) 0).putShort((short) (region + 1));
                    out.putLong(table.address(symbol)).putLong(0);
                }
            }
        }
        return out.flip();
    }

    private static boolean isFunction(SymbolTable table, int symbol) {
        return table.isText(symbol) && !table.name(symbol).startsWith(PADDING_PREFIX);
    }

    private static ByteBuffer fileHeader(long headersAt, int sections) {
        ByteBuffer header = buffer(HEADER_BYTES);
        header.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}).position(16);
        header.putShort(EXECUTABLE)
                .putShort(X86_64)
                .putInt(1)
                .putLong(0)
                .putLong(0)
                .putLong(headersAt);
        header.putInt(0).putShort((short) HEADER_BYTES).putShort((short) 0).putShort((short) 0);
        header.putShort((short) SECTION_HEADER_BYTES).putShort((short) sections).putShort((short) (sections - 1));
        return header.flip();
    }

    private static ByteBuffer sectionHeader(int type, long flags, long address, long offset, long size) {
        ByteBuffer header = buffer(SECTION_HEADER_BYTES);
        header.putInt(type == PROGBITS ? TEXT_NAME : 0).putInt(type).putLong(flags);
        header.putLong(address).putLong(offset).putLong(size);
        return header.clear();
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void put(OutputStream out, ByteBuffer bytes) throws IOException {
        byte[] block = new byte[1 << 16];
        while (bytes.hasRemaining()) {
            int count = Math.min(block.length, bytes.remaining());
            bytes.get(block, 0, count);
            out.write(block, 0, count);
        }
    }
}
