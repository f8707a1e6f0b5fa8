package dev.plumbline.probe.trap;

import dev.plumbline.machine.Breakpoints;
import dev.plumbline.machine.GuestException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The breakpoints that are set. Those of system calls' entries stay; others come when a function first leads to them,
/// and go when no system call is followed any more, or when there are too many: then those that were hit the longest
/// ago. For one thread, while the guest stands still.
final class WorkingSet {
    private final Breakpoints.Session session;
    private final int most;
    private final Set<Long> lasting = new HashSet<>();
    private final Map<Long, Long> lastUse = new HashMap<>();
    private long clock;
    private long dropped;

    /// @param most how many breakpoints there may be beside the lasting ones
    WorkingSet(Breakpoints.Session session, int most) {
        this.session = session;
        this.most = most;
    }

    /// Sets those that stay, and no others of that kind.
    void setLasting(Set<Long> addresses) throws GuestException {
        List<Long> gone = lasting.stream()
                .filter(address -> !addresses.contains(address) && !lastUse.containsKey(address))
                .toList();
        session.remove(array(gone));
        lasting.clear();
        lasting.addAll(addresses);
        session.insert(array(addresses));
    }

    boolean contains(long address) {
        return lasting.contains(address) || lastUse.containsKey(address);
    }

    int count() {
        return session.count();
    }

    /// How many were taken out for want of room.
    long dropped() {
        return dropped;
    }

    /// One was hit.
    void used(long address) {
        lastUse.computeIfPresent(address, (_, _) -> ++clock);
    }

    /// Makes sure that these are set.
    void add(List<Long> addresses) throws GuestException {
        List<Long> missing = new ArrayList<>();
        for (long address : addresses) {
            if (lastUse.put(address, ++clock) == null && !lasting.contains(address)) {
                missing.add(address);
            }
        }
        if (!missing.isEmpty()) {
            session.insert(array(missing));
        }
        if (lastUse.size() > most) {
            dropOldest();
        }
    }

    // A quarter at once, so that this is rare.
    private void dropOldest() throws GuestException {
        List<Long> oldest = lastUse.entrySet().stream()
                .sorted(Map.Entry.comparingByValue())
                .limit(lastUse.size() - most * 3L / 4)
                .map(Map.Entry::getKey)
                .toList();
        dropped += oldest.size();
        remove(oldest);
    }

    /// Takes out all but those that stay.
    void clear() throws GuestException {
        remove(List.copyOf(lastUse.keySet()));
    }

    private void remove(List<Long> addresses) throws GuestException {
        addresses.forEach(lastUse::remove);
        session.remove(array(
                addresses.stream().filter(address -> !lasting.contains(address)).toList()));
    }

    private static long[] array(Collection<Long> addresses) {
        return addresses.stream().mapToLong(Long::longValue).sorted().toArray();
    }
}
