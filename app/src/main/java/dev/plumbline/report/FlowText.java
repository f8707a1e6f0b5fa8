package dev.plumbline.report;

import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.FlowKind;
import dev.plumbline.extraction.FlowNames;
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

    /// The title, and for what came in through the kernel's entry code the function there:
    /// `interrupt sysvec_apic_timer_interrupt`.
    static String titleWithEntry(Flow flow, FlowNames names) {
        boolean isEntered = flow.kind() == FlowKind.INTERRUPT || flow.kind() == FlowKind.EXCEPTION;
        if (!isEntered || flow.callCount() == 0) {
            return title(flow);
        }
        String place = names.caller(flow, 0);
        int offset = place.indexOf('+');
        return title(flow) + " " + (offset < 0 ? place : place.substring(0, offset));
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
