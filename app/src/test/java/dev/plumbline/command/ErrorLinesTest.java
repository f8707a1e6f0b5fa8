package dev.plumbline.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Lines come out in order; where they do not come out, nobody waits for them.
@Timeout(60)
class ErrorLinesTest {
    @Test
    void linesAreAllThereInTheEnd() {
        StringWriter printed = new StringWriter();
        try (ErrorLines lines = new ErrorLines(new PrintWriter(printed))) {
            for (int line = 0; line < 500; line++) {
                lines.accept("line " + line);
            }
        }
        assertThat(printed.toString().lines()).hasSize(500).last().isEqualTo("line 499");
    }

    @Test
    void aReaderThatStaysAwayHoldsNobodyUpAndWhatIsLeftOutIsCounted() throws InterruptedException {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch open = new CountDownLatch(1);
        StringWriter printed = new StringWriter();
        Writer blocked = new Writer() {
            @Override
            public void write(char[] text, int offset, int length) {
                begun.countDown();
                awaitQuietly(open);
                printed.write(text, offset, length);
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        ErrorLines lines = new ErrorLines(new PrintWriter(blocked));
        lines.accept("the one that is being printed");
        begun.await();
        for (int line = 0; line < 5000; line++) {
            lines.accept("line " + line);
        }
        open.countDown();
        while (!printed.toString().contains("line 999")) {
            Thread.sleep(5);
        }
        lines.close();
        assertThat(printed.toString()).containsPattern("4,000 lines were left out here[^\n]*\n$");
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
