package dev.plumbline.command;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.filter.FilteringParserDelegate;
import com.fasterxml.jackson.core.filter.JsonPointerBasedFilter;
import com.fasterxml.jackson.core.filter.TokenFilter.Inclusion;
import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What came of monitoring the demo's guest, by the report it has left.
///
/// @param report Detection Findings, a line each, and a summary
record DemoFindings(Path report) {

    /// A sentence on when alerts came.
    ///
    /// @param hiddenMillis when the module that hides the file was about to be loaded, since 1970
    /// @throws GuestException if there was no alert since then
    String conclusion(long hiddenMillis) throws IOException {
        int before = 0;
        for (String line : Files.readAllLines(report)) {
            long time = time(line);
            if (time >= hiddenMillis) {
                return "The first alert on it came %.2f s after the module began to be loaded; before that there %s."
                        .formatted((time - hiddenMillis) / 1e3, before == 0 ? "was none" : "were " + before);
            }
            before++;
        }
        throw new GuestException("the demo ends here: the hidden file raised no alert");
    }

    // None for the summary.
    private static long time(String finding) throws IOException {
        try (JsonParser parser = new FilteringParserDelegate(
                new JsonFactory().createParser(finding),
                new JsonPointerBasedFilter("/time"),
                Inclusion.ONLY_INCLUDE_ALL,
                false)) {
            return parser.nextToken() == JsonToken.VALUE_NUMBER_INT ? parser.getLongValue() : 0;
        }
    }
}
