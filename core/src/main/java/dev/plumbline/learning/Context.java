package dev.plumbline.learning;

import dev.plumbline.extraction.Flow;
import dev.plumbline.extraction.ObservedEdge;

/// What a model is kept for: one system call, one family of kernel threads, or one other kind of work.
///
/// @param kind the kind
/// @param name the system call as the kernel calls it (`newstat`), or the family of threads; empty for
///   the others
public record Context(ContextKind kind, String name) implements Comparable<Context> {
    private static final String PREFIX_END = "_sys_";

    /// The context of a flow.
    public static Context of(Flow flow) {
        return switch (flow.kind()) {
            case SYSTEM_CALL ->
                flow.systemCall().number() < 0
                        ? new Context(
                                ContextKind.SYSTEM_CALL_32,
                                plain(flow.systemCall().name()))
                        : new Context(ContextKind.SYSTEM_CALL, flow.systemCall().name());
            case KERNEL_THREAD ->
                new Context(ContextKind.KERNEL_THREAD, family(flow.task().comm()));
            case INTERRUPT -> new Context(ContextKind.INTERRUPT, "");
            case EXCEPTION -> new Context(ContextKind.EXCEPTION, "");
            case NEW_TASK -> new Context(ContextKind.NEW_TASK, "");
            case OTHER -> new Context(ContextKind.OTHER, "");
        };
    }

    /// The context of an edge of edge mode. Of 32-bit system calls that mode knows no names: theirs is
    /// empty here.
    public static Context of(ObservedEdge edge) {
        if (edge.inSystemCall()) {
            return edge.context().startsWith(ObservedEdge.NUMBERED_32)
                    ? new Context(ContextKind.SYSTEM_CALL_32, "")
                    : new Context(ContextKind.SYSTEM_CALL, edge.context());
        }
        return switch (edge.context()) {
            case ObservedEdge.INTERRUPT -> new Context(ContextKind.INTERRUPT, "");
            case ObservedEdge.EXCEPTION -> new Context(ContextKind.EXCEPTION, "");
            case ObservedEdge.KERNEL_THREAD ->
                new Context(ContextKind.KERNEL_THREAD, family(edge.task().comm()));
            default -> new Context(ContextKind.OTHER, "");
        };
    }

    // `ia32_sys_open` and `ia32_compat_sys_open` are what the kernel calls the functions.
    private static String plain(String name32) {
        int end = name32.indexOf(PREFIX_END);
        return end < 0 ? name32 : name32.substring(end + PREFIX_END.length());
    }

    /// The family that a kernel thread's name tells: what stands before the first `/` or `:`, without
    /// digits and separators at its end. `kworker/0:1H`, `ksoftirqd/3` and `kswapd0` are of `kworker`,
    /// `ksoftirqd` and `kswapd`.
    public static String family(String comm) {
        int end = 0;
        while (end < comm.length() && comm.charAt(end) != '/' && comm.charAt(end) != ':') {
            end++;
        }
        while (end > 0 && "0123456789-_".indexOf(comm.charAt(end - 1)) >= 0) {
            end--;
        }
        StringBuilder family = new StringBuilder(end);
        // A task's name is the guest's, and is printed.
        comm.substring(0, end)
                .chars()
                .map(letter -> letter > ' ' && letter < 0x7f ? letter : '?')
                .forEach(letter -> family.append((char) letter));
        return family.isEmpty() ? "?" : family.toString();
    }

    /// For people: `getdents64`, `32-bit open`, `kernel thread kworker`, `interrupt`.
    public String title() {
        return kind.title() + name;
    }

    /// By kind, then by name.
    @Override
    public int compareTo(Context other) {
        int kinds = kind.compareTo(other.kind);
        return kinds == 0 ? name.compareTo(other.name) : kinds;
    }
}
