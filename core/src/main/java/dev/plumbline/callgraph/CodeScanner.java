package dev.plumbline.callgraph;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.plumbline.x86.BranchOperand;
import dev.plumbline.x86.DirectBranch;
import dev.plumbline.x86.InstructionDecoder;
import dev.plumbline.x86.InstructionFlow;
import dev.plumbline.x86.zydis.ZydisUnavailableException;
import java.lang.foreign.MemorySegment;

/// Decodes code linearly, function by function, and notes edges and indirect sites. An instruction never reaches
/// into the next function: the kernel's symbols are trusted over its bytes, as GNU objdump does. For one thread.
final class CodeScanner {
    private static final int LAST_PADDING = InstructionFlow.BREAKPOINT.ordinal();
    private static final int FIRST_BRANCH = InstructionFlow.CALL.ordinal();

    private final FunctionTable functions;
    private final Thunks thunks;
    private final FunctionFacts facts;
    private final InstructionDecoder decoder = new InstructionDecoder();
    private byte[] code = new byte[0];
    private long codeAddress;
    private EdgeTable edges;
    private IndirectTable indirects;

    CodeScanner(FunctionTable functions, Thunks thunks, FunctionFacts facts) throws ZydisUnavailableException {
        this.functions = functions;
        this.thunks = thunks;
        this.facts = facts;
    }

    /// What one chunk holds; positions noted in [FunctionFacts] count from its own start.
    record Scan(EdgeTable edges, IndirectTable indirects) {}

    Scan scan(CodeChunk chunk) {
        read(chunk);
        edges = new EdgeTable(chunk.sizeBytes() / 32);
        indirects = new IndirectTable(chunk.sizeBytes() / 1024);
        int function = chunk.firstFunction();
        long firstAddress = function < chunk.endFunction() ? functions.address(function) : chunk.end();
        if (chunk.start() != firstAddress) {
            scan(CallGraph.NONE, chunk.start(), firstAddress);
        }
        for (; function < chunk.endFunction(); function++) {
            boolean isLast = function + 1 == chunk.endFunction();
            scan(function, functions.address(function), isLast ? chunk.end() : functions.address(function + 1));
        }
        return new Scan(edges, indirects);
    }

    private void read(CodeChunk chunk) {
        int needed = chunk.sizeBytes() + InstructionDecoder.LOOKAHEAD_BYTES;
        if (code.length < needed) {
            code = new byte[needed];
        }
        codeAddress = chunk.start();
        long offset = chunk.start() - chunk.region().baseAddress();
        MemorySegment.copy(chunk.region().bytes(), JAVA_BYTE, offset, code, 0, chunk.sizeBytes());
    }

    private void scan(int function, long start, long end) {
        int edgeStart = edges.count();
        int indirectStart = indirects.count();
        int limit = (int) (end - codeAddress);
        int first = (int) (start - codeAddress);
        int bodyEnd = first;
        int lastDecoded = 0;
        int decoded;
        for (int at = first; at < limit; at += InstructionDecoder.length(decoded)) {
            decoded = decoder.decode(code, at, limit);
            int flow = decoded >> 4;
            if (flow > LAST_PADDING) {
                bodyEnd = at + InstructionDecoder.length(decoded);
                lastDecoded = decoded;
                if (flow >= FIRST_BRANCH) {
                    noteBranch(at, decoded, start, end);
                }
            }
        }
        if (function != CallGraph.NONE) {
            facts.sizesBytes[function] = bodyEnd - first;
            facts.flowsOn[function] =
                    bodyEnd > first && InstructionFlow.of(lastDecoded).flowsOn();
            facts.edgeStarts[function] = edgeStart;
            facts.edgeEnds[function] = edges.count();
            facts.indirectStarts[function] = indirectStart;
            facts.indirectEnds[function] = indirects.count();
        }
    }

    private void noteBranch(int at, int decoded, long start, long end) {
        InstructionFlow flow = InstructionFlow.of(decoded);
        int length = InstructionDecoder.length(decoded);
        long site = codeAddress + at;
        if (!flow.isDirect()) {
            boolean isCall = flow == InstructionFlow.INDIRECT_CALL;
            indirects.add(site, isCall, BranchOperand.of(code, at, length, site));
            return;
        }
        long target = DirectBranch.target(code, at, length, site);
        boolean isWithin = target - start >= 0 && target - start < end - start;
        if (flow == InstructionFlow.CALL || !isWithin) {
            noteEdge(site, target, flow);
        }
    }

    private void noteEdge(long site, long targetAddress, InstructionFlow flow) {
        int target = functions.at(targetAddress);
        boolean isEntry = target != CallGraph.NONE && functions.address(target) == targetAddress;
        int thunk = isEntry ? thunks.kindOf(target) : Thunks.NONE;
        boolean isCall = flow == InstructionFlow.CALL;
        edges.add(site, targetAddress, target, kind(flow, thunk));
        if (thunk != Thunks.NONE && thunk != Thunks.RETURN) {
            indirects.addThunk(site, isCall, thunk);
        }
    }

    private static EdgeKind kind(InstructionFlow flow, int thunk) {
        if (flow == InstructionFlow.CALL) {
            return EdgeKind.CALL;
        }
        if (thunk == Thunks.RETURN) {
            return EdgeKind.RETURN;
        }
        return flow == InstructionFlow.JUMP ? EdgeKind.TAIL_JUMP : EdgeKind.CONDITIONAL_JUMP;
    }
}
