/*
 * Counts the calls of a kernel function with BPF programs at its entry and at its return while a shell command runs.
 * Usage: bpf-fentry FUNCTION COMMAND. Prints "ENTRIES RETURNS". Ends with the command's status.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what) {
    fprintf(stderr, "bpf-fentry: %s: %s\n", what, strerror(errno));
    return 1;
}

static int bpf(int command, union bpf_attr *attributes) {
    return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static char *read_types(long *size) {
    int file = open("/sys/kernel/btf/vmlinux", O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0)
        return NULL;
    char *types = malloc(status.st_size);
    *size = 0;
    while (types && *size < status.st_size) {
        long count = read(file, types + *size, status.st_size - *size);
        if (count <= 0)
            return NULL;
        *size += count;
    }
    close(file);
    return types;
}

static long detail_bytes(const struct btf_type *type) {
    int count = BTF_INFO_VLEN(type->info);
    switch (BTF_INFO_KIND(type->info)) {
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case BTF_KIND_DECL_TAG:
        return 4;
    case BTF_KIND_ARRAY:
        return sizeof(struct btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
    case BTF_KIND_DATASEC:
    case BTF_KIND_ENUM64:
        return 12L * count;
    case BTF_KIND_ENUM:
    case BTF_KIND_FUNC_PROTO:
        return 8L * count;
    default:
        return 0;
    }
}

/* The number of the function's type, which is what programs are attached by; 0 if there is none. */
static int type_of_function(const char *name) {
    long size;
    char *types = read_types(&size);
    if (!types)
        return 0;
    const struct btf_header *header = (void *)types;
    const char *names = types + header->hdr_len + header->str_off;
    const char *at = types + header->hdr_len + header->type_off;
    const char *end = at + header->type_len;
    for (int number = 1; at < end; number++) {
        const struct btf_type *type = (void *)at;
        if (BTF_INFO_KIND(type->info) == BTF_KIND_FUNC && !strcmp(names + type->name_off, name))
            return number;
        at += sizeof *type + detail_bytes(type);
    }
    errno = ESRCH;
    return 0;
}

static int new_counters(void) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = 16;
    attributes.max_entries = 1;
    return bpf(BPF_MAP_CREATE, &attributes);
}

/* r1 = counter; *r1 += 1, atomically; r0 = 0; exit */
static int attach(int function, int when, int counters, int offset) {
    struct bpf_insn program[] = {
        {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = counters},
        {.imm = offset},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 1},
        {.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_2, .imm = BPF_ADD},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_TRACING;
    attributes.expected_attach_type = when;
    attributes.attach_btf_id = function;
    attributes.insns = (unsigned long)program;
    attributes.insn_cnt = sizeof program / sizeof *program;
    attributes.license = (unsigned long)"GPL";
    int loaded = bpf(BPF_PROG_LOAD, &attributes);
    if (loaded < 0)
        return loaded;
    memset(&attributes, 0, sizeof attributes);
    attributes.raw_tracepoint.prog_fd = loaded;
    return bpf(BPF_RAW_TRACEPOINT_OPEN, &attributes);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: bpf-fentry FUNCTION COMMAND\n");
        return 2;
    }
    int function = type_of_function(argv[1]);
    if (!function)
        return fail(argv[1]);
    int counters = new_counters();
    if (counters < 0)
        return fail("counters");
    if (attach(function, BPF_TRACE_FENTRY, counters, 0) < 0 || attach(function, BPF_TRACE_FEXIT, counters, 8) < 0)
        return fail("attach");
    int status = system(argv[2]);
    unsigned long counts[2];
    int first = 0;
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = counters;
    attributes.key = (unsigned long)&first;
    attributes.value = (unsigned long)counts;
    if (bpf(BPF_MAP_LOOKUP_ELEM, &attributes) < 0)
        return fail("counts");
    printf("%lu %lu\n", counts[0], counts[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
