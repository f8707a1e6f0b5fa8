package dev.plumbline.guest;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Structures and constants as `bpftool btf dump … format raw` prints them: the judge of the product's own reader.
///
/// @param structures the first structure or union of each name, with the offsets in bits of its members, those of
///   anonymous inner ones among them; bit fields are left out
/// @param constants values of all enumerations' constants
record BpftoolTypes(Map<String, Map<String, Long>> structures, Map<String, Long> constants) {
    private static final Pattern TYPE = Pattern.compile("\\[(\\d+)] (STRUCT|UNION) '(.*)' size=\\d+ vlen=\\d+");
    private static final Pattern MEMBER =
            Pattern.compile("\\t'(.*)' type_id=(\\d+) bits_offset=(\\d+)( bitfield_size=\\d+)?");
    private static final Pattern CONSTANT = Pattern.compile("\\t'(.*)' val=(-?\\d+)");
    private static final String ANONYMOUS = "(anon)";

    private record Member(String name, int type, long bits) {}

    /// Has bpftool read a BTF section.
    static BpftoolTypes of(byte[] btf) throws IOException {
        Path file = Files.createTempFile("plumbline-", ".btf");
        try {
            Files.write(file, btf);
            Process bpftool = new ProcessBuilder(program(), "btf", "dump", "file", file.toString(), "format", "raw")
                    .redirectErrorStream(true)
                    .start();
            try (BufferedReader lines = bpftool.inputReader(StandardCharsets.ISO_8859_1)) {
                return read(lines);
            }
        } finally {
            Files.delete(file);
        }
    }

    /// It is where only root's path leads.
    private static String program() {
        Path path = Path.of("/usr/sbin/bpftool");
        return Files.isExecutable(path) ? path.toString() : "bpftool";
    }

    private static BpftoolTypes read(BufferedReader lines) throws IOException {
        Map<Integer, List<Member>> members = new HashMap<>();
        Map<String, Integer> numbers = new LinkedHashMap<>();
        Map<String, Long> constants = new HashMap<>();
        List<Member> current = new ArrayList<>();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Matcher type = TYPE.matcher(line);
            Matcher member = MEMBER.matcher(line);
            Matcher constant = CONSTANT.matcher(line);
            if (type.matches()) {
                current = new ArrayList<>();
                members.put(Integer.valueOf(type.group(1)), current);
                numbers.putIfAbsent(type.group(3), Integer.valueOf(type.group(1)));
            } else if (member.matches() && member.group(4) == null) {
                current.add(new Member(
                        member.group(1), Integer.parseInt(member.group(2)), Long.parseLong(member.group(3))));
            } else if (constant.matches()) {
                constants.putIfAbsent(constant.group(1), Long.valueOf(constant.group(2)));
            }
        }
        numbers.remove(ANONYMOUS);
        Map<String, Map<String, Long>> structures = new LinkedHashMap<>();
        numbers.forEach((name, number) -> {
            Map<String, Long> offsets = new LinkedHashMap<>();
            flatten(number, 0, members, offsets);
            structures.put(name, offsets);
        });
        return new BpftoolTypes(structures, constants);
    }

    private static void flatten(int type, long start, Map<Integer, List<Member>> members, Map<String, Long> offsets) {
        for (Member member : members.getOrDefault(type, List.of())) {
            if (member.name().equals(ANONYMOUS)) {
                flatten(member.type(), start + member.bits(), members, offsets);
            } else {
                offsets.putIfAbsent(member.name(), start + member.bits());
            }
        }
    }
}
