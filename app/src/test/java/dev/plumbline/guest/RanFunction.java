package dev.plumbline.guest;

import java.util.ArrayList;
import java.util.List;

/// A function that ran and what it called meanwhile: in what two tracers are compared.
///
/// @param name the function's name, the same for all names it has
/// @param callees in the order they ran
record RanFunction(String name, List<RanFunction> callees) {

    RanFunction(String name) {
        this(name, new ArrayList<>());
    }

    /// How many functions ran, itself among them.
    int count() {
        return 1 + callees.stream().mapToInt(RanFunction::count).sum();
    }

    /// All on one line, `a(b c(d))`.
    String text() {
        StringBuilder text = new StringBuilder();
        write(text);
        return text.toString();
    }

    private void write(StringBuilder text) {
        text.append(name);
        String before = "(";
        for (RanFunction callee : callees) {
            callee.write(text.append(before));
            before = " ";
        }
        text.append(callees.isEmpty() ? "" : ")");
    }
}
