package dev.plumbline.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A table in a document, between two marks that name it.
final class MarkedTable {
    private final Path file;
    private final String begin;
    private final String end;

    /// @param file the document
    /// @param name what the marks call the table
    /// @param script the measurement that writes it
    /// @throws IOException if the document has no place for it
    MarkedTable(Path file, String name, String script) throws IOException {
        this.file = file;
        this.begin = "<!-- %s: written by %s -->%n".formatted(name, script);
        this.end = "<!-- end of %s -->%n".formatted(name);
        with("");
    }

    /// Puts lines in place of those that are there.
    void write(String lines) throws IOException {
        Files.writeString(file, with(lines));
    }

    private String with(String lines) throws IOException {
        String text = Files.readString(file);
        int from = text.indexOf(begin) + begin.length();
        int to = text.indexOf(end);
        if (!text.contains(begin) || to < from) {
            throw new IOException("%s has no place for a table between \"%s\" and \"%s\""
                    .formatted(file, begin.strip(), end.strip()));
        }
        return text.substring(0, from) + lines + text.substring(to);
    }
}
