package dev.plumbline.kernel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Numbers of the types of functions: equal where a pointer to one can lead to the other. A module's type information
/// has types of its own that are the kernel's again, so that they are compared by what they say, as clang's
/// control-flow
/// integrity (`-fsanitize=kcfi`, which the kernel is kept fit for) does: typedefs count for what they stand for,
/// structures and enumerations for their names, a parameter for its type without qualifiers.
///
/// For one thread.
final class TypeNumbers {
    private static final int VOID = 1;
    private static final int DEEPEST = 64;
    /// Several times what a kernel with all its modules has.
    private static final int MOST_NUMBERS = 1_000_000;

    private final Map<List<?>, Integer> numbers = new HashMap<>();
    private int[] core = {VOID};

    /// The numbers of the kernel's functions, by name: several static functions may share one.
    Map<String, Set<Integer>> ofKernel(Btf types) throws KernelFormatException {
        Section section = new Section(types, core);
        Map<String, Set<Integer>> functions = section.functions();
        core = section.known;
        return functions;
    }

    /// The same of a module's, after those of the kernel.
    Map<String, Set<Integer>> ofModule(Btf types) throws KernelFormatException {
        return new Section(types, core).functions();
    }

    private int number(Btf types, int type, List<?> meaning) throws KernelFormatException {
        Integer known = numbers.get(meaning);
        if (known != null) {
            return known;
        }
        if (numbers.size() == MOST_NUMBERS) {
            throw types.malformed(type, "more than " + MOST_NUMBERS + " different types");
        }
        int number = VOID + 1 + numbers.size();
        numbers.put(meaning, number);
        return number;
    }

    private final class Section {
        private final Btf types;
        /// By a type's number in the section, 0 for those not met yet.
        private final int[] known;

        Section(Btf types, int[] before) {
            this.types = types;
            this.known = Arrays.copyOf(before, types.typeCount() + 1);
        }

        Map<String, Set<Integer>> functions() throws KernelFormatException {
            Map<String, Set<Integer>> functions = new HashMap<>();
            for (int type = types.firstType(); type <= types.typeCount(); type++) {
                if (types.kind(type) == Btf.FUNCTION) {
                    int prototype = types.sizeOrType(type);
                    if (types.kind(prototype) != Btf.PROTOTYPE) {
                        throw types.malformed(type, "the type of a function is of kind " + types.kind(prototype));
                    }
                    functions
                            .computeIfAbsent(types.name(type), _ -> new HashSet<>(1))
                            .add(number(prototype, DEEPEST));
                }
            }
            return functions;
        }

        private int number(int type, int depthLeft) throws KernelFormatException {
            if (type == 0) {
                return VOID;
            }
            if (depthLeft == 0) {
                throw types.malformed(type, "a type of more than " + DEEPEST + " parts");
            }
            int kind = types.kind(type);
            if (known[type] == 0) {
                known[type] = isTransparent(kind, type)
                        ? number(types.sizeOrType(type), depthLeft - 1)
                        : TypeNumbers.this.number(types, type, meaning(kind, type, depthLeft - 1));
            }
            return known[type];
        }

        // A typedef is the only name of a structure that has none.
        private boolean isTransparent(int kind, int type) throws KernelFormatException {
            return kind == Btf.RESTRICT || kind == Btf.TYPE_TAG || kind == Btf.TYPEDEF && !isNameOfNameless(type);
        }

        private boolean isNameOfNameless(int typedef) throws KernelFormatException {
            int target = types.sizeOrType(typedef);
            int kind = target == 0 ? 0 : types.kind(target);
            return (kind == Btf.STRUCT || kind == Btf.UNION || kind == Btf.ENUM || kind == Btf.ENUM64)
                    && types.name(target).isEmpty();
        }

        private List<?> meaning(int kind, int type, int depthLeft) throws KernelFormatException {
            return switch (kind) {
                case Btf.INT, Btf.FLOAT -> List.of(kind, types.name(type));
                case Btf.TYPEDEF -> List.of(kind, types.name(type));
                case Btf.STRUCT, Btf.UNION -> named(kind, type);
                case Btf.ENUM, Btf.ENUM64 -> named(Btf.ENUM, type);
                case Btf.FORWARD -> named(types.flag(type) ? Btf.UNION : Btf.STRUCT, type);
                case Btf.POINTER, Btf.CONST, Btf.VOLATILE -> List.of(kind, number(types.sizeOrType(type), depthLeft));
                case Btf.ARRAY ->
                    List.of(
                            kind,
                            number((int) types.word(type, Btf.DETAIL), depthLeft),
                            types.word(type, Btf.DETAIL + 2));
                case Btf.PROTOTYPE -> prototype(type, depthLeft);
                default -> throw types.malformed(type, "a type of kind %d in that of a function".formatted(kind));
            };
        }

        private List<?> named(int kind, int type) throws KernelFormatException {
            String name = types.name(type);
            return name.isEmpty() ? List.of(kind, types.sizeOrType(type), types.count(type)) : List.of(kind, name);
        }

        private List<?> prototype(int type, int depthLeft) throws KernelFormatException {
            List<Integer> parts = new ArrayList<>();
            parts.add(Btf.PROTOTYPE);
            parts.add(number(unqualified(types.sizeOrType(type)), depthLeft));
            for (int i = 0; i < types.count(type); i++) {
                int parameter = (int) types.word(type, Btf.DETAIL + 2 * i + 1);
                parts.add(number(unqualified(parameter), depthLeft));
            }
            return parts;
        }

        private int unqualified(int type) throws KernelFormatException {
            int inner = type;
            for (int i = 0; i < DEEPEST && inner != 0; i++) {
                int kind = types.kind(inner);
                boolean isQualifier = kind == Btf.CONST || kind == Btf.VOLATILE;
                if (!isQualifier && !isTransparent(kind, inner)) {
                    return inner;
                }
                inner = types.sizeOrType(inner);
            }
            return inner;
        }
    }
}
