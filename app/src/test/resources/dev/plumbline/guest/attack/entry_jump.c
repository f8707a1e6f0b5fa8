/* The NOP at the entry of statfs becomes a jump. */
#include "attack.h"

static unsigned long site;

static long hook(const struct pt_regs *registers) {
    long (*behind)(const struct pt_regs *) = (void *)(site + BRANCH_BYTES);
    hits++;
    return behind(registers);
}

static int __init begin(void) {
    static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa}, sealed[] = {0x66, 0x0f, 0x1f, 0x00};
    site = attack_symbol("__x64_sys_statfs");
    if (!site)
        return -ENOENT;
    if (!memcmp((void *)site, endbr64, 4) || !memcmp((void *)site, sealed, 4))
        site += 4;
    return attack_branch(site, JUMP, hook);
}

/* Not what stood there when it was loaded: that may have been another's. */
static void __exit end(void) {
    static const unsigned char nop[BRANCH_BYTES] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
    attack_write(site, nop, sizeof nop);
}

module_init(begin);
module_exit(end);
