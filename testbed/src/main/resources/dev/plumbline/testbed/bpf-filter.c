/*
 * Loads COUNT small BPF programs (socket filters that pass nothing) and holds them until killed. Usage: bpf-filter
 * COUNT. Prints "ready" when all are loaded. Whether they are compiled and have symbols is up to the settings
 * bpf_jit_enable and bpf_jit_kallsyms in /proc/sys/net/core.
 */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0;
    if (count <= 0 || count > 500) {
        fprintf(stderr, "usage: bpf-filter COUNT (1 to 500)\n");
        return 2;
    }
    for (int i = 0; i < count; i++) {
        if (load(i) < 0) {
            perror("bpf-filter");
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
