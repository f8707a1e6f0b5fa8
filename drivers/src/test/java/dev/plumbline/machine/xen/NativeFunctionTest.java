package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class NativeFunctionTest {
    private static final SymbolLookup STANDARD = Linker.nativeLinker().defaultLookup();
    private static final int NO_SUCH_FILE = 2;

    private static String seen;

    private final Arena arena = Arena.ofAuto();
    private final MemorySegment error = NativeFunction.allocateError(arena);

    @Test
    void integersGoThereAndBack() {
        assertThat(NativeFunction.of(STANDARD, "abs").number(error, -5)).isEqualTo(5);
        assertThat(NativeFunction.of(STANDARD, "llabs").call(error, -1L << 40)).isEqualTo(1L << 40);
        assertThat(NativeFunction.of(STANDARD, "getpid").number(error))
                .isEqualTo((int) ProcessHandle.current().pid());
    }

    @Test
    void addressesGoThereAndBack() {
        MemorySegment text = arena.allocateFrom("plumbline", US_ASCII);
        assertThat(NativeFunction.of(STANDARD, "strchr").call(error, text.address(), 'b'))
                .isEqualTo(text.address() + 4);
    }

    /// As `xc_hvm_inject_trap` takes them: some of less than 64 bits, the last two on the stack.
    @Test
    void eachArgumentComesAsWideAsTheFunctionTakesIt() throws Exception {
        MethodHandle target = MethodHandles.lookup()
                .findStatic(
                        NativeFunctionTest.class,
                        "seen",
                        MethodType.methodType(
                                int.class,
                                long.class,
                                int.class,
                                short.class,
                                byte.class,
                                byte.class,
                                int.class,
                                byte.class,
                                long.class));
        MemorySegment stub = Linker.nativeLinker()
                .upcallStub(
                        target,
                        FunctionDescriptor.of(
                                JAVA_INT,
                                JAVA_LONG,
                                JAVA_INT,
                                JAVA_SHORT,
                                JAVA_BYTE,
                                JAVA_BYTE,
                                JAVA_INT,
                                JAVA_BYTE,
                                JAVA_LONG),
                        arena);
        NativeFunction function = NativeFunction.of(name -> Optional.of(stub), "seen");
        assertThat(function.number(error, 1L << 40, 2, -3, 4, -5, -6, 7, -8L << 40))
                .isEqualTo(-9);
        assertThat(seen).isEqualTo("1099511627776 2 -3 4 -5 -6 7 -8796093022208");
    }

    // Called back.
    private static int seen(long a, int b, short c, byte d, byte e, int f, byte g, long h) {
        seen = "%d %d %d %d %d %d %d %d".formatted(a, b, c, d, e, f, g, h);
        return -9;
    }

    @Test
    void whatHasFailedLeavesItsErrorNumber() {
        MemorySegment path = arena.allocateFrom("/nonexistent");
        assertThat(NativeFunction.of(STANDARD, "chdir").number(error, path.address()))
                .isEqualTo(-1);
        assertThat(NativeFunction.errno(error)).isEqualTo(NO_SUCH_FILE);
    }

    @Test
    void whatIsNotThereIsSaid() {
        assertThatThrownBy(() -> NativeFunction.library("libnonexistent.so.1", "libnonexistent1"))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("libnonexistent.so.1 cannot be loaded: install")
                .hasMessageContaining("package libnonexistent1");
        assertThatThrownBy(() -> NativeFunction.of(STANDARD, "no_such_function"))
                .isInstanceOf(NoSuchElementException.class);
    }

    @Test
    void moreArgumentsThanItHasRoomForAreRefused() {
        NativeFunction abs = NativeFunction.of(STANDARD, "abs");
        assertThatThrownBy(() -> abs.call(error, 1, 2, 3, 4, 5, 6, 7, 8, 9))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }
}
