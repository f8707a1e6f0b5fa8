package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.PhysicalAddress;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class DisplacedBytesTest {
    private static final PhysicalAddress START = new PhysicalAddress(0x1000);

    private final DisplacedBytes displaced = new DisplacedBytes();

    private String shown(String hexDigits) {
        MemorySegment read = MemorySegment.ofArray(HexFormat.of().parseHex(hexDigits));
        displaced.show(START, read);
        return HexFormat.of().formatHex(read.toArray(JAVA_BYTE));
    }

    @Test
    void breakpointsOfOursAreNotSeen() {
        displaced.add(START.plus(-1), (byte) 9);
        displaced.add(START, (byte) 0x0f);
        displaced.add(START.plus(3), (byte) 0x55);
        displaced.add(START.plus(4), (byte) 9);
        assertThat(shown("cc1fcccc")).isEqualTo("0f1fcc55");
        displaced.remove(START);
        assertThat(shown("cc1fcccc")).isEqualTo("cc1fcc55");
    }

    @Test
    void whatTheGuestHasWrittenOverOneIsSeen() {
        displaced.add(START, (byte) 0x0f);
        assertThat(shown("e8")).isEqualTo("e8");
    }
}
