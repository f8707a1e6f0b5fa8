package dev.plumbline.callgraph;

import dev.plumbline.callgraph.CodeScanner.Scan;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.x86.zydis.ZydisUnavailableException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/// The passes from code to graph: regions put in order, functions found, chunks scanned by one or more threads,
/// their tables joined in order of address. The result does not depend on the number of threads.
final class CallGraphBuilder {
    // A region's size fits an int with room; no kernel has a tenth of that in one piece.
    private static final long MAX_REGION_BYTES = 1L << 30;

    private final KernelCode code;
    private final FunctionTable functions;
    private final Thunks thunks;
    private final FunctionFacts facts;
    private final List<CodeChunk> chunks;

    CallGraphBuilder(KernelCode code) {
        this.code = code;
        functions = FunctionTable.of(inOrder(code.regions()), code.symbols());
        thunks = Thunks.of(functions, code.symbols());
        facts = new FunctionFacts(functions.count());
        chunks = CodeChunk.all(functions);
    }

    CallGraph build(int workers) throws ZydisUnavailableException {
        Scan[] scans = new Scan[chunks.size()];
        int threads = Math.clamp(workers, 1, Math.max(1, scans.length));
        List<CodeScanner> scanners = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            scanners.add(new CodeScanner(functions, thunks, facts));
        }
        AtomicInteger next = new AtomicInteger();
        if (threads == 1) {
            scanAll(scanners.getFirst(), next, scans);
        } else {
            scanTogether(scanners, next, scans);
        }
        return join(scans);
    }

    private void scanTogether(List<CodeScanner> scanners, AtomicInteger next, Scan[] scans) {
        try (ExecutorService pool = Executors.newFixedThreadPool(scanners.size())) {
            CompletableFuture.allOf(scanners.stream()
                            .map(scanner -> CompletableFuture.runAsync(() -> scanAll(scanner, next, scans), pool))
                            .toArray(CompletableFuture[]::new))
                    .join();
        }
    }

    private void scanAll(CodeScanner scanner, AtomicInteger next, Scan[] scans) {
        for (int chunk = next.getAndIncrement(); chunk < scans.length; chunk = next.getAndIncrement()) {
            scans[chunk] = scanner.scan(chunks.get(chunk));
        }
    }

    private CallGraph join(Scan[] scans) {
        int edgeCount = 0;
        int indirectCount = 0;
        for (Scan scan : scans) {
            edgeCount += scan.edges().count();
            indirectCount += scan.indirects().count();
        }
        EdgeTable edges = new EdgeTable(edgeCount);
        IndirectTable indirects = new IndirectTable(indirectCount);
        for (int i = 0; i < scans.length; i++) {
            CodeChunk chunk = chunks.get(i);
            facts.shift(chunk.firstFunction(), chunk.endFunction(), edges.count(), indirects.count());
            edges.addAll(scans[i].edges());
            indirects.addAll(scans[i].indirects());
        }
        edges.markPatched(code.patchPlaces());
        indirects.markPatched(code.patchPlaces());
        return new CallGraph(code, functions, facts, edges, indirects);
    }

    // Module addresses come from the guest: where two regions overlap, the bytes of the lower one count.
    private static List<CodeRegion> inOrder(List<CodeRegion> regions) {
        List<CodeRegion> sorted = new ArrayList<>(regions);
        sorted.sort(Comparator.comparing(CodeRegion::baseAddress, Long::compareUnsigned));
        List<CodeRegion> result = new ArrayList<>();
        for (CodeRegion region : sorted) {
            long taken = result.isEmpty() ? 0 : result.getLast().endAddress();
            boolean overlaps = Long.compareUnsigned(taken, region.baseAddress()) > 0;
            CodeRegion clipped = clip(region, overlaps ? taken - region.baseAddress() : 0);
            if (clipped.bytes().byteSize() > 0) {
                result.add(clipped);
            }
        }
        return result;
    }

    private static CodeRegion clip(CodeRegion region, long fromStart) {
        long size = Math.min(region.bytes().byteSize(), MAX_REGION_BYTES);
        long beforeWrap = -region.baseAddress();
        if (beforeWrap > 0) {
            size = Math.min(size, beforeWrap - 1);
        }
        if (fromStart == 0 && size == region.bytes().byteSize()) {
            return region;
        }
        long start = fromStart < 0 ? size : Math.min(fromStart, size);
        return new CodeRegion(
                region.owner(), region.baseAddress() + start, region.bytes().asSlice(start, size - start));
    }
}
