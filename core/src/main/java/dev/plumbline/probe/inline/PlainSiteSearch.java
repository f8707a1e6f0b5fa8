package dev.plumbline.probe.inline;

import dev.plumbline.callgraph.IndirectSite;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.probe.ProbeJournal.Code;
import dev.plumbline.x86.BranchOperand;
import dev.plumbline.x86.Register;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Finds the [PlainSite]s among the indirect sites of a kernel's code.
final class PlainSiteSearch {
    private static final int POPF = 0x9d;

    /// Code that runs before gs is the kernel's, and code that the kernel itself lets nothing observe.
    private static final List<String> UNTOUCHED = List.of("entry", "noinstr");

    private final LinuxKernel kernel;
    private final GuestText text;
    private final TextPages pages;
    private final List<Span> untouched;

    private record Span(long start, long end) {}

    PlainSiteSearch(LinuxKernel kernel, GuestText text) {
        this.kernel = kernel;
        this.text = text;
        this.pages = new TextPages(text);
        this.untouched = untouched(kernel.coreSymbols());
    }

    /// What there is.
    ///
    /// @param sites those that can be changed, ascending
    /// @param otherCount how many there are beside them: in modules, in code that is not touched, of other forms
    record Found(List<PlainSite> sites, int otherCount) {}

    /// @param indirect all indirect sites, ascending
    /// @throws GuestException if the guest cannot be read
    Found among(List<IndirectSite> indirect) throws GuestException {
        List<PlainSite> sites = new ArrayList<>();
        int otherCount = 0;
        for (IndirectSite site : indirect) {
            if (!site.viaThunk() && site.patched().isEmpty()) {
                Optional<PlainSite> plain = at(site);
                plain.ifPresent(sites::add);
                otherCount += plain.isPresent() ? 0 : 1;
            }
        }
        return new Found(List.copyOf(sites), otherCount);
    }

    private static List<Span> untouched(SymbolTable symbols) {
        List<Span> spans = new ArrayList<>();
        for (String section : UNTOUCHED) {
            var start = symbols.find("__" + section + "_text_start");
            var end = symbols.find("__" + section + "_text_end");
            if (start.isPresent() && end.isPresent()) {
                spans.add(new Span(symbols.address(start.getAsInt()), symbols.address(end.getAsInt())));
            }
        }
        return spans;
    }

    private boolean isUntouched(long address) {
        return !kernel.image().contains(address)
                || untouched.stream().anyMatch(span -> address >= span.start() && address < span.end());
    }

    // Who pops the flags right before a call passes them on (`fastop` of KVM), and a check does not keep them.
    private Optional<PlainSite> at(IndirectSite site) throws GuestException {
        long address = site.siteAddress();
        if (!(site.operand() instanceof BranchOperand.InRegister(int number))
                || number == Register.RSP.ordinal()
                || isUntouched(address)) {
            return Optional.empty();
        }
        var physical = text.physical(address);
        byte[] around = pages.read(physical.plus(-1), 1 + PlainSite.LONGEST_BYTES);
        byte[] bytes = Arrays.copyOfRange(around, 1, around.length);
        Register register = Register.values()[number];
        int length = PlainSite.lengthBytes(bytes, register, site.isCall());
        if (length == 0 || (around[0] & 0xff) == POPF) {
            return Optional.empty();
        }
        Code code = new Code(address, physical, Arrays.copyOf(bytes, length));
        return Optional.of(new PlainSite(register, site.isCall(), code));
    }
}
