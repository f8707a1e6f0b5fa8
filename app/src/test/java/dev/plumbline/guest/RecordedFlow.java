package dev.plumbline.guest;

import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowNames;
import dev.plumbline.extraction.TaskIdentity;
import java.util.ArrayList;
import java.util.List;

/// A flow as it was when it was over.
///
/// @param roots what was called from outside of the flow: one function for a system call
record RecordedFlow(FlowKind kind, TaskIdentity task, boolean isWhole, List<RanFunction> roots) {

    static RecordedFlow of(Flow flow, FlowNames names) {
        List<RanFunction> roots = new ArrayList<>();
        List<RanFunction> open = new ArrayList<>();
        for (int call = 0; call < flow.callCount(); call++) {
            RanFunction function = new RanFunction(names.function(flow, call).replaceAll(" \\[\\w+]", ""));
            int depth = flow.depth(call);
            (depth == 0 ? roots : open.get(depth - 1).callees()).add(function);
            open.subList(depth, open.size()).clear();
            open.add(function);
        }
        return new RecordedFlow(flow.kind(), flow.task(), flow.isWhole(), roots);
    }
}
