package dev.plumbline.testbed;

import java.util.Arrays;
import java.util.Optional;

/// A kernel series that test guests can run, and the Debian metapackage that names its newest image package.
public enum GuestKernel {
    /// Debian 12's own kernel.
    V6_1("6.1", "linux-image-cloud-amd64"),
    /// The newer kernel that Debian 12 also carries; built with IBT and call padding.
    V6_12("6.12", "linux-image-6.12-cloud-amd64");

    private final String series;
    private final String metapackage;

    GuestKernel(String series, String metapackage) {
        this.series = series;
        this.metapackage = metapackage;
    }

    /// The series as users write it, such as `6.12`.
    public String series() {
        return series;
    }

    String metapackage() {
        return metapackage;
    }

    /// The kernel of a series, if there is one.
    public static Optional<GuestKernel> ofSeries(String series) {
        return Arrays.stream(values()).filter(k -> k.series.equals(series)).findFirst();
    }

    @Override
    public String toString() {
        return series;
    }
}
