package dev.plumbline.report;

import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowKind;
import java.util.Locale;

/// Words that several formats use for a flow.
final class FlowText {
    private FlowText() {}

    /// The system call's name, or the kind in small letters: `interrupt`, `new task`.
    static String title(Flow flow) {
        return flow.kind() == FlowKind.SYSTEM_CALL
                ? flow.systemCall().name()
                : kind(flow).replace('_', ' ');
    }

    static String kind(Flow flow) {
        return flow.kind().name().toLowerCase(Locale.ROOT);
    }

    /// The task's name without what would disturb a terminal or a line; `?` for an unknown one.
    static String comm(Flow flow) {
        String comm = flow.task().comm();
        return comm.isEmpty() ? "?" : PlainText.of(comm);
    }
}
