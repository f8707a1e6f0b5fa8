package dev.plumbline.report;

import dev.plumbline.machine.VcpuRegisters;
import java.util.ArrayList;
import java.util.List;

/// The features of a vCPU that concern introspection, as its kernel has switched them on (Intel SDM volume 3, 2.5).
final class CpuFeatures {
    private record Feature(int cr4Bit, String name) {}

    private static final List<Feature> IN_CR4 = List.of(
            new Feature(16, "FSGSBASE"),
            new Feature(17, "PCID"),
            new Feature(20, "SMEP"),
            new Feature(21, "SMAP"),
            new Feature(22, "PKU"),
            new Feature(23, "CET"));

    private CpuFeatures() {}

    /// Their usual names, e.g. `LA57`, `SMEP`.
    static List<String> of(VcpuRegisters vcpu) {
        List<String> names = new ArrayList<>();
        if (vcpu.pagingLevels() == 5) {
            names.add("LA57");
        }
        IN_CR4.stream()
                .filter(feature -> (vcpu.cr4() >> feature.cr4Bit() & 1) != 0)
                .map(Feature::name)
                .forEach(names::add);
        return names;
    }
}
