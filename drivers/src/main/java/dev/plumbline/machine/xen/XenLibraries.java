package dev.plumbline.machine.xen;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.SymbolLookup;

/// The functions of Xen's own libraries that every command needs. Loaded once, and safe for threads.
final class XenLibraries {
    final NativeFunction openControl;
    final NativeFunction closeControl;
    final NativeFunction listDomains;
    final NativeFunction pause;
    final NativeFunction unpause;
    final NativeFunction maximumFrame;
    final NativeFunction context;
    final NativeFunction openMemory;
    final NativeFunction map;
    final NativeFunction unmap;
    final NativeFunction closeMemory;

    private final SymbolLookup control;

    private XenLibraries(SymbolLookup control, SymbolLookup memory) {
        this.control = control;
        openControl = NativeFunction.of(control, "xc_interface_open");
        closeControl = NativeFunction.of(control, "xc_interface_close");
        listDomains = NativeFunction.of(control, "xc_domain_getinfolist");
        pause = NativeFunction.of(control, "xc_domain_pause");
        unpause = NativeFunction.of(control, "xc_domain_unpause");
        maximumFrame = NativeFunction.of(control, "xc_domain_maximum_gpfn");
        context = NativeFunction.of(control, "xc_domain_hvm_getcontext_partial");
        openMemory = NativeFunction.of(memory, "xenforeignmemory_open");
        map = NativeFunction.of(memory, "xenforeignmemory_map");
        unmap = NativeFunction.of(memory, "xenforeignmemory_unmap");
        closeMemory = NativeFunction.of(memory, "xenforeignmemory_close");
    }

    /// Loads the libraries that belong to a version of Xen: libxenctrl is another one for each.
    ///
    /// @throws GuestException if they are not installed, or not what they should be
    static XenLibraries load(XenVersion version) throws GuestException {
        return new XenLibraries(
                NativeFunction.library("libxenctrl.so." + version, "libxenmisc" + version),
                NativeFunction.library("libxenforeignmemory.so.1", "libxenforeignmemory1"));
    }

    /// The control library.
    SymbolLookup control() {
        return control;
    }
}
