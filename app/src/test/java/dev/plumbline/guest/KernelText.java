package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.CodeRegion;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// All code of a guest's kernel and its modules at one time, to compare with that of another.
///
/// @param regions the code
record KernelText(List<CodeRegion> regions) {
    private static final long LIMIT_SECONDS = 120;

    static KernelText of(GuestUnderTest guest) throws Exception {
        return new KernelText(guest.read(kernel -> kernel.code().regions()));
    }

    /// Makes sure that the guest has this code now, once nobody is left who takes probes out of it.
    void assertBack(GuestUnderTest guest) throws Exception {
        awaitUnguarded(guest);
        List<CodeRegion> now = of(guest).regions();
        assertThat(now).hasSameSizeAs(regions);
        for (int i = 0; i < now.size(); i++) {
            long difference = regions.get(i).bytes().mismatch(now.get(i).bytes());
            assertThat(difference)
                    .as(
                            "first difference in %s",
                            regions.get(i).owner() == null
                                    ? "the kernel"
                                    : now.get(i).owner())
                    .isEqualTo(-1);
        }
    }

    /// Waits until nobody is left who takes probes out of the guest. One client at a time can use the monitor, so
    /// looking too early would keep the guard from its work.
    static void awaitUnguarded(GuestUnderTest guest) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (isGuarded(guest)) {
            assertThat(System.nanoTime()).as("the guard is still at work").isLessThan(deadline);
            Thread.sleep(100);
        }
    }

    private static boolean isGuarded(GuestUnderTest guest) {
        return ProcessHandle.allProcesses()
                .map(process -> process.info().commandLine().orElse(""))
                .anyMatch(line -> line.contains(guest.vm()) && line.contains("detach"));
    }
}
