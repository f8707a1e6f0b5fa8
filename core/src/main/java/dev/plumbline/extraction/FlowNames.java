package dev.plumbline.extraction;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.Function;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;

/// Names of what flows hold: never addresses where there is a symbol, so that they are the same after a reboot. Keeps
/// the names it has made. For one thread.
public final class FlowNames {
    private static final int MOST_PLACES = 1 << 16;

    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]");

    private CallGraph graph;
    private String[] functions = new String[0];
    private final Map<Long, String> places = new HashMap<>();

    /// The function entered: its symbol, with ` [module]` behind that of a module; for an unknown one the place as
    /// in [#place].
    public String function(Flow flow, int call) {
        return function(flow.graph(), flow.function(call), flow.site(call));
    }

    /// The same of a function entered at a site.
    ///
    /// @param of what counts the functions
    /// @param function its number, or [CallGraph#NONE]
    /// @param site where it was entered
    public String function(CallGraph of, int function, long site) {
        return function == CallGraph.NONE ? place(of, site) : name(of, function);
    }

    private String name(CallGraph of, int function) {
        use(of);
        String name = functions[function];
        if (name == null) {
            name = name(graph.function(function), "");
            functions[function] = name;
        }
        return name;
    }

    /// Where the call came from: symbol and offset of its return address.
    public String caller(Flow flow, int call) {
        return place(flow, flow.returnAddress(call));
    }

    /// The symbol before an address and the distance from it, e.g. `iterate_dir+0x9a`, `fat_readdir+0x12 [fat]`;
    /// outside all code the address.
    public String place(Flow flow, long address) {
        return place(flow.graph(), address);
    }

    /// The same by the symbols of a graph.
    public String place(CallGraph of, long address) {
        use(of);
        String place = places.get(address);
        if (place == null) {
            int function = graph.functionAt(address);
            place = function == CallGraph.NONE ? "0x" + Long.toHexString(address) : place(function, address);
            if (places.size() == MOST_PLACES) {
                places.clear();
            }
            places.put(address, place);
        }
        return place;
    }

    private String place(int number, long address) {
        Function function = graph.function(number);
        return name(function, "+0x" + Long.toHexString(address - function.address()));
    }

    private static String name(Function function, String offset) {
        String name = function.name() + offset;
        String whole = function.owner() == null ? name : name + " [" + function.owner() + "]";
        return plain(whole);
    }

    /// A name that comes from the guest as these names have it: none may command a terminal or begin a line.
    public static String plain(String name) {
        return CONTROL.matcher(name).replaceAll("?");
    }

    private void use(CallGraph now) {
        if (graph != now) {
            graph = now;
            functions = new String[now.functionCount()];
            places.clear();
        }
    }
}
