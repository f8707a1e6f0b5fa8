package dev.plumbline.guest;

import dev.plumbline.kernel.StructLayout;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Types and constants as `bpftool btf dump … format raw` prints them: the judge of the product's own reader.
final class BpftoolTypes {
    private static final Pattern TYPE = Pattern.compile("\\[(\\d+)] (\\w+) '(.*?)'(.*)");
    private static final Pattern MEMBER =
            Pattern.compile("\\t'(.*)' type_id=(\\d+) bits_offset=(\\d+)( bitfield_size=\\d+)?");
    private static final Pattern PARAMETER = Pattern.compile("\\t'(.*)' type_id=(\\d+)");
    private static final Pattern CONSTANT = Pattern.compile("\\t'(.*)' val=(-?\\d+)");
    private static final Pattern NUMBER = Pattern.compile("(\\w+)=(\\d+)");
    private static final Set<String> SAME_AS_ANOTHER = Set.of("TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG");
    private static final Set<String> WITH_MEMBERS = Set.of("STRUCT", "UNION");
    private static final String ANONYMOUS = "(anon)";

    private final TreeMap<Integer, Type> types = new TreeMap<>();
    private final Map<String, Integer> structures = new LinkedHashMap<>();
    private final Map<String, Long> constants = new HashMap<>();

    private BpftoolTypes() {}

    /// A type as it is printed.
    ///
    /// @param isUnion of a declaration, whether it is a union's
    /// @param members parameters, too
    record Type(String kind, String name, boolean isUnion, Map<String, Integer> numbers, List<Member> members) {
        boolean isNameless() {
            return name.equals(ANONYMOUS);
        }
    }

    record Member(String name, int type, long bits, boolean isBitField) {}

    /// Has bpftool read a BTF section.
    static BpftoolTypes of(byte[] btf) throws IOException {
        BpftoolTypes types = new BpftoolTypes();
        Path file = file(btf);
        try {
            types.dump("file", file.toString());
        } finally {
            Files.delete(file);
        }
        return types;
    }

    /// These, and behind them those of a module.
    ///
    /// @param kernel the section that these are of
    /// @param module the module's, which goes on where that ends
    BpftoolTypes with(byte[] kernel, byte[] module) throws IOException {
        BpftoolTypes both = new BpftoolTypes();
        both.types.putAll(types);
        Path base = file(kernel);
        Path split = file(module);
        try {
            both.dump("file", split.toString(), "-B", base.toString());
        } finally {
            Files.delete(base);
            Files.delete(split);
        }
        return both;
    }

    private static Path file(byte[] btf) throws IOException {
        return Files.write(Files.createTempFile("plumbline-", ".btf"), btf);
    }

    private void dump(String... what) throws IOException {
        List<String> command = new ArrayList<>(List.of(program(), "btf", "dump"));
        command.addAll(List.of(what));
        command.addAll(List.of("format", "raw"));
        Process bpftool = new ProcessBuilder(command).redirectErrorStream(true).start();
        try (BufferedReader lines = bpftool.inputReader(StandardCharsets.ISO_8859_1)) {
            read(lines);
        }
    }

    /// The highest number.
    int last() {
        return types.lastKey();
    }

    Type type(int number) {
        return types.get(number);
    }

    /// Those from a number on.
    Collection<Type> from(int first) {
        return types.tailMap(first).values();
    }

    /// It is where only root's path leads.
    private static String program() {
        Path path = Path.of("/usr/sbin/bpftool");
        return Files.isExecutable(path) ? path.toString() : "bpftool";
    }

    private void read(BufferedReader lines) throws IOException {
        List<Member> members = new ArrayList<>();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Matcher type = TYPE.matcher(line);
            Matcher member = MEMBER.matcher(line);
            Matcher parameter = PARAMETER.matcher(line);
            Matcher constant = CONSTANT.matcher(line);
            if (type.matches()) {
                members = new ArrayList<>();
                add(Integer.parseInt(type.group(1)), type, members);
            } else if (member.matches()) {
                members.add(new Member(
                        member.group(1),
                        Integer.parseInt(member.group(2)),
                        Long.parseLong(member.group(3)),
                        member.group(4) != null));
            } else if (parameter.matches()) {
                members.add(new Member(parameter.group(1), Integer.parseInt(parameter.group(2)), 0, false));
            } else if (constant.matches()) {
                constants.putIfAbsent(constant.group(1), Long.valueOf(constant.group(2)));
            }
        }
        structures.remove(ANONYMOUS);
    }

    private void add(int number, Matcher line, List<Member> members) {
        Map<String, Integer> numbers = new HashMap<>();
        NUMBER.matcher(line.group(4))
                .results()
                .forEach(pair -> numbers.put(pair.group(1), Integer.parseUnsignedInt(pair.group(2))));
        types.put(
                number,
                new Type(line.group(2), line.group(3), line.group(4).contains("fwd_kind=union"), numbers, members));
        if (WITH_MEMBERS.contains(line.group(2))) {
            structures.putIfAbsent(line.group(3), number);
        }
    }

    /// The value of a constant of whatever enumeration.
    long constant(String name) {
        return constants.get(name);
    }

    /// All structures and unions that have a name.
    List<String> structures() {
        return List.copyOf(structures.keySet());
    }

    /// The names of a structure's members, those of anonymous inner ones among them; bit fields are left out.
    Set<String> members(String structure) {
        Map<String, Member> members = new LinkedHashMap<>();
        flatten(structures.get(structure), 0, members);
        members.values().removeIf(Member::isBitField);
        return members.keySet();
    }

    /// The size of a structure, in bytes.
    long sizeBytes(String structure) {
        return sizeBytes(structures.get(structure).intValue());
    }

    /// Where the member at the end of a path of names lies, if there is one.
    Optional<StructLayout.Member> member(String structure, String path) {
        int type = structures.getOrDefault(structure, 0);
        long bits = 0;
        for (String name : path.split("\\.")) {
            Map<String, Member> members = new HashMap<>();
            flatten(target(type), 0, members);
            Member member = members.get(name);
            if (member == null) {
                return Optional.empty();
            }
            bits += member.bits();
            type = member.type();
        }
        Type found = types.get(target(type));
        long elements = found.kind().equals("ARRAY") ? found.numbers().get("nr_elems") : 1;
        return Optional.of(new StructLayout.Member(bits / 8, sizeBytes(type), elements));
    }

    private void flatten(int type, long start, Map<String, Member> flat) {
        Type structure = types.get(type);
        for (Member member : structure == null ? List.<Member>of() : structure.members()) {
            if (member.name().equals(ANONYMOUS)) {
                flatten(target(member.type()), start + member.bits(), flat);
            } else {
                flat.putIfAbsent(
                        member.name(),
                        new Member(member.name(), member.type(), start + member.bits(), member.isBitField()));
            }
        }
    }

    /// The type behind typedefs and qualifiers.
    private int target(int type) {
        Type named = types.get(type);
        return named != null && SAME_AS_ANOTHER.contains(named.kind())
                ? target(named.numbers().get("type_id"))
                : type;
    }

    private long sizeBytes(int type) {
        Type target = types.get(target(type));
        return switch (target.kind()) {
            case "PTR" -> 8;
            case "ARRAY" ->
                target.numbers().get("nr_elems")
                        * sizeBytes(target.numbers().get("type_id").intValue());
            default -> target.numbers().get("size");
        };
    }
}
