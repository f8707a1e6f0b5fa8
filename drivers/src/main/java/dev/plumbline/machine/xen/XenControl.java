package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Xen's control interface. For one thread at a time.
final class XenControl implements AutoCloseable {
    private static final Path DEVICE = Path.of("/dev/xen/privcmd");
    private static final int MOST_DOMAINS = 1 << 15;
    private static final int DOMAINS_AT_ONCE = 64;
    /// `HVM_SAVE_CODE(CPU)`, public/arch-x86/hvm/save.h.
    private static final int CPU_RECORD = 2;

    private static final long NULL = 0;
    private static final int PERMISSION = 1;
    private static final int NO_SUCH_DOMAIN = 3;
    private static final int NO_ACCESS = 13;
    private static final int NO_DATA = 61;

    private final Arena arena = Arena.ofShared();
    private final XenLibraries libraries;
    private final MemorySegment error = NativeFunction.allocateError(arena);
    private final long interfaceHandle;
    private final long memoryHandle;

    private XenControl(XenLibraries libraries) throws GuestException {
        this.libraries = libraries;
        interfaceHandle = libraries.openControl.call(error, NULL, NULL, 0);
        if (interfaceHandle == NULL) {
            throw refused("open its control interface");
        }
        memoryHandle = libraries.openMemory.call(error, NULL, 0);
        if (memoryHandle == NULL) {
            GuestException refused = refused("open its memory interface");
            libraries.closeControl.call(error, interfaceHandle);
            throw refused;
        }
    }

    /// @throws GuestException if this host does not run on a Xen that is known, or this process may not command it
    static XenControl open() throws GuestException {
        XenVersion version = XenVersion.ofThisHost();
        if (!Files.isReadable(DEVICE) || !Files.isWritable(DEVICE)) {
            throw new GuestException(
                    Files.exists(DEVICE)
                            ? "no permission to command Xen (" + DEVICE + "): run as root"
                            : "this domain has no " + DEVICE + ": run plumbline in dom0, with the module xen-privcmd");
        }
        return new XenControl(XenLibraries.load(version));
    }

    XenLibraries libraries() {
        return libraries;
    }

    /// Calls a function of the control library.
    ///
    /// @param arguments those behind the handle of the control interface
    private long call(NativeFunction function, long... arguments) {
        long[] all = new long[arguments.length + 1];
        all[0] = interfaceHandle;
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        return function.call(error, all);
    }

    private int number(NativeFunction function, long... arguments) {
        return (int) call(function, arguments);
    }

    /// Calls a function of the control library that answers 0 once it has done what it is to do.
    ///
    /// @param what the call is to do, for the message
    /// @param arguments those behind the handle of the control interface
    /// @throws GuestException if it answers anything else
    void order(String what, NativeFunction function, long... arguments) throws GuestException {
        if (number(function, arguments) != 0) {
            throw refused(what);
        }
    }

    /// Calls a function of the control library that answers an address.
    ///
    /// @param arguments those behind the handle of the control interface
    /// @return null if it fails; [#errno] tells why
    MemorySegment address(NativeFunction function, long... arguments) {
        long answered = call(function, arguments);
        return answered == NULL ? null : MemorySegment.ofAddress(answered);
    }

    /// The error number of the call that has failed last.
    int errno() {
        return NativeFunction.errno(error);
    }

    /// The exception for the call that has failed last.
    GuestException refused(String what) {
        return refused(what, error);
    }

    /// @param error where a call that has failed left the error number
    static GuestException refused(String what, MemorySegment error) {
        int errno = NativeFunction.errno(error);
        return switch (errno) {
            case PERMISSION, NO_ACCESS ->
                new GuestException("Xen does not allow this domain to " + what + ": run plumbline as root in dom0");
            default -> new GuestException("Xen refuses to " + what + " (errno " + errno + ")");
        };
    }

    /// All domains, ascending by number.
    List<DomainInfo> domains() throws GuestException {
        List<DomainInfo> domains = new ArrayList<>();
        int next = 0;
        while (next < MOST_DOMAINS) {
            List<DomainInfo> some = domains(next, DOMAINS_AT_ONCE);
            if (some.isEmpty()) {
                break;
            }
            domains.addAll(some);
            next = some.getLast().id() + 1;
        }
        return domains;
    }

    /// What there is to say of a domain, unless it has ended.
    Optional<DomainInfo> domain(int id) throws GuestException {
        return domains(id, 1).stream().filter(info -> info.id() == id).findFirst();
    }

    private List<DomainInfo> domains(int first, int most) throws GuestException {
        try (Arena buffers = Arena.ofConfined()) {
            MemorySegment buffer = buffers.allocate((long) DomainInfo.SIZE_BYTES * most, 8);
            int count = number(libraries.listDomains, first, most, buffer.address());
            if (count < 0) {
                if (errno() == NO_SUCH_DOMAIN) {
                    return List.of();
                }
                throw refused("list domains");
            }
            List<DomainInfo> domains = new ArrayList<>();
            for (int i = 0; i < Math.min(count, most); i++) {
                domains.add(DomainInfo.of(buffer.asSlice((long) DomainInfo.SIZE_BYTES * i, DomainInfo.SIZE_BYTES)));
            }
            return domains;
        }
    }

    void pause(int domain) throws GuestException {
        order("pause domain " + domain, libraries.pause, domain);
    }

    void unpause(int domain) throws GuestException {
        order("let domain " + domain + " run on", libraries.unpause, domain);
    }

    /// The highest guest frame number that a domain has used.
    long maximumFrame(int domain) throws GuestException {
        try (Arena buffers = Arena.ofConfined()) {
            MemorySegment frame = buffers.allocate(JAVA_LONG);
            order("tell how much memory domain " + domain + " has", libraries.maximumFrame, domain, frame.address());
            return frame.get(JAVA_LONG, 0);
        }
    }

    /// Fills a buffer with the state of a vCPU, `struct hvm_hw_cpu`.
    ///
    /// @return whether it has one: a vCPU that is down has none
    boolean context(int domain, int vcpu, MemorySegment buffer) throws GuestException {
        boolean hasState =
                number(libraries.context, domain, CPU_RECORD, vcpu, buffer.address(), buffer.byteSize()) == 0;
        if (!hasState && errno() != NO_DATA) {
            throw refused("tell the registers of vCPU " + vcpu + " of domain " + domain);
        }
        return hasState;
    }

    /// Maps frames of a domain one behind the other, be they there or not.
    ///
    /// @param protection as for mmap(2)
    /// @param frames guest frame numbers, u64 each
    /// @param errors gets an s32 for each, 0 where there is a frame
    /// @return where they are mapped
    MemorySegment map(int domain, int protection, MemorySegment frames, MemorySegment errors) throws GuestException {
        long count = frames.byteSize() / JAVA_LONG.byteSize();
        long mapped =
                libraries.map.call(error, memoryHandle, domain, protection, count, frames.address(), errors.address());
        if (mapped == NULL) {
            throw refused("map memory of domain " + domain);
        }
        return MemorySegment.ofAddress(mapped);
    }

    void unmap(MemorySegment mapped, long pages) throws GuestException {
        if (libraries.unmap.number(error, memoryHandle, mapped.address(), pages) != 0) {
            throw refused("unmap memory");
        }
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            libraries.closeMemory.call(error, memoryHandle);
            libraries.closeControl.call(error, interfaceHandle);
            arena.close();
        }
    }
}
