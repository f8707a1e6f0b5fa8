package dev.plumbline.callgraph;

import dev.plumbline.kernel.CodeRegion;
import java.util.ArrayList;
import java.util.List;

/// A part of a region that is scanned in one go: whole functions, and what stands before a region's first one.
///
/// @param region the region
/// @param start virtual address of the first byte
/// @param end virtual address behind the last byte
/// @param firstFunction the first function
/// @param endFunction the function behind the last; may equal `firstFunction`
record CodeChunk(CodeRegion region, long start, long end, int firstFunction, int endFunction) {
    // Large enough that threads seldom ask for work, small enough that they finish together.
    private static final long TARGET_BYTES = 1 << 18;

    int sizeBytes() {
        return (int) (end - start);
    }

    /// All code, in order of address.
    static List<CodeChunk> all(FunctionTable functions) {
        List<CodeChunk> chunks = new ArrayList<>();
        for (int number = 0; number < functions.regions().size(); number++) {
            addRegion(chunks, functions, number);
        }
        return chunks;
    }

    private static void addRegion(List<CodeChunk> chunks, FunctionTable functions, int number) {
        CodeRegion region = functions.regions().get(number);
        int endFunction = functions.firstInRegion(number + 1);
        long start = region.baseAddress();
        int first = functions.firstInRegion(number);
        for (int function = first + 1; function < endFunction; function++) {
            long address = functions.address(function);
            if (address - start >= TARGET_BYTES) {
                chunks.add(new CodeChunk(region, start, address, first, function));
                start = address;
                first = function;
            }
        }
        chunks.add(new CodeChunk(region, start, region.endAddress(), first, endFunction));
    }
}
