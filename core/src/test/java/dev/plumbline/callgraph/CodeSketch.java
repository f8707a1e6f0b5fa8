package dev.plumbline.callgraph;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.kernel.SymbolTableBuilder;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.List;

/// Builds one region of code by hand, function after function.
public final class CodeSketch {
    public static final long BASE = 0xffffffff81000000L;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final SymbolTableBuilder symbols = new SymbolTableBuilder(16);

    /// The address of what comes next.
    public long here() {
        return BASE + bytes.size();
    }

    /// A text symbol for what comes next.
    public CodeSketch symbol(char type, String name) {
        symbols.add(here(), type, name);
        return this;
    }

    public CodeSketch function(String name) {
        return symbol('T', name);
    }

    public CodeSketch hex(String hex) {
        bytes.writeBytes(HexFormat.of().parseHex(hex));
        return this;
    }

    /// An opcode followed by a 32-bit displacement to the target.
    public CodeSketch branch(String opcode, long target) {
        hex(opcode);
        long displacement = target - (here() + 4);
        for (int shift = 0; shift < 32; shift += 8) {
            bytes.write((int) (displacement >> shift));
        }
        return this;
    }

    /// Fills up with breakpoints to the offset from the base.
    public CodeSketch upTo(int offset) {
        while (bytes.size() < offset) {
            bytes.write(0xcc);
        }
        return this;
    }

    public KernelCode code() {
        return code(PatchPlaces.NONE);
    }

    public KernelCode code(PatchPlaces places) {
        CodeRegion region = new CodeRegion(null, BASE, MemorySegment.ofArray(bytes.toByteArray()));
        return new KernelCode(List.of(region), symbols.build(), places);
    }
}
