package dev.plumbline.monitoring;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Alerts are told in order, once, and never lost, whatever becomes of where they are told.
@Timeout(60)
class AlertLogTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Duration SHORT = Duration.ofMillis(50);

    private final List<RaisedAlert> told = new CopyOnWriteArrayList<>();
    private final List<RaisedAlert> kept = new CopyOnWriteArrayList<>();
    private final List<String> said = new CopyOnWriteArrayList<>();
    private final CountDownLatch entered = new CountDownLatch(1);
    private final CountDownLatch open = new CountDownLatch(1);

    private AlertLog log(AlertOutput output, Duration patience, Duration repeats) {
        return new AlertLog(
                Severity.LOW,
                List.of(output),
                kept::add,
                said::add,
                InstantSource.system(),
                new AlertLog.Times(patience, repeats));
    }

    private AlertLog log(AlertOutput output, Duration patience) {
        return log(output, patience, LONG);
    }

    private static Alert alert(Severity severity, String title) {
        return new Alert(severity, Detector.EDGE, title, "f", Optional.empty(), Optional.empty(), List.of(), List.of());
    }

    private static List<String> titles(List<RaisedAlert> alerts) {
        return alerts.stream().map(each -> each.alert().title()).toList();
    }

    private static List<String> numbered(int count) {
        return IntStream.range(0, count).mapToObj(Integer::toString).toList();
    }

    private static void raise(AlertLog log, Severity severity, int count) {
        numbered(count).forEach(title -> log.alert(alert(severity, title)));
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        while (!condition.getAsBoolean()) {
            Thread.sleep(5);
        }
    }

    private void blocking(RaisedAlert alert) throws IOException {
        entered.countDown();
        try {
            open.await();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        told.add(alert);
    }

    private static void failing(RaisedAlert alert) throws IOException {
        throw new IOException("broken pipe");
    }

    @Test
    void repeatsAreToldWithTheirCountTheGravestFirst() {
        AlertLog log = log(told::add, LONG);
        for (int i = 0; i < 1000; i++) {
            log.alert(alert(Severity.LOW, "other"));
            log.alert(alert(Severity.HIGH, "same"));
        }
        assertThat(log.close(LONG)).isTrue();
        assertThat(titles(told)).containsExactly("other", "same", "same", "other");
        assertThat(told).extracting(RaisedAlert::times).containsExactly(1L, 1L, 1000L, 1000L);
        assertThat(log.count(Severity.HIGH)).isEqualTo(1);
        assertThat(log.times(Severity.HIGH)).isEqualTo(1000);
        assertThat(log.count(Severity.CRITICAL)).isZero();
        assertThat(said).isEmpty();
    }

    @Test
    void repeatsAreToldWithoutWaitingForTheEnd() throws InterruptedException {
        AlertLog log = log(told::add, LONG, SHORT);
        log.alert(alert(Severity.HIGH, "same"));
        log.alert(alert(Severity.HIGH, "same"));
        await(() -> told.size() == 2);
        assertThat(told.getLast().times()).isEqualTo(2);
        assertThat(log.close(LONG)).isTrue();
        assertThat(told).hasSize(2);
    }

    @Test
    void whatIsNotGraveEnoughIsOnlyCounted() {
        AlertLog log = new AlertLog(
                Severity.MEDIUM,
                List.of(told::add),
                kept::add,
                said::add,
                InstantSource.system(),
                AlertLog.Times.DEFAULT);
        raise(log, Severity.LOW, 3);
        raise(log, Severity.LOW, 3);
        raise(log, Severity.MEDIUM, 1);
        assertThat(log.close(LONG)).isTrue();
        assertThat(titles(told)).containsExactly("0");
        assertThat(log.count(Severity.LOW)).isEqualTo(3);
        assertThat(log.times(Severity.LOW)).isEqualTo(6);
    }

    @Test
    void anOutputThatBlocksHoldsNobodyUpAndGetsAllInOrder() throws InterruptedException {
        AlertLog log = log(this::blocking, LONG);
        raise(log, Severity.HIGH, 1);
        entered.await();
        raise(log, Severity.HIGH, 500);
        assertThat(told).isEmpty();
        assertThat(log.waitingCount()).isEqualTo(500);
        open.countDown();
        assertThat(log.close(LONG)).isTrue();
        assertThat(titles(told.subList(0, 500))).isEqualTo(numbered(500));
        assertThat(kept).isEmpty();
    }

    @Test
    void whatABlockedOutputHasNotTakenAtTheEndIsKept() throws InterruptedException {
        AlertLog log = log(this::blocking, LONG);
        raise(log, Severity.HIGH, 3);
        entered.await();
        assertThat(log.close(SHORT)).isFalse();
        assertThat(titles(kept)).isEqualTo(numbered(3));
        assertThat(said).last().asString().startsWith("3 alerts could not be told");
        open.countDown();
    }

    @Test
    void whatWaitsForLongIsKeptEvenIfTheProcessIsKilledAndToldWhenTheOutputTakesItAgain() throws InterruptedException {
        AlertLog log = log(this::blocking, SHORT);
        raise(log, Severity.HIGH, 3);
        await(() -> kept.size() == 3);
        await(() -> !said.isEmpty());
        assertThat(said).singleElement().asString().startsWith("alerts wait");
        open.countDown();
        await(() -> said.size() == 2);
        assertThat(said.getLast()).contains("takes alerts again");
        assertThat(log.close(LONG)).isTrue();
        assertThat(titles(told)).isEqualTo(numbered(3));
        assertThat(titles(kept)).isEqualTo(numbered(3));
    }

    @Test
    void anOutputThatFailsForAWhileLosesNothing() {
        AtomicInteger attempts = new AtomicInteger();
        AlertLog log = log(
                alert -> {
                    if (attempts.incrementAndGet() < 4) {
                        throw new IOException("no space left");
                    }
                    told.add(alert);
                },
                LONG);
        raise(log, Severity.HIGH, 3);
        assertThat(log.close(LONG)).isTrue();
        assertThat(titles(told)).isEqualTo(numbered(3));
        assertThat(attempts).hasValue(6);
        assertThat(kept).isEmpty();
    }

    @Test
    void whatAnOutputThatIsGoneDoesNotTakeIsKeptAndThatIsSaid() throws InterruptedException {
        AlertLog log = log(AlertLogTest::failing, SHORT);
        raise(log, Severity.HIGH, 20);
        await(() -> kept.size() == 20);
        assertThat(log.close(LONG)).isFalse();
        assertThat(titles(kept)).isEqualTo(numbered(20));
        assertThat(said).hasSize(2).allMatch(line -> line.contains("broken pipe"));
    }

    @Test
    void anOutputThatFailsKeepsNothingFromAnother() throws InterruptedException {
        AlertLog log = new AlertLog(
                Severity.LOW,
                List.of(AlertLogTest::failing, told::add),
                kept::add,
                said::add,
                InstantSource.system(),
                new AlertLog.Times(SHORT, LONG));
        raise(log, Severity.HIGH, 3);
        await(() -> told.size() == 3 && kept.size() == 3);
        assertThat(log.close(LONG)).isFalse();
        assertThat(titles(told)).isEqualTo(numbered(3));
        assertThat(titles(kept)).isEqualTo(numbered(3));
    }

    @Test
    void aSummaryThatCannotBeToldIsSaid() {
        AlertOutput endless = new AlertOutput() {
            @Override
            public void tell(RaisedAlert alert) {
                told.add(alert);
            }

            @Override
            public void end() throws IOException {
                throw new IOException("no space left");
            }
        };
        AlertLog log = log(endless, SHORT);
        raise(log, Severity.HIGH, 1);
        assertThat(log.close(LONG)).isFalse();
        assertThat(titles(told)).containsExactly("0");
        assertThat(said).singleElement().asString().startsWith("the summary could not be told");
    }

    @Test
    void wherePlacesToTellAreGoneEachIsNamedAtTheEnd() {
        AlertLog log = new AlertLog(
                Severity.LOW,
                List.of(AlertLogTest::failing),
                AlertLogTest::failing,
                said::add,
                InstantSource.system(),
                new AlertLog.Times(SHORT, LONG));
        raise(log, Severity.HIGH, 3);
        assertThat(log.close(Duration.ofSeconds(1))).isFalse();
        assertThat(said.stream().filter(line -> line.startsWith("could not be told")))
                .hasSize(3);
    }

    @Test
    void tooManyOfASeverityAreCountedAndLeaveRoomForGraverOnes() {
        AlertLog log = log(told::add, LONG);
        raise(log, Severity.LOW, 10_100);
        raise(log, Severity.CRITICAL, 1);
        assertThat(log.close(LONG)).isTrue();
        assertThat(told).hasSize(10_001);
        assertThat(told.getLast().alert().severity()).isEqualTo(Severity.CRITICAL);
        assertThat(log.count(Severity.LOW)).isEqualTo(10_100);
        assertThat(said).hasSize(1);
    }
}
