package dev.plumbline.testbed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;

/// What holds wherever commands are run, be it in a guest of QEMU or in a domain of Xen.
final class ShellPromises {
    private static final String MODULE = """
            #include <linux/module.h>
            static int __init begin(void) { return 0; }
            static void __exit end(void) {}
            module_init(begin);
            module_exit(end);
            MODULE_LICENSE("GPL");
            """;

    private ShellPromises() {}

    static void assertOutputsAndStatusComeThrough(GuestShell shell) throws GuestException {
        ExecResult result = shell.exec("echo \"it's out\"; echo err >&2; exit 7");
        assertThat(result.stdoutText()).isEqualTo("it's out\n");
        assertThat(result.stderrText()).isEqualTo("err\n");
        assertThat(result.status()).isEqualTo(7);
        assertThat(shell.exec("kill -KILL $$").status()).isEqualTo(137);
        assertThat(shell.exec("no-such-program").status()).isEqualTo(127);
    }

    static void assertBytesComeThroughBothWays(GuestShell shell, int count)
            throws GuestException, NoSuchAlgorithmException {
        byte[] content = new byte[count];
        new Random(1).nextBytes(content);
        String hash =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        ExecResult result = shell.exec("tee /tmp/copy | sha256sum >&2; cat /tmp/copy; rm /tmp/copy", content);
        assertThat(result.stderrText()).startsWith(hash);
        assertThat(result.stdout()).isEqualTo(content);
    }

    static void assertModuleOfOurOwnLoads(GuestShell shell, GuestKernel kernel) throws IOException {
        byte[] module = GuestModules.ofUser()
                .built(kernel, Map.of("own_module.c", MODULE.getBytes(StandardCharsets.UTF_8)))
                .get("own_module");
        assertThat(shell.exec("cat > /tmp/own.ko && insmod /tmp/own.ko && lsmod && rmmod own_module", module)
                        .stdoutText())
                .contains("own_module");
    }
}
