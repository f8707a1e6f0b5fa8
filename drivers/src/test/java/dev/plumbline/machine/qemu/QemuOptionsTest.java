package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.qemu.QemuOptions.QmpSocket;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QemuOptionsTest {

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {"web1 web1", "guest=web1,debug-threads=on web1", "web1,process=x web1", "a,,b,process=x a,b"})
    void aNameIsGivenInSeveralWays(String value, String name) {
        assertThat(parse("-m", "64", "-name", value).name()).contains(name);
    }

    @Test
    void aGuestNeedHaveNoName() {
        assertThat(parse("-m", "64").name()).isEmpty();
        assertThat(parse("-name", "process=x").name()).isEmpty();
    }

    @Test
    void qmpSocketsAreFoundInEachForm() {
        assertThat(parse(
                                "-qmp", "unix:/run/a,server=on,wait=off",
                                "--qmp", "unix:b,,c,server,nowait",
                                "-qmp-pretty", "unix:path=/run/d,server=yes",
                                "-mon", "chardev=m,mode=control",
                                "-chardev", "socket,id=m,path=/run/e,server=on,wait=off",
                                "-chardev", "socket,id=f,fd=30,server=on,wait=off",
                                "-mon", "f,mode=control,pretty=on")
                        .qmpSockets())
                .containsExactly(
                        new QmpSocket.AtPath("/run/a"),
                        new QmpSocket.AtPath("b,c"),
                        new QmpSocket.AtPath("/run/d"),
                        new QmpSocket.AtPath("/run/e"),
                        new QmpSocket.Inherited("30"));
    }

    @Test
    void otherMonitorsAreNoQmpSockets() {
        assertThat(parse(
                                "-qmp",
                                "tcp:localhost:4444,server=on",
                                "-qmp",
                                "unix:/run/client",
                                "-qmp",
                                "stdio",
                                "-monitor",
                                "unix:/run/hmp,server=on",
                                "-chardev",
                                "socket,id=h,path=/run/h,server=on",
                                "-mon",
                                "chardev=h,mode=readline",
                                "-chardev",
                                "pty,id=p",
                                "-mon",
                                "chardev=p,mode=control",
                                "-mon",
                                "chardev=missing,mode=control",
                                "-chardev",
                                "",
                                "-mon",
                                ",,",
                                "-name",
                                "",
                                "-qmp")
                        .qmpSockets())
                .isEmpty();
    }

    private static QemuOptions parse(String... arguments) {
        List<String> all = new java.util.ArrayList<>(List.of("qemu-system-x86_64"));
        all.addAll(List.of(arguments));
        return QemuOptions.parse(all);
    }
}
