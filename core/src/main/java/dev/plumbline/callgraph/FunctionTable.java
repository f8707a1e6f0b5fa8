package dev.plumbline.callgraph;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.SymbolTable;
import java.util.Arrays;
import java.util.List;

/// The functions of all regions, ascending by address: one for each address that has a text symbol, other than the
/// symbols of the padding that kernels with call thunks keep in front of functions (`CONFIG_CALL_PADDING`, since
/// 6.2). Immutable.
final class FunctionTable {
    // A region's functions are found by the block an address lies in; most blocks hold a few functions.
    private static final int BLOCK_SHIFT = 8;
    private static final String PADDING_PREFIX = "__pfx_";

    private final List<CodeRegion> regions;
    private final long[] regionStarts;
    private final long[] regionSizes;
    private final int[] firstInRegion;
    private final long[] addresses;
    private final int[] ranks;
    private final int[][] floorOfBlock;

    private FunctionTable(List<CodeRegion> regions, int[] firstInRegion, long[] addresses, int[] ranks) {
        this.regions = regions;
        this.regionStarts = regions.stream().mapToLong(CodeRegion::baseAddress).toArray();
        this.regionSizes =
                regions.stream().mapToLong(region -> region.bytes().byteSize()).toArray();
        this.firstInRegion = firstInRegion;
        this.addresses = addresses;
        this.ranks = ranks;
        this.floorOfBlock = new int[regions.size()][];
        for (int region = 0; region < floorOfBlock.length; region++) {
            floorOfBlock[region] = blocks(region);
        }
    }

    /// @param regions ascending, without overlaps, none empty
    static FunctionTable of(List<CodeRegion> regions, SymbolTable symbols) {
        long[] addresses = new long[symbols.size()];
        int[] ranks = new int[symbols.size()];
        int[] firstInRegion = new int[regions.size() + 1];
        int count = 0;
        for (int region = 0; region < regions.size(); region++) {
            CodeRegion code = regions.get(region);
            firstInRegion[region] = count;
            for (int rank = rankAtOrAfter(symbols, code.baseAddress()); rank < symbols.size(); rank++) {
                int symbol = symbols.atRank(rank);
                long address = symbols.address(symbol);
                if (!code.contains(address)) {
                    break;
                }
                boolean isAlias = count > firstInRegion[region] && addresses[count - 1] == address;
                if (symbols.isText(symbol) && !isAlias && !symbols.nameStartsWith(symbol, PADDING_PREFIX)) {
                    addresses[count] = address;
                    ranks[count++] = rank;
                }
            }
        }
        firstInRegion[regions.size()] = count;
        return new FunctionTable(
                List.copyOf(regions), firstInRegion, Arrays.copyOf(addresses, count), Arrays.copyOf(ranks, count));
    }

    private static int rankAtOrAfter(SymbolTable symbols, long address) {
        return address == 0 ? 0 : symbols.floorRank(address - 1) + 1;
    }

    private int[] blocks(int region) {
        int[] floors = new int[(int) (regionSizes[region] - 1 >>> BLOCK_SHIFT) + 1];
        int function = firstInRegion[region] - 1;
        for (int block = 0; block < floors.length; block++) {
            long offset = (long) block << BLOCK_SHIFT;
            while (function + 1 < firstInRegion[region + 1]
                    && addresses[function + 1] - regionStarts[region] <= offset) {
                function++;
            }
            floors[block] = function;
        }
        return floors;
    }

    int count() {
        return addresses.length;
    }

    List<CodeRegion> regions() {
        return regions;
    }

    /// The number of the region's first function; for the number of regions, the count of all functions.
    int firstInRegion(int region) {
        return firstInRegion[region];
    }

    long address(int function) {
        return addresses[function];
    }

    /// Address behind the function's padding: of the next function, or the region's end.
    long extentEnd(int function) {
        int region = regionAt(addresses[function]);
        return function + 1 < firstInRegion[region + 1]
                ? addresses[function + 1]
                : regionStarts[region] + regionSizes[region];
    }

    /// Position in address order of the function's first text symbol; data symbols may be among those that follow.
    int rank(int function) {
        return ranks[function];
    }

    /// Whether the next function follows without a gap, in the same region.
    boolean hasNeighbour(int function) {
        return function + 1 < addresses.length && extentEnd(function) == addresses[function + 1];
    }

    /// The function whose extent holds `address`, or [CallGraph#NONE].
    int at(long address) {
        int region = regionAt(address);
        if (region < 0) {
            return CallGraph.NONE;
        }
        long offset = address - regionStarts[region];
        int function = floorOfBlock[region][(int) (offset >>> BLOCK_SHIFT)];
        int end = firstInRegion[region + 1];
        while (function + 1 < end && Long.compareUnsigned(addresses[function + 1], address) <= 0) {
            function++;
        }
        return function < firstInRegion[region] ? CallGraph.NONE : function;
    }

    /// The region that holds `address`, or -1.
    private int regionAt(long address) {
        int low = 0;
        int high = regionStarts.length - 1;
        while (low <= high) {
            int middle = low + high >>> 1;
            if (Long.compareUnsigned(address, regionStarts[middle]) < 0) {
                high = middle - 1;
            } else if (Long.compareUnsigned(address - regionStarts[middle], regionSizes[middle]) < 0) {
                return middle;
            } else {
                low = middle + 1;
            }
        }
        return -1;
    }
}
