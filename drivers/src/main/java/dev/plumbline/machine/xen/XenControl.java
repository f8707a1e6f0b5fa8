package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
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
    private static final short CPU_RECORD = 2;

    private static final VarHandle ERRNO = XenLibraries.ERRNO.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final int PERMISSION = 1;
    private static final int NO_SUCH_DOMAIN = 3;
    private static final int NO_ACCESS = 13;

    private final Arena arena = Arena.ofShared();
    private final XenLibraries libraries;
    private final MemorySegment error = arena.allocate(XenLibraries.ERRNO);
    private final MemorySegment interfaceHandle;
    private final MemorySegment memoryHandle;

    private XenControl(XenLibraries libraries) throws GuestException {
        this.libraries = libraries;
        MemorySegment none = MemorySegment.NULL;
        interfaceHandle = (MemorySegment) call(() -> libraries.openControl.invoke(error, none, none, 0));
        if (interfaceHandle.equals(none)) {
            throw refused("open its control interface");
        }
        memoryHandle = (MemorySegment) call(() -> libraries.openMemory.invoke(error, none, 0));
        if (memoryHandle.equals(none)) {
            GuestException refused = refused("open its memory interface");
            call(() -> libraries.closeControl.invoke(error, interfaceHandle));
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

    /// A call of a function of Xen's libraries.
    interface Call {
        Object invoke() throws Throwable;
    }

    /// A call of a function of Xen's control library.
    interface ControlCall {
        /// @param error where the error number goes
        /// @param handle of the control interface
        Object invoke(MemorySegment error, MemorySegment handle) throws Throwable;
    }

    XenLibraries libraries() {
        return libraries;
    }

    static Object call(Call call) {
        try {
            return call.invoke();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("a call of Xen's libraries", e);
        }
    }

    static int number(Call call) {
        return (int) call(call);
    }

    /// @param what the call is to do, for the message
    /// @throws GuestException if it answers anything but 0
    private void perform(String what, Call call) throws GuestException {
        if (number(call) != 0) {
            throw refused(what);
        }
    }

    /// The same, of the control library.
    void order(String what, ControlCall call) throws GuestException {
        perform(what, () -> call.invoke(error, interfaceHandle));
    }

    /// Calls a function of the control library that answers an address.
    ///
    /// @return null if it fails; [#errno] tells why
    MemorySegment address(ControlCall call) {
        MemorySegment answered = (MemorySegment) call(() -> call.invoke(error, interfaceHandle));
        return answered.equals(MemorySegment.NULL) ? null : answered;
    }

    /// The error number of the call that has failed last.
    int errno() {
        return (int) ERRNO.get(error, 0L);
    }

    /// The exception for the call that has failed last.
    GuestException refused(String what) {
        return refused(what, error);
    }

    /// @param error where a call that has failed left the error number
    static GuestException refused(String what, MemorySegment error) {
        int errno = (int) ERRNO.get(error, 0L);
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
            int count = number(() -> libraries.listDomains.invoke(error, interfaceHandle, first, most, buffer));
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
        perform("pause domain " + domain, () -> libraries.pause.invoke(error, interfaceHandle, domain));
    }

    void unpause(int domain) throws GuestException {
        perform("let domain " + domain + " run on", () -> libraries.unpause.invoke(error, interfaceHandle, domain));
    }

    /// The highest guest frame number that a domain has used.
    long maximumFrame(int domain) throws GuestException {
        try (Arena buffers = Arena.ofConfined()) {
            MemorySegment frame = buffers.allocate(JAVA_LONG);
            perform(
                    "tell how much memory domain " + domain + " has",
                    () -> libraries.maximumFrame.invoke(error, interfaceHandle, domain, frame));
            return frame.get(JAVA_LONG, 0);
        }
    }

    /// Fills a buffer with the state of a vCPU, `struct hvm_hw_cpu`.
    void context(int domain, int vcpu, MemorySegment buffer) throws GuestException {
        int size = (int) buffer.byteSize();
        perform(
                "tell the registers of vCPU " + vcpu + " of domain " + domain,
                () -> libraries.context.invoke(error, interfaceHandle, domain, CPU_RECORD, (short) vcpu, buffer, size));
    }

    /// Maps frames of a domain one behind the other, be they there or not.
    ///
    /// @param protection as for mmap(2)
    /// @param frames guest frame numbers, u64 each
    /// @param errors gets an s32 for each, 0 where there is a frame
    /// @return where they are mapped
    MemorySegment map(int domain, int protection, MemorySegment frames, MemorySegment errors) throws GuestException {
        long count = frames.byteSize() / JAVA_LONG.byteSize();
        MemorySegment mapped = (MemorySegment)
                call(() -> libraries.map.invoke(error, memoryHandle, domain, protection, count, frames, errors));
        if (mapped.equals(MemorySegment.NULL)) {
            throw refused("map memory of domain " + domain);
        }
        return mapped;
    }

    void unmap(MemorySegment mapped, long pages) throws GuestException {
        perform("unmap memory", () -> libraries.unmap.invoke(error, memoryHandle, mapped, pages));
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            number(() -> libraries.closeMemory.invoke(error, memoryHandle));
            number(() -> libraries.closeControl.invoke(error, interfaceHandle));
            arena.close();
        }
    }
}
