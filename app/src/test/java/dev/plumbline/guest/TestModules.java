package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.testbed.ExecResult;
import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestModules;
import dev.plumbline.testbed.GuestShell;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.TreeMap;

/// Kernel modules of the tests' own, built for one guest.
///
/// @param guest the guest
/// @param built the modules by name
record TestModules(GuestShell guest, Map<String, byte[]> built) {

    /// Builds modules from the resources of the tests.
    ///
    /// @param files C sources, one module each, and the headers they need
    static TestModules of(GuestShell guest, GuestKernel kernel, String... files) throws IOException {
        Map<String, byte[]> sources = new TreeMap<>();
        for (String file : files) {
            sources.put(file, source(file));
        }
        return new TestModules(guest, GuestModules.ofUser().built(kernel, sources));
    }

    /// A source among the resources of the tests.
    static byte[] source(String file) throws IOException {
        try (InputStream source = TestModules.class.getResourceAsStream(file)) {
            return source.readAllBytes();
        }
    }

    /// Loads one.
    ///
    /// @param parameters as insmod takes them; empty for none
    void load(String name, String parameters) throws IOException {
        ExecResult result = insert(name, parameters);
        assertThat(result.status())
                .as("insmod %s %s: %s", name, parameters, result.stderrText())
                .isZero();
    }

    /// Loads one if it wants to be loaded.
    ///
    /// @return whether it is
    boolean loads(String name, String parameters) throws IOException {
        return insert(name, parameters).status() == 0;
    }

    private ExecResult insert(String name, String parameters) throws IOException {
        String file = "/tmp/" + name + ".ko";
        String insert = "cat > %1$s && insmod %1$s %2$s; status=$?; rm -f %1$s; exit $status";
        return guest.exec(insert.formatted(file, parameters), built.get(name));
    }

    void unload(String name) throws IOException {
        guest.execChecked("rmmod " + name);
    }
}
