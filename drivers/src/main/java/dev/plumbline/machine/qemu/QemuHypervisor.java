package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.Hypervisor;
import java.util.List;

/// The QEMU that runs a guest.
final class QemuHypervisor implements Hypervisor {
    private final QmpClient qmp;
    private final boolean isTranslating;

    QemuHypervisor(QmpClient qmp, boolean isTranslating) {
        this.qmp = qmp;
        this.isTranslating = isTranslating;
    }

    @Override
    public Description describe() throws GuestException {
        QmpValue version = qmp.execute("query-version").get("qemu");
        String name = "QEMU %d.%d.%d"
                .formatted(
                        version.get("major").number(),
                        version.get("minor").number(),
                        version.get("micro").number());
        return new Description(name, isTranslating ? "TCG" : "KVM", List.of());
    }
}
