package dev.plumbline.monitoring;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.Function;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import dev.plumbline.machine.Translation;
import dev.plumbline.machine.UnreadableMemoryException;
import dev.plumbline.machine.VirtualAddress;
import dev.plumbline.monitoring.LegalPatching.Verdict;
import dev.plumbline.monitoring.PatchablePlaces.Place;
import dev.plumbline.probe.WrittenCode;
import dev.plumbline.x86.PatchShape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The code of the kernel and of its modules compared with what it was before any probe was set, and what probes have
/// written since. For one thread.
final class TextIntegrity {
    private static final int PLACE_BYTES = 5;
    private static final int LONGEST_CHANGE_BYTES = 64;
    private static final int LONGEST_INSTRUCTION_BYTES = 15;
    private static final int LARGEST_FUNCTION_BYTES = 64 << 10;
    /// A tracer that turns thousands of functions on or off takes that long under load.
    private static final long PATIENCE_NANOS = 5_000_000_000L;

    private static final int MOST_ALERTS = 64;

    private final LinuxKernel kernel;
    private final KernelPlaces places;
    private final LegalPatching legal;
    private final TextAlerts alerts;
    private Map<Long, Long> underWay = Map.of();
    private final Map<Long, byte[]> told = new HashMap<>();
    private final List<Piece> ours = new ArrayList<>();
    private List<WatchedText> texts = new ArrayList<>();
    private PatchablePlaces patchable;
    private WrittenCode written = new WrittenCode();
    private long mark;
    private boolean entriesChecked;

    TextIntegrity(LinuxKernel kernel, KernelPlaces places) throws GuestException {
        this.kernel = kernel;
        this.places = places;
        this.legal = new LegalPatching(kernel, places);
        this.alerts = new TextAlerts(places);
        use(places.graph());
    }

    private record Change(WatchedText text, TextChange bytes, Optional<Place> place) {}

    /// From now on the code is this; what is new in it is as it is to be.
    void use(CallGraph graph) {
        List<WatchedText> now = new ArrayList<>();
        for (CodeRegion region : graph.regions()) {
            now.add(texts.stream()
                    .filter(text -> text.isOf(region))
                    .findFirst()
                    .orElseGet(() -> WatchedText.of(region)));
        }
        texts = now;
        patchable = new PatchablePlaces(kernel, graph);
    }

    /// @param now what probes have written until now
    /// @param nanos the time
    void look(WrittenCode now, long nanos, Alert.Sink sink) throws GuestException {
        legal.forget();
        learnWritten(now);
        List<Change> changes = new ArrayList<>();
        for (WatchedText text : texts) {
            text.memory().look(kernel.addressSpace(), address -> collect(text, address, changes));
        }
        if (!entriesChecked) {
            collectEntries(changes);
            entriesChecked = true;
        }
        Map<Long, Long> stillUnderWay = new HashMap<>();
        int raised = 0;
        for (Change change : changes) {
            if (raised < MOST_ALERTS && judge(change, nanos, stillUnderWay, sink)) {
                raised++;
            }
        }
        underWay = stillUnderWay;
        lookAtOurs(sink);
    }

    private void learnWritten(WrittenCode now) {
        if (now != written) {
            written = now;
            mark = 0;
            places.use(now);
        }
        if (written.mark() == mark) {
            return;
        }
        written.since(mark, (address, bytes) -> {
            long virtual = virtual(address);
            texts.stream()
                    .filter(text -> text.memory().contains(virtual))
                    .forEach(text -> text.memory().accept(virtual, bytes));
        });
        mark = written.mark();
        ours.clear();
        written.since(0, (address, bytes) -> {
            if (written.isOwn(address)) {
                ours.add(new Piece(address, virtual(address), bytes));
            }
        });
    }

    // The kernel's image is in one piece; what was written in modules is seen as a change that is ours.
    private long virtual(PhysicalAddress address) {
        return address.value() - kernel.image().physicalBase() + kernel.image().virtualBase();
    }

    private int collect(WatchedText text, long address, List<Change> changes) throws GuestException {
        Optional<Place> place = patchable.at(address);
        long start = place.isPresent() ? place.get().address() : address;
        int size = PLACE_BYTES;
        try {
            if (isOurData(address)) {
                text.memory().accept(address, read(address, 1));
                return 1;
            }
            if (place.isEmpty()) {
                size = changedBytes(text, address);
            } else {
                size = placeBytes(text, start);
            }
            byte[] found = read(start, (int) Math.min(size, text.memory().end() - start));
            changes.add(new Change(text, change(text, start, found), place));
        } catch (UnreadableMemoryException _) {
            return PLACE_BYTES;
        }
        return (int) Math.max(1, start + size - address);
    }

    // The kernel changes neither the length of a place nor a conditional jump into another instruction.
    private static int placeBytes(WatchedText text, long start) {
        byte[] built = text.built(start, PLACE_BYTES + 1);
        return switch (PatchShape.of(built, 0, built.length)) {
            case NOP2, SHORT_JUMP -> 2;
            case CONDITIONAL_JUMP -> PLACE_BYTES + 1;
            default -> PLACE_BYTES;
        };
    }

    private int changedBytes(WatchedText text, long address) throws GuestException {
        byte[] seen = text.memory().seen(address, LONGEST_CHANGE_BYTES);
        byte[] found = read(address, seen.length);
        int last = 0;
        for (int at = 1;
                at < seen.length && at - last < 8 && patchable.at(address + at).isEmpty();
                at++) {
            if (seen[at] != found[at]) {
                last = at;
            }
        }
        return last + 1;
    }

    private TextChange change(WatchedText text, long start, byte[] found) throws GuestException {
        byte[] built = text.built(start, found.length);
        return new TextChange(text.built().owner(), start, built, expected(built, start), found);
    }

    private byte[] expected(byte[] built, long start) throws GuestException {
        byte[] expected = built.clone();
        if (kernel.addressSpace().translate(new VirtualAddress(start)) instanceof Translation.Mapped mapped) {
            written.overlay(mapped.address(), expected);
        }
        return expected;
    }

    // Entries that were not free when the code was read: nobody knows better times.
    private void collectEntries(List<Change> changes) throws GuestException {
        for (long site : patchable.tracerSites()) {
            for (WatchedText text : texts) {
                if (text.memory().contains(site) && text.memory().contains(site + PLACE_BYTES)) {
                    byte[] built = text.built(site, PLACE_BYTES);
                    if (PatchShape.of(built, 0, built.length) != PatchShape.NOP5) {
                        byte[] nop = {0x0f, 0x1f, 0x44, 0, 0};
                        TextChange bytes = new TextChange(text.built().owner(), site, nop, nop, built);
                        changes.add(new Change(text, bytes, patchable.at(site)));
                    }
                }
            }
        }
    }

    private boolean judge(Change change, long nanos, Map<Long, Long> stillUnderWay, Alert.Sink sink)
            throws GuestException {
        TextChange bytes = change.bytes();
        Verdict verdict = legal.judge(bytes, change.place());
        long since = underWay.getOrDefault(bytes.address(), nanos);
        if (verdict == Verdict.UNDER_WAY && nanos - since < PATIENCE_NANOS) {
            stillUnderWay.put(bytes.address(), since);
            return false;
        }
        if (verdict != Verdict.LEGAL) {
            return tell(change, sink);
        }
        told.remove(bytes.address());
        change.text().memory().accept(bytes.address(), bytes.found());
        return false;
    }

    private boolean tell(Change change, Alert.Sink sink) throws GuestException {
        TextChange bytes = change.bytes();
        if (!stands(change)) {
            return false;
        }
        change.text().memory().accept(bytes.address(), bytes.found());
        if (Arrays.equals(told.put(bytes.address(), bytes.found()), bytes.found())) {
            return false;
        }
        sink.alert(places.isOwn(bytes.address()) ? alerts.ofOurs(bytes) : alerts.alert(whole(change.text(), bytes)));
        return true;
    }

    // The tables were read after the code: it may be something else by now, or the module may have gone.
    private boolean stands(Change change) throws GuestException {
        TextChange bytes = change.bytes();
        try {
            if (!Arrays.equals(read(bytes.address(), bytes.sizeBytes()), bytes.found())) {
                return false;
            }
        } catch (UnreadableMemoryException _) {
            return false;
        }
        String owner = bytes.owner();
        return owner == null
                || kernel.liveModules().stream()
                        .anyMatch(module -> module.name().equals(owner)
                                && module.base() == change.text().built().baseAddress());
    }

    private boolean isOurData(long address) throws GuestException {
        return kernel.addressSpace().translate(new VirtualAddress(address)) instanceof Translation.Mapped mapped
                && written.isData(mapped.address());
    }

    // From the beginning of the first instruction concerned to the end of the last.
    private TextChange whole(WatchedText text, TextChange change) throws GuestException {
        int known = places.graph().functionAt(change.address());
        if (known == CallGraph.NONE) {
            return change;
        }
        Function function = places.graph().function(known);
        int distance = (int) Math.min(change.address() - function.address(), LARGEST_FUNCTION_BYTES);
        if (distance == LARGEST_FUNCTION_BYTES) {
            return change;
        }
        byte[] code =
                expected(text.built(function.address(), distance + LONGEST_INSTRUCTION_BYTES), function.address());
        long start = alerts.instructionAt(code, function.address(), change.address());
        int atLeast = (int) (change.address() + change.sizeBytes() - start);
        byte[] expected = expected(text.built(start, atLeast + LONGEST_INSTRUCTION_BYTES), start);
        int size = Math.min(alerts.wholeBytes(expected, atLeast), expected.length);
        return change(text, start, read(start, size));
    }

    // What lies in kernel text that nobody else uses.
    private void lookAtOurs(Alert.Sink sink) throws GuestException {
        List<TextChange> changes = new ArrayList<>();
        for (Piece piece : ours) {
            if (texts.stream().noneMatch(text -> text.memory().contains(piece.virtual()))) {
                collectOurs(piece, changes);
            }
        }
        for (TextChange change : changes) {
            if (!Arrays.equals(told.put(change.address(), change.found()), change.found())) {
                sink.alert(alerts.ofOurs(change));
            }
        }
    }

    private record Piece(PhysicalAddress address, long virtual, byte[] bytes) {}

    private void collectOurs(Piece piece, List<TextChange> changes) throws GuestException {
        byte[] found = read(piece.virtual(), piece.bytes().length);
        int at = Arrays.mismatch(found, piece.bytes());
        while (at >= 0 && changes.size() < MOST_ALERTS) {
            if (written.isData(piece.address().plus(at))) {
                at++;
            } else {
                int end = Math.min(at + LONGEST_INSTRUCTION_BYTES, found.length);
                byte[] expected = Arrays.copyOfRange(piece.bytes(), at, end);
                changes.add(new TextChange(
                        null, piece.virtual() + at, expected, expected, Arrays.copyOfRange(found, at, end)));
                at = end;
            }
            int next =
                    at == found.length ? -1 : Arrays.mismatch(found, at, found.length, piece.bytes(), at, found.length);
            at = next < 0 ? -1 : at + next;
        }
    }

    private byte[] read(long address, int sizeBytes) throws GuestException {
        byte[] bytes = new byte[sizeBytes];
        kernel.addressSpace().read(new VirtualAddress(address), MemorySegment.ofArray(bytes));
        return bytes;
    }
}
