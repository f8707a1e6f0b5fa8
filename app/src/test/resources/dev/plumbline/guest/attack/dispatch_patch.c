/* Where system calls are dispatched, the branch to umask leads somewhere else. */
#include "attack.h"

static unsigned long site;
static unsigned char opcode;
static long (*original)(const struct pt_regs *);

static long hook(const struct pt_regs *registers) {
    hits++;
    return original(registers);
}

static int __init begin(void) {
    site = attack_find_branch("x64_sys_call", "__x64_sys_umask");
    if (!site)
        return -ENOENT;
    opcode = *(unsigned char *)site;
    original = (void *)attack_target(site);
    return attack_branch(site, opcode, hook);
}

static void __exit end(void) { attack_branch(site, opcode, original); }

module_init(begin);
module_exit(end);
