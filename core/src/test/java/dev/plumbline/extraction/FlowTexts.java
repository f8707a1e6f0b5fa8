package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import java.util.ArrayList;
import java.util.List;

/// Keeps flows as short texts, e.g. `open: a( b( c ) *d )`: an indirect call has a star, a tail call an arrow, an
/// unknown
/// function is `?`.
final class FlowTexts implements FlowSink {
    final List<String> all = new ArrayList<>();

    @Override
    public void flow(Flow flow) {
        String head = flow.kind() == FlowKind.SYSTEM_CALL
                ? flow.systemCall().name()
                : flow.kind().name();
        all.add(head + (flow.isWhole() ? ":" : " in part:") + calls(flow));
    }

    static String calls(Flow flow) {
        StringBuilder text = new StringBuilder();
        int open = 0;
        for (int call = 0; call < flow.callCount(); call++) {
            for (; open > flow.depth(call); open--) {
                text.append(" )");
            }
            for (; open < flow.depth(call); open++) {
                text.append('(');
            }
            text.append(' ')
                    .append(flow.isTailCall(call) ? ">" : "")
                    .append(flow.isIndirect(call) ? "*" : "")
                    .append(name(flow, call));
        }
        return text.append(" )".repeat(open)).toString();
    }

    private static String name(Flow flow, int call) {
        int function = flow.function(call);
        return function == CallGraph.NONE
                ? "?"
                : flow.graph().function(function).name();
    }
}
