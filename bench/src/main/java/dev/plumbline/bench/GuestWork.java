package dev.plumbline.bench;

import dev.plumbline.testbed.RunningCommand;
import dev.plumbline.testbed.TestGuest;
import java.io.IOException;
import java.util.List;

/// What a guest does, round after round.
enum GuestWork {
    /// Shell work, each command over the exec channel, and the stress run beside it.
    DAILY(
            "the work learnt",
            true,
            "ls -l / /bin /sys/class > /dev/null; echo /proc/* > /dev/null",
            "cat /proc/meminfo /proc/stat /proc/mounts /proc/interrupts /etc/passwd > /dev/null",
            "ps > /dev/null; free > /dev/null; uptime > /dev/null; df > /dev/null; id > /dev/null",
            "mkdir -p /tmp/day && cp /bin/stress /tmp/day/one && mv /tmp/day/one /tmp/day/two"
                    + " && chmod 600 /tmp/day/two && md5sum /tmp/day/two > /dev/null",
            "tar -C /tmp -cf /tmp/day.tar day && tar -tf /tmp/day.tar > /dev/null && rm -r /tmp/day /tmp/day.tar",
            "find /sys/devices/system /etc > /dev/null",
            "grep -r model /proc/cpuinfo /etc > /dev/null",
            "seq 300 | sort -r | uniq | tail -n 3 > /dev/null; for i in 1 2 3; do date > /dev/null; sleep 0.05; done",
            "ln -s /etc /tmp/link && readlink /tmp/link > /dev/null && rm /tmp/link; sync"),
    /// Nothing of which was learnt.
    OTHER(
            "other work",
            false,
            "fixed-calls 3 > /dev/null",
            "syscall-loop 1000 > /dev/null",
            "setsid many-threads 3 5 > /tmp/many & until grep -q ready /tmp/many; do sleep 0.1; done;"
                    + " kill -- -$! 2> /dev/null; true",
            "mkdir -p /tmp/mnt && mount -t tmpfs other /tmp/mnt && echo x > /tmp/mnt/x && umount /tmp/mnt"
                    + " && rmdir /tmp/mnt",
            "httpd -f -p 127.0.0.1:8080 -h /bin & until wget -q -O /tmp/got http://127.0.0.1:8080/stress; do"
                    + " sleep 0.1; done 2> /dev/null; kill $!; rm /tmp/got",
            "ping -c 2 127.0.0.1 > /dev/null; netstat -an > /dev/null; ifconfig > /dev/null; route -n > /dev/null",
            "tar -C /bin -cf - stress fixed-calls | gzip -1 | gunzip | tar -tf - > /dev/null",
            "mkfifo /tmp/fifo; (echo x > /tmp/fifo) & cat /tmp/fifo > /dev/null; wait; rm /tmp/fifo",
            "dd if=/dev/urandom of=/tmp/random bs=4k count=50 2> /dev/null; truncate -s 1M /tmp/random; rm /tmp/random",
            "unshare -m true; chroot / true; taskset 1 true; timeout 1 sleep 2; renice 1 -p $$",
            "sysctl -a > /dev/null 2>&1; dmesg > /dev/null; hostname other; hostname plumbline-guest",
            "setsid bpf-filter 3 10 > /tmp/bpf & until grep -q ready /tmp/bpf; do sleep 0.1; done;"
                    + " kill -- -$! 2> /dev/null; true"),
    /// Modules of the distribution that were not there while learning are loaded and used, and stay for some seconds.
    MODULES(
            "other modules",
            false,
            "modprobe dummy && ip link set dummy0 up; ip addr add 10.9.9.1/24 dev dummy0; ping -c 1 10.9.9.1"
                    + " > /dev/null; ip link set dummy0 down; sleep 2; rmmod dummy",
            "modprobe loop && dd if=/dev/zero of=/tmp/disk bs=64k count=16 2> /dev/null && losetup /dev/loop0 /tmp/disk"
                    + " && dd if=/dev/loop0 of=/dev/null 2> /dev/null; losetup -d /dev/loop0; sleep 2; rmmod loop");

    private static final long STRESS_SECONDS = 4;

    private final String title;
    private final boolean hasStress;
    private final List<String> commands;

    GuestWork(String title, boolean hasStress, String... commands) {
        this.title = title;
        this.hasStress = hasStress;
        this.commands = List.of(commands);
    }

    /// How much was done.
    ///
    /// @param rounds rounds of the commands
    /// @param things what `stress` says it has done
    record Amount(long rounds, long things) {
        static final Amount NOTHING = new Amount(0, 0);

        Amount plus(Amount other) {
            return new Amount(rounds + other.rounds, things + other.things);
        }
    }

    /// What it is, for a table.
    String title() {
        return title;
    }

    /// Whether the stress run is part of it.
    boolean hasStress() {
        return hasStress;
    }

    /// One round after the other for some time.
    Amount work(TestGuest guest, long seconds) throws IOException {
        long start = System.nanoTime();
        Amount done = Amount.NOTHING;
        while (System.nanoTime() - start < seconds * 1_000_000_000L) {
            done = done.plus(round(guest));
        }
        return done;
    }

    private Amount round(TestGuest guest) throws IOException {
        if (!hasStress) {
            return commands(guest);
        }
        try (RunningCommand stress = guest.start(stressCommand())) {
            Amount done = commands(guest);
            return done.plus(new Amount(0, things(stress.await().stdoutText())));
        }
    }

    /// The commands once, without the stress run.
    Amount commands(TestGuest guest) throws IOException {
        for (String command : commands) {
            guest.execChecked(command);
        }
        return new Amount(1, 0);
    }

    /// The stress run alone.
    static Amount stress(TestGuest guest) throws IOException {
        return new Amount(0, things(guest.execChecked(stressCommand())));
    }

    // Each of its processes rests 2 ms after each thing, so that all kinds of things are done about equally often.
    private static String stressCommand() {
        return "stress " + STRESS_SECONDS + " 2";
    }

    private static long things(String said) {
        return Long.parseLong(said.split(" ")[0]);
    }
}
