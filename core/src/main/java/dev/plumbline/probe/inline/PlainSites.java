package dev.plumbline.probe.inline;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.x86.Register;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToLongFunction;

/// The [PlainSite]s, and which of them lead to checks now.
///
/// A site is two instructions, a call and a NOP, and where it was called the return address is that of the NOP. As
/// long as a task is to return there, the site stays as it is and is tried again later. The other way round there is
/// no such danger: what returns from a call of ours returns behind the NOP, and no vCPU of a paused guest stands
/// inside of one instruction. Of a jump nothing but its first byte is ever run.
final class PlainSites {
    private static final long FIRST_PATIENCE_NANOS = 1_000_000_000L;
    private static final long FIRST_WAIT_NANOS = 1_000_000_000L;
    private static final long LONGEST_WAIT_NANOS = 60_000_000_000L;
    private final LinuxKernel kernel;
    private final GuestText text;
    private final List<PlainSite> sites;
    private final int otherCount;
    private final Map<Long, Integer> insides = new HashMap<>();
    private final BitSet checking = new BitSet();
    private final BitSet awaited = new BitSet();
    private ToLongFunction<Register> checks;
    private long waitNanos = FIRST_WAIT_NANOS;
    private long triedAt;

    PlainSites(LinuxKernel kernel, GuestText text, PlainSiteSearch.Found found) {
        this.kernel = kernel;
        this.text = text;
        this.sites = found.sites();
        this.otherCount = found.otherCount();
        for (int number = 0; number < sites.size(); number++) {
            Code code = sites.get(number).code();
            for (int inside = 1;
                    inside < code.original().length && sites.get(number).isCall();
                    inside++) {
                insides.put(code.address() + inside, number);
            }
        }
    }

    /// All that may be changed.
    List<Code> codes() {
        return sites.stream().map(PlainSite::code).toList();
    }

    /// The registers whose checks are needed.
    List<Register> registers() {
        return sites.stream().map(PlainSite::register).distinct().sorted().toList();
    }

    /// How many are checked now.
    int checkedCount() {
        return checking.cardinality();
    }

    /// How many are not yet, because a task is to return there or a kprobe stands there.
    int awaitedCount() {
        return checks == null ? 0 : sites.size() - checking.cardinality();
    }

    /// How many have to stay as they are.
    int otherCount() {
        return otherCount;
    }

    /// Makes them lead to their checks, those that can.
    ///
    /// @param addresses by register, where the check is
    void start(ToLongFunction<Register> addresses) throws GuestException {
        checks = addresses;
        change(FIRST_PATIENCE_NANOS);
    }

    /// From now on none is changed.
    void stop() {
        checks = null;
    }

    /// Tries those again that could not be changed, less and less often.
    void retry() throws GuestException {
        if (awaitedCount() > 0 && System.nanoTime() - triedAt > waitNanos) {
            waitNanos = Math.min(waitNanos * 2, LONGEST_WAIT_NANOS);
            change(0);
        }
    }

    private void change(long patienceNanos) throws GuestException {
        if (sites.isEmpty()) {
            return;
        }
        awaited.clear();
        new Quiescence(kernel, text, this::isAwaited).awaitAndDo(patienceNanos, () -> {
            kernel.verifyStillRunning();
            Optional<KprobePlaces> kprobes = KprobePlaces.read(kernel, text);
            if (kprobes.isPresent()) {
                write(kprobes.get());
            }
            return kprobes.isPresent();
        });
        triedAt = System.nanoTime();
    }

    // Notes what is to return into a site; that is no reason to wait with the others.
    private boolean isAwaited(long address) {
        Integer site = insides.get(address);
        if (site != null) {
            awaited.set(site);
        }
        return false;
    }

    private void write(KprobePlaces kprobes) throws GuestException {
        List<CodePatch> patches = new ArrayList<>();
        TextPages pages = new TextPages(text);
        for (int number = 0; number < sites.size(); number++) {
            PlainSite site = sites.get(number);
            Code code = site.code();
            int length = code.original().length;
            if (!checking.get(number)
                    && !awaited.get(number)
                    && !kprobes.mayCopy(code.address(), length)
                    && Arrays.equals(pages.read(code.physical(), length), code.original())) {
                checking.set(number);
                patches.add(new CodePatch(code.physical(), site.leadingTo(checks.applyAsLong(site.register()))));
            }
        }
        if (!patches.isEmpty()) {
            text.writeCode(patches);
        }
    }
}
