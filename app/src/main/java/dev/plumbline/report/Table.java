package dev.plumbline.report;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Rows of text in columns as wide as their longest cell.
public final class Table {
    private static final String GAP = "  ";

    private final List<String[]> rows = new ArrayList<>();

    /// @param headings one for each column
    public Table(String... headings) {
        rows.add(headings);
    }

    /// Adds a row with a cell for each column, printed as [PlainText].
    public Table row(String... cells) {
        if (cells.length != rows.getFirst().length) {
            throw new IllegalArgumentException(cells.length + " cells for " + rows.getFirst().length + " columns");
        }
        rows.add(Arrays.stream(cells).map(PlainText::of).toArray(String[]::new));
        return this;
    }

    /// Prints all rows; numbers stand to the right of their columns.
    public void print(PrintWriter out) {
        int columns = rows.getFirst().length;
        int[] widths = IntStream.range(0, columns)
                .map(column -> rows.stream()
                        .mapToInt(row -> row[column].length())
                        .max()
                        .orElse(0))
                .toArray();
        for (String[] row : rows) {
            String line = IntStream.range(0, columns)
                    .mapToObj(column -> pad(row[column], widths[column]))
                    .collect(Collectors.joining(GAP));
            out.println(line.stripTrailing());
        }
    }

    private static String pad(String cell, int width) {
        String blanks = " ".repeat(width - cell.length());
        return !cell.isEmpty() && Character.isDigit(cell.charAt(0)) && !cell.startsWith("0x")
                ? blanks + cell
                : cell + blanks;
    }
}
