package dev.plumbline.guest;

import static java.util.stream.Collectors.groupingBy;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.guest.GuestSays.Symbol;
import dev.plumbline.kernel.CodeRegion;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.GuestKernel;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// The probe sites are exactly what the guest's function tracer lists.
interface TracerContract {
    /// How the kernel lists a place whose function was overridden at link time; the number is the distance from the
    /// symbol before it.
    String DISABLED = "__ftrace_invalid_address___";

    /// `endbr64`, or what stands in its place where the kernel has sealed it; the site lies behind it.
    Set<String> MARKS = Set.of("f30f1efa", "660f1f00");
    int MARK_BYTES = 4;
    String NOP = "0f1f440000";

    GuestUnderTest guest();

    GuestKernel kernel();

    @Test
    default void sitesAreTheTracersAddressesInItsOrder() throws GuestException {
        Assumptions.assumeTrue(kernel() == GuestKernel.V6_12, "older kernels do not list addresses");
        List<Long> expected = guest().says().tracedAddresses();
        List<Long> found = guest().read(LinuxKernel::ftraceRecords).stream()
                .map(FtraceRecord::address)
                .toList();
        assertThat(Differences.between(expected, found)).isEmpty();
        assertThat(found).isEqualTo(expected).hasSizeGreaterThan(30_000);
    }

    @Test
    default void sitesCarryTheTracersNamesInItsOrder() throws GuestException {
        compareSites(guest());
    }

    static void compareSites(GuestUnderTest guest) throws GuestException {
        List<String> names = guest.says().tracedFunctions();
        List<CodeRegion> regions = guest.read(LinuxKernel::code).regions();
        List<FtraceRecord> records = guest.read(LinuxKernel::ftraceRecords);
        assertThat(records).hasSameSizeAs(names);
        assertThat(new HashSet<>(records)).hasSameSizeAs(names);
        Map<Long, List<Symbol>> symbols = guest.says().symbols().stream().collect(groupingBy(Symbol::address));
        List<String> wrong = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            boolean isBehindMark = MARKS.contains(bytes(regions, records.get(i).address() - MARK_BYTES, MARK_BYTES));
            if (!fits(records.get(i), names.get(i), symbols, isBehindMark)) {
                wrong.add("%x is %s".formatted(records.get(i).address(), names.get(i)));
            }
        }
        assertThat(wrong).isEmpty();
    }

    private static boolean fits(
            FtraceRecord record, String line, Map<Long, List<Symbol>> symbols, boolean isBehindMark) {
        String name = line.split("[ \t]")[0];
        if (name.startsWith(DISABLED)) {
            long distance = Long.parseLong(name.substring(DISABLED.length()));
            return record.disabled() && symbols.containsKey(record.address() - distance);
        }
        String module = line.contains("[") ? line.substring(line.indexOf('[') + 1, line.indexOf(']')) : null;
        return !record.disabled()
                && symbols.getOrDefault(record.address() - (isBehindMark ? MARK_BYTES : 0), List.of()).stream()
                        .anyMatch(symbol ->
                                symbol.name().equals(name) && (module == null || module.equals(symbol.module())));
    }

    @Test
    default void siteNotInUseHoldsTheNop() throws GuestException {
        List<String> others = guest().read(kernel -> {
            List<CodeRegion> regions = kernel.code().regions();
            return kernel.ftraceRecords().stream()
                    .filter(record -> record.enabled()
                            == bytes(regions, record.address(), NOP.length() / 2)
                                    .equals(NOP))
                    .map(record -> "%x, %x".formatted(record.address(), record.flags()))
                    .toList();
        });
        assertThat(others).isEmpty();
    }

    /// In hexadecimal; empty if they are not all in one region.
    private static String bytes(List<CodeRegion> regions, long address, int count) {
        return regions.stream()
                .filter(region -> region.contains(address) && region.contains(address + count - 1))
                .map(region -> region.bytes().asSlice(address - region.baseAddress(), count))
                .map(bytes -> HexFormat.of().formatHex(bytes.toArray(ValueLayout.JAVA_BYTE)))
                .findFirst()
                .orElse("");
    }

    @Test
    default void siteInUseIsTheOneTheTracerListsAsEnabled() throws GuestException {
        long enabled = guest().read(LinuxKernel::ftraceRecords).stream()
                .filter(FtraceRecord::enabled)
                .count();
        String listed = guest().says().text("grep -c . /sys/kernel/tracing/enabled_functions");
        assertThat(enabled).isPositive().isEqualTo(Long.parseLong(listed));
    }
}
