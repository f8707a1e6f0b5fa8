package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class MonitorRingTest {
    private final MemorySegment page = Arena.ofAuto().allocate(4096, 4096);

    private int produced;

    private void xenPuts(int vcpu) {
        entry(produced).copyFrom(VmEventTest.request(vcpu));
        page.set(JAVA_INT, 0, ++produced);
    }

    private MemorySegment entry(int number) {
        return page.asSlice(64 + number % 8 * 400L, 400);
    }

    @Test
    void itBeginsEmptyWhateverWasThere() {
        page.fill((byte) 0xff);
        MonitorRing ring = new MonitorRing(page);
        assertThat(ring.hasNext()).isFalse();
        assertThat(ring.next()).isNull();
        assertThat(page.asSlice(0, 20).toArray(JAVA_INT)).containsExactly(0, 1, 0, 1, 0);
    }

    @Test
    void requestsAreTakenInTheirOrderRoundAndRound() {
        MonitorRing ring = new MonitorRing(page);
        for (int number = 0; number < 20; number += 2) {
            xenPuts(number);
            xenPuts(number + 1);
            assertThat(ring.next().vcpu()).isEqualTo(number);
            assertThat(page.get(JAVA_INT, 4)).as("where to notify").isEqualTo(number + 2);
            assertThat(ring.next().vcpu()).isEqualTo(number + 1);
            assertThat(ring.hasNext()).isFalse();
        }
    }

    @Test
    void aRequestOutlivesItsEntry() {
        MonitorRing ring = new MonitorRing(page);
        xenPuts(1);
        VmEvent event = ring.next();
        page.fill((byte) 0);
        assertThat(event.vcpu()).isEqualTo(1);
    }

    @Test
    void answersGoWhereXenLooksForThem() {
        MonitorRing ring = new MonitorRing(page);
        for (int number = 0; number < 20; number++) {
            ring.answer(VmEvent.unasked(number));
            assertThat(page.get(JAVA_INT, 8)).isEqualTo(number + 1);
            assertThat(VmEvent.of(entry(number)).vcpu()).isEqualTo(number);
        }
    }
}
