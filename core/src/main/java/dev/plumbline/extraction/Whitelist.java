package dev.plumbline.extraction;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/// Functions not worth a probe. A file has one name or pattern a line, `*` for any characters and `?` for one, with the
/// reason behind a `#`; empty lines and lines that begin with `#` say nothing. Immutable.
public final class Whitelist {
    /// No functions at all.
    public static final Whitelist NONE = new Whitelist(List.of());

    private static final String OWN_RESOURCE = "whitelist.txt";

    private final List<Entry> entries;
    private final Set<String> names = new HashSet<>();
    private final List<Pattern> patterns = new ArrayList<>();

    /// A line of the list.
    ///
    /// @param pattern a function's name, or a pattern
    /// @param reason why it is not worth watching; empty if none is given
    public record Entry(String pattern, String reason) {}

    private Whitelist(List<Entry> entries) {
        this.entries = List.copyOf(entries);
        for (Entry entry : entries) {
            if (entry.pattern().contains("*") || entry.pattern().contains("?")) {
                patterns.add(Pattern.compile(expression(entry.pattern())));
            } else {
                names.add(entry.pattern());
            }
        }
    }

    private static String expression(String glob) {
        StringBuilder expression = new StringBuilder();
        for (char letter : glob.toCharArray()) {
            switch (letter) {
                case '*' -> expression.append(".*");
                case '?' -> expression.append('.');
                default -> expression.append(Pattern.quote(String.valueOf(letter)));
            }
        }
        return expression.toString();
    }

    /// The list that comes with Plumbline: helpers that run all the time and decide nothing.
    public static Whitelist own() {
        try (InputStream resource = Whitelist.class.getResourceAsStream(OWN_RESOURCE)) {
            return parse(OWN_RESOURCE, new String(resource.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new IllegalStateException("this build of Plumbline lacks its list of functions", e);
        }
    }

    /// The list in a file.
    ///
    /// @throws IOException if it cannot be read, or a line is no name; with its number
    public static Whitelist read(Path file) throws IOException {
        return parse(file.toString(), Files.readString(file));
    }

    private static Whitelist parse(String file, String text) throws IOException {
        List<Entry> entries = new ArrayList<>();
        int number = 0;
        for (String line : text.split("\n", -1)) {
            number++;
            int hash = line.indexOf('#');
            String pattern = (hash < 0 ? line : line.substring(0, hash)).strip();
            if (pattern.chars().anyMatch(Character::isWhitespace)) {
                throw new IOException(file + ", line " + number + ": \"" + pattern
                        + "\" is no function; write one name or pattern a line, and reasons behind #");
            }
            if (!pattern.isEmpty()) {
                entries.add(new Entry(
                        pattern, hash < 0 ? "" : line.substring(hash + 1).strip()));
            }
        }
        return new Whitelist(entries);
    }

    /// The lines, in order.
    public List<Entry> entries() {
        return entries;
    }

    /// Whether a function of this name is on the list.
    public boolean contains(String name) {
        return names.contains(name)
                || patterns.stream().anyMatch(pattern -> pattern.matcher(name).matches());
    }
}
