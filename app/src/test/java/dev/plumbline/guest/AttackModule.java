package dev.plumbline.guest;

import dev.plumbline.testbed.GuestKernel;
import dev.plumbline.testbed.GuestModules;
import dev.plumbline.testbed.GuestShell;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Ways to turn a kernel against its owner, each as a kernel module of ours in its smallest form. The hook lets what it
/// hooks do its work, and counts how often it ran.
enum AttackModule {
    /// The tracer's call at a function's entry goes on elsewhere (IPMODIFY).
    FTRACE_HOOK("uname", "", "__x64_sys_newuname"),
    /// A kprobe changes the instruction pointer.
    KPROBE_REDIRECT("uptime", "", "__x64_sys_sysinfo"),
    /// A function's entry is a jump.
    ENTRY_JUMP("stat -f /", "", "__x64_sys_statfs"),
    /// A jump stands in the middle of a function.
    MIDDLE_JUMP("mkdir /tmp/made && rmdir /tmp/made", "", "do_mkdirat"),
    /// A pointer in file_operations leads elsewhere, and a file is not listed.
    HIDE_FILE("touch /tmp/hidden && ls /tmp && rm /tmp/hidden", "hidden", "dcache_readdir", "offset_readdir"),
    /// A pointer in seq_operations leads elsewhere, and a port is not listed.
    SEQ_SHOW(
            "httpd -f -p 127.0.0.1:4444 & until nc 127.0.0.1 4444 < /dev/null; do sleep 0.1; done;"
                    + " cat /proc/net/tcp; kill $!",
            ":115C 00000000",
            "tcp4_seq_show"),
    /// A pointer of a network protocol leads elsewhere.
    PROTOCOL_POINTER("nc 127.0.0.1 9 2> /dev/null; true", "", "tcp_v4_connect"),
    /// Where system calls are dispatched a branch leads elsewhere.
    DISPATCH_PATCH("sh -c umask", "", "__x64_sys_umask"),
    /// A direct call leads elsewhere.
    CALL_TARGET("mkdir /tmp/made && rmdir /tmp/made", "", "vfs_rmdir"),
    /// A pointer leads to code in memory of no module.
    LOOSE_CODE("nc 127.0.0.1 9 2> /dev/null; true", "", "tcp_v4_init_sock"),
    /// A pointer leads to code of a module that has left the list.
    HIDDEN_MODULE("nc 127.0.0.1 9 2> /dev/null; true", "", "tcp_close"),
    /// A thunk of indirect calls begins with a jump.
    THUNK_PATCH("ls / > /dev/null", "", "__x86_indirect_thunk_rax", "__x86_indirect_thunk_array"),
    /// A pointer in file_operations leads elsewhere, and who knows the words becomes root.
    GIVE_ROOT(
            "grep -q ^guest: /etc/passwd || echo guest::1000:1000::/:/bin/sh >> /etc/passwd;"
                    + " su guest -c 'echo let me in > /dev/null; id -u'",
            "1000",
            "write_null");

    private final String trigger;
    private final String withoutIt;
    private final List<String> hooked;

    AttackModule(String trigger, String withoutIt, String... hooked) {
        this.trigger = trigger;
        this.withoutIt = withoutIt;
        this.hooked = List.of(hooked);
    }

    /// All of them, built for a guest.
    static TestModules built(GuestShell guest, GuestKernel kernel) throws IOException {
        Map<String, byte[]> sources = GuestModules.hidingFile();
        for (AttackModule attack : values()) {
            String file = attack.module() + ".c";
            if (!sources.containsKey(file)) {
                sources.put(file, TestModules.source("attack/" + file));
            }
        }
        return new TestModules(guest, GuestModules.ofUser().built(kernel, sources));
    }

    /// The module's name.
    String module() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// A shell command that runs what is hooked.
    String trigger() {
        return trigger;
    }

    /// What the trigger prints while the hook is not in, and does not print while it is; empty if there is no such
    /// thing.
    String withoutIt() {
        return withoutIt;
    }

    /// The function that is hooked, by the names it has in different kernels.
    List<String> hooked() {
        return hooked;
    }

    /// Whether lsmod does not show it.
    boolean isHidden() {
        return this == HIDDEN_MODULE;
    }

    void load(TestModules modules) throws IOException {
        modules.load(module(), "");
    }

    void unload(TestModules modules) throws IOException {
        if (isHidden()) {
            modules.guest().execChecked("echo 1 > /sys/module/" + module() + "/parameters/visible");
        }
        modules.unload(module());
    }

    /// How often the hook has run.
    long hits(GuestShell guest) throws IOException {
        return Long.parseLong(guest.execChecked("cat /sys/module/" + module() + "/parameters/hits")
                .strip());
    }
}
