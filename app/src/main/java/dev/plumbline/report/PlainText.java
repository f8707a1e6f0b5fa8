package dev.plumbline.report;

/// Text from guests and other processes, made fit for a terminal.
public final class PlainText {
    private PlainText() {}

    /// The text with a `?` for each control character, so that nothing in it, such as a hostile guest's banner or
    /// symbol, can command the terminal or begin a line of its own.
    public static String of(String text) {
        return text.replaceAll("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]", "?");
    }
}
