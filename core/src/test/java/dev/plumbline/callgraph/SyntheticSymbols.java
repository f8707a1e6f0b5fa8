package dev.plumbline.callgraph;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.SymbolTableBuilder;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/// Gives code text symbols that nobody compiled: most where compilers begin functions, some anywhere, in the middle of
/// instructions too, and a few outside.
final class SyntheticSymbols {
    private static final int MEAN_BYTES = 320;

    private SyntheticSymbols() {}

    static KernelCode add(KernelCode code, long seed) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
        SymbolTableBuilder symbols = new SymbolTableBuilder(50_000);
        for (CodeRegion region : code.regions()) {
            symbols.owner(region.owner());
            long end = region.endAddress() + MEAN_BYTES;
            long address = region.baseAddress();
            for (int i = 0; Long.compareUnsigned(address, end) < 0; i++) {
                address += random.nextInt(1, MEAN_BYTES * 2);
                long symbol = random.nextInt(10) == 0 ? address : address & -16;
                symbols.add(symbol, "tTwWdb".charAt(random.nextInt(6)), "f" + i);
            }
        }
        return new KernelCode(code.regions(), symbols.build(), code.patchPlaces());
    }
}
