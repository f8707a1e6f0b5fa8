package dev.plumbline.guest;

import static java.util.stream.Collectors.groupingBy;
import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.guest.GuestSays.Symbol;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.machine.GuestException;
import dev.plumbline.testbed.GuestKernel;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// The probe sites are exactly what the guest's function tracer lists.
interface TracerContract {
    /// How the kernel lists a place whose function was overridden at link time; the number is the distance from the
    /// symbol before it.
    String DISABLED = "__ftrace_invalid_address___";

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
        List<String> names = guest().says().tracedFunctions();
        List<FtraceRecord> records = guest().read(LinuxKernel::ftraceRecords);
        assertThat(records).hasSameSizeAs(names);
        assertThat(new HashSet<>(records)).hasSameSizeAs(names);
        Map<Long, List<Symbol>> symbols = guest().says().symbols().stream().collect(groupingBy(Symbol::address));
        List<String> wrong = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            if (!fits(records.get(i), names.get(i), symbols)) {
                wrong.add("%x is %s".formatted(records.get(i).address(), names.get(i)));
            }
        }
        assertThat(wrong).isEmpty();
    }

    /// The site lies at the symbol's address, or behind the endbr64 there.
    private static boolean fits(FtraceRecord record, String line, Map<Long, List<Symbol>> symbols) {
        String name = line.split("[ \t]")[0];
        if (name.startsWith(DISABLED)) {
            long distance = Long.parseLong(name.substring(DISABLED.length()));
            return record.disabled() && symbols.containsKey(record.address() - distance);
        }
        String module = line.contains("[") ? line.substring(line.indexOf('[') + 1, line.indexOf(']')) : null;
        for (long before : new long[] {0, 4}) {
            for (Symbol symbol : symbols.getOrDefault(record.address() - before, List.of())) {
                if (symbol.name().equals(name) && (module == null || module.equals(symbol.module()))) {
                    return !record.disabled();
                }
            }
        }
        return false;
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
