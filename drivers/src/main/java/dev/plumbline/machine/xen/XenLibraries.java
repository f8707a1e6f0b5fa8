package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/// The functions of Xen's own libraries that are used here. Each takes a segment first that the error number is written
/// to. Loaded once, and safe for threads.
final class XenLibraries {
    /// What the error number is captured in.
    static final MemoryLayout ERRNO = Linker.Option.captureStateLayout();

    private static final Linker LINKER = Linker.nativeLinker();
    private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");

    final MethodHandle openControl;
    final MethodHandle closeControl;
    final MethodHandle listDomains;
    final MethodHandle pause;
    final MethodHandle unpause;
    final MethodHandle maximumFrame;
    final MethodHandle context;
    final MethodHandle openMemory;
    final MethodHandle map;
    final MethodHandle unmap;
    final MethodHandle closeMemory;

    private final SymbolLookup control;

    private XenLibraries(SymbolLookup control, SymbolLookup memory) {
        this.control = control;
        openControl = function(control, "xc_interface_open", ADDRESS, ADDRESS, ADDRESS, JAVA_INT);
        closeControl = function(control, "xc_interface_close", JAVA_INT, ADDRESS);
        listDomains = function(control, "xc_domain_getinfolist", JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);
        pause = function(control, "xc_domain_pause", JAVA_INT, ADDRESS, JAVA_INT);
        unpause = function(control, "xc_domain_unpause", JAVA_INT, ADDRESS, JAVA_INT);
        maximumFrame = function(control, "xc_domain_maximum_gpfn", JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
        context = function(
                control,
                "xc_domain_hvm_getcontext_partial",
                JAVA_INT,
                ADDRESS,
                JAVA_INT,
                JAVA_SHORT,
                JAVA_SHORT,
                ADDRESS,
                JAVA_INT);
        openMemory = function(memory, "xenforeignmemory_open", ADDRESS, ADDRESS, JAVA_INT);
        map = function(
                memory, "xenforeignmemory_map", ADDRESS, ADDRESS, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
        unmap = function(memory, "xenforeignmemory_unmap", JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG);
        closeMemory = function(memory, "xenforeignmemory_close", JAVA_INT, ADDRESS);
    }

    /// Loads the libraries that belong to a version of Xen: libxenctrl is another one for each.
    ///
    /// @throws GuestException if they are not installed, or not what they should be
    static XenLibraries load(XenVersion version) throws GuestException {
        return new XenLibraries(
                library("libxenctrl.so." + version, "libxenmisc" + version),
                library("libxenforeignmemory.so.1", "libxenforeignmemory1"));
    }

    /// The control library.
    SymbolLookup control() {
        return control;
    }

    static SymbolLookup library(String name, String debianPackage) throws GuestException {
        try {
            return SymbolLookup.libraryLookup(name, Arena.global());
        } catch (IllegalArgumentException e) {
            throw new GuestException(
                    "Xen's library " + name + " cannot be loaded: install the one that belongs to this Xen (Debian's"
                            + " package " + debianPackage + ")",
                    e);
        }
    }

    static MethodHandle function(SymbolLookup library, String name, MemoryLayout result, MemoryLayout... arguments) {
        return LINKER.downcallHandle(library.findOrThrow(name), FunctionDescriptor.of(result, arguments), CAPTURE);
    }
}
