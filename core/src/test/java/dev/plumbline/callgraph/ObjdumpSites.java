package dev.plumbline.callgraph;

import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.x86.BranchOperand;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The indirect calls and jumps in objdump's listing, those through retpoline thunks included.
final class ObjdumpSites {
    private static final Pattern REGISTER = Pattern.compile("%(r\\w+)");
    // "*0x1234(%rip)        # ffffffff82001234 <x>", or "*0xffffffff82001234" without any register
    private static final Pattern RELATIVE = Pattern.compile("-?0x[0-9a-f]+\\(%rip\\) +# ([0-9a-f]+).*");
    private static final Pattern ABSOLUTE = Pattern.compile("0x([0-9a-f]+)");
    private static final String THUNK = "__x86_indirect_thunk_";

    private final Map<Long, String> thunks = new HashMap<>();
    private final Set<String> sites = new TreeSet<>();

    ObjdumpSites(SymbolTable symbols) {
        for (int symbol = 0; symbol < symbols.size(); symbol++) {
            String name = symbols.name(symbol);
            if (name.startsWith(THUNK + "r")) {
                thunks.put(symbols.address(symbol), name.substring(THUNK.length()));
            }
        }
    }

    /// A line with a star in its operand.
    void addStarred(long site, String mnemonic, String operand) {
        if (mnemonic.startsWith("call") || mnemonic.startsWith("jmp")) {
            sites.add(text(site, mnemonic.startsWith("call"), operand(operand)));
        }
    }

    /// A direct branch, which may go to a thunk.
    void addDirect(ObjdumpEdges.Edge branch) {
        String register = thunks.get(branch.target());
        if (register != null) {
            sites.add(text(branch.site(), branch.how().equals("call"), register + " by thunk"));
        }
    }

    /// The first sites that only one of the two has.
    List<String> differences(CallGraph graph) {
        Set<String> ours = new TreeSet<>();
        graph.indirectSites().forEach(site -> ours.add(text(site.siteAddress(), site.isCall(), operand(site))));
        List<String> differences = new ArrayList<>();
        sites.stream().filter(s -> !ours.contains(s)).limit(20).forEach(s -> differences.add("only objdump: " + s));
        ours.stream().filter(s -> !sites.contains(s)).limit(20).forEach(s -> differences.add("only graph: " + s));
        return differences;
    }

    private static String operand(String listed) {
        Matcher register = REGISTER.matcher(listed);
        Matcher relative = RELATIVE.matcher(listed);
        Matcher absolute = ABSOLUTE.matcher(listed);
        if (register.matches()) {
            return register.group(1);
        }
        return relative.matches() ? relative.group(1) : absolute.matches() ? absolute.group(1) : "memory";
    }

    private static String operand(IndirectSite site) {
        String operand = switch (site.operand()) {
            case BranchOperand.InRegister it -> it.name();
            case BranchOperand.AtAddress(long address) -> Long.toHexString(address);
            case BranchOperand.InMemory() -> "memory";
        };
        return site.viaThunk() ? operand + " by thunk" : operand;
    }

    private static String text(long site, boolean isCall, String operand) {
        return "%x %s through %s".formatted(site, isCall ? "call" : "jump", operand);
    }
}
