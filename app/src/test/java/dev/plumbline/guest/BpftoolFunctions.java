package dev.plumbline.guest;

import dev.plumbline.guest.BpftoolTypes.Type;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// Functions of a dump of bpftool's, with what they return and take as a text that is equal for types that C takes for
/// the same.
///
/// @param types the kernel's, with or without those of a module behind them
record BpftoolFunctions(BpftoolTypes types) {

    /// Those whose numbers are not below one; of a name there may be several.
    Map<String, Set<String>> from(int first) {
        Map<String, Set<String>> functions = new TreeMap<>();
        types.from(first).forEach(type -> {
            if (type.kind().equals("FUNC")) {
                functions
                        .computeIfAbsent(type.name(), _ -> new HashSet<>())
                        .add(text(type.numbers().get("type_id")));
            }
        });
        return functions;
    }

    private String text(int number) {
        if (number == 0) {
            return "void";
        }
        Type type = types.type(number);
        return switch (type.kind()) {
            case "INT", "FLOAT" -> type.name();
            case "TYPEDEF" -> isNamingNameless(type) ? "typedef " + type.name() : target(type);
            case "RESTRICT", "TYPE_TAG" -> target(type);
            case "CONST" -> "const " + target(type);
            case "VOLATILE" -> "volatile " + target(type);
            case "PTR" -> "*(" + target(type) + ")";
            case "ARRAY" -> "[" + type.numbers().get("nr_elems") + "](" + target(type) + ")";
            case "STRUCT", "UNION" -> type.kind() + " " + name(type);
            case "FWD" -> (type.isUnion() ? "UNION " : "STRUCT ") + name(type);
            case "ENUM", "ENUM64" -> "ENUM " + name(type);
            case "FUNC_PROTO" -> prototype(type);
            default -> throw new IllegalStateException("a type of kind " + type.kind());
        };
    }

    private String target(Type type) {
        return text(type.numbers().get("type_id"));
    }

    private static String name(Type type) {
        return type.isNameless()
                ? "{" + type.numbers().get("size") + ", " + type.numbers().get("vlen") + "}"
                : type.name();
    }

    private boolean isNamingNameless(Type typedef) {
        int number = typedef.numbers().get("type_id");
        Type target = number == 0 ? null : types.type(number);
        return target != null
                && Set.of("STRUCT", "UNION", "ENUM", "ENUM64").contains(target.kind())
                && target.isNameless();
    }

    private String prototype(Type type) {
        return plain(type.numbers().get("ret_type_id"))
                + type.members().stream()
                        .map(parameter -> plain(parameter.type()))
                        .collect(Collectors.joining("; ", "(", ")"));
    }

    // What is passed by value is a copy: its own qualifiers do not count.
    private String plain(int number) {
        String text = text(number);
        while (text.startsWith("const ") || text.startsWith("volatile ")) {
            text = text.substring(text.indexOf(' ') + 1);
        }
        return text;
    }
}
