/*
 * Loads COUNT small BPF programs (socket filters that pass nothing) and holds them until killed. Usage: bpf-filter
 * COUNT [PACKETS]. Sends that many packets to a socket that the last one filters, and prints "ready" then. Whether the
 * programs are compiled and have symbols is up to the settings bpf_jit_enable and bpf_jit_kallsyms in /proc/sys/net/core.
 */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* r0 = 0; exit */
static const struct bpf_insn program[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
    {.code = BPF_JMP | BPF_EXIT},
};

static int load(int number) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attributes.insns = (unsigned long)program;
    attributes.insn_cnt = sizeof program / sizeof *program;
    attributes.license = (unsigned long)"GPL";
    snprintf(attributes.prog_name, sizeof attributes.prog_name, "filter_%d", number);
    return syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}

/* They vanish, and the sender is not told. */
static int filter(int program, int packets) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) < 0 ||
        setsockopt(sockets[1], SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) < 0)
        return -1;
    for (int i = 0; i < packets; i++) {
        if (send(sockets[0], "packet", 6, 0) != 6)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0;
    if (count <= 0 || count > 500) {
        fprintf(stderr, "usage: bpf-filter COUNT (1 to 500) [PACKETS]\n");
        return 2;
    }
    int last = -1;
    for (int i = 0; i < count; i++) {
        last = load(i);
        if (last < 0) {
            perror("bpf-filter");
            return 1;
        }
    }
    if (argc > 2 && filter(last, atoi(argv[2])) < 0) {
        perror("bpf-filter");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
