package dev.plumbline.testbed;

import java.nio.charset.StandardCharsets;

/// How a command in a guest ended.
///
/// @param status exit status 0 to 255; 128 plus the signal's number if a signal ended it
/// @param stdout all of its standard output
/// @param stderr all of its standard error
public record ExecResult(int status, byte[] stdout, byte[] stderr) {

    /// Standard output as UTF-8 text.
    public String stdoutText() {
        return new String(stdout, StandardCharsets.UTF_8);
    }

    /// Standard error as UTF-8 text.
    public String stderrText() {
        return new String(stderr, StandardCharsets.UTF_8);
    }
}
