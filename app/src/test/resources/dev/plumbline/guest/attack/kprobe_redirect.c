/* A kprobe at the entry of sysinfo that goes on somewhere else. */
#include "attack.h"

static long (*original)(const struct pt_regs *);

/* Counts behind the call, which so is no jump: by where it returns to the original is let through. */
static long hook(const struct pt_regs *registers) {
    long result = original(registers);
    hits++;
    return result;
}

static int redirect(struct kprobe *probe, struct pt_regs *registers) {
    if (within_module(*(unsigned long *)registers->sp, THIS_MODULE))
        return 0;
    registers->ip = (unsigned long)hook;
    return 1;
}

static struct kprobe probe = {.symbol_name = "__x64_sys_sysinfo", .pre_handler = redirect};

static int __init begin(void) {
    original = (void *)attack_symbol(probe.symbol_name);
    return register_kprobe(&probe);
}

static void __exit end(void) { unregister_kprobe(&probe); }

module_init(begin);
module_exit(end);
