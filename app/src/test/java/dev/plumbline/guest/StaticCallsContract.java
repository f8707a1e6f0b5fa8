package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.KernelCode;
import dev.plumbline.kernel.SymbolTable;
import dev.plumbline.machine.GuestException;
import dev.plumbline.x86.DirectBranch;
import dev.plumbline.x86.PatchShape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// Each static call of the kernel and its modules leads to where its key says, and so does each trampoline.
interface StaticCallsContract {
    int BYTES = 6;

    GuestUnderTest guest();

    /// What was read in one go: the code, and where calls are to lead.
    record Read(KernelCode code, Map<Long, Long> functions) {}

    @Test
    default void staticCallsLeadToWhereTheirKeysSay() throws GuestException {
        Read read = guest().read(kernel -> new Read(kernel.code(), kernel.staticCallFunctions()));
        Map<PatchShape, Integer> shapes = new EnumMap<>(PatchShape.class);
        List<String> wrong = new ArrayList<>();
        for (long place : places(read.code())) {
            byte[] code = code(read.code().regions(), place);
            PatchShape shape = PatchShape.of(code, 0, code.length);
            shapes.merge(shape, 1, Integer::sum);
            Long function = read.functions().get(place);
            if (function == null
                    || !leads(place, code, shape, function, read.code().symbols())) {
                wrong.add("%x: %s, %s".formatted(place, shape, function));
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(shapes).containsKeys(PatchShape.CALL, PatchShape.JUMP, PatchShape.NOP5, PatchShape.RETURN_ZERO);
        assertThat(shapes.values().stream().mapToInt(Integer::intValue).sum()).isGreaterThan(1000);
    }

    private static List<Long> places(KernelCode code) {
        List<Long> places = new ArrayList<>();
        Arrays.stream(code.patchPlaces().staticCallSites()).forEach(places::add);
        SymbolTable symbols = code.symbols();
        for (int symbol = 0; symbol < symbols.size(); symbol++) {
            if (symbols.nameStartsWith(symbol, "__SCT__")) {
                places.add(symbols.address(symbol));
            }
        }
        places.removeIf(place -> region(code.regions(), place).isEmpty());
        return places;
    }

    private static boolean leads(long place, byte[] code, PatchShape shape, long function, SymbolTable symbols) {
        return switch (shape) {
            case CALL, JUMP ->
                DirectBranch.target(code, 0, 5, place) == function || isReturn(place, code, function, symbols);
            case CONDITIONAL_JUMP -> DirectBranch.target(code, 0, BYTES, place) == function;
            case RETURN_ZERO ->
                symbols.name(symbols.atRank(symbols.floorRank(function))).equals("__static_call_return0");
            case NOP5, RETURN -> function == 0;
            default -> false;
        };
    }

    private static boolean isReturn(long place, byte[] code, long function, SymbolTable symbols) {
        long target = DirectBranch.target(code, 0, 5, place);
        return function == 0
                && symbols.name(symbols.atRank(symbols.floorRank(target))).endsWith("_return_thunk");
    }

    private static Optional<CodeRegion> region(List<CodeRegion> regions, long place) {
        return regions.stream().filter(region -> region.contains(place)).findFirst();
    }

    private static byte[] code(List<CodeRegion> regions, long place) {
        CodeRegion region = region(regions, place).orElseThrow();
        byte[] code = new byte[BYTES];
        MemorySegment.copy(region.bytes(), ValueLayout.JAVA_BYTE, place - region.baseAddress(), code, 0, BYTES);
        return code;
    }
}
