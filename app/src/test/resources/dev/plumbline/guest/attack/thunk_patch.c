/* The thunk that indirect calls through rax lead to, a retpoline, begins with a jump away. */
#include "attack.h"
#include <asm/nospec-branch.h>

#define PAUSE 0xf3

static unsigned long site;
void detour(void);

asm(".pushsection .text\n"
    ".type detour, @function\n"
    "detour:\n"
    "    endbr64\n"
    "    lock incq hits(%rip)\n"
    "    " ANNOTATE_RETPOLINE_SAFE "\n"
    "    jmp *%rax\n"
    ".size detour, . - detour\n"
    ".popsection\n");

static int __init begin(void) {
    site = attack_symbol("__x86_indirect_thunk_rax");
    return site ? attack_branch(site, JUMP, detour) : -ENOENT;
}

/*
 * A retpoline begins with "call 1f; pause; lfence; jmp .-5; 1:" or "call 1f; int3; 1:". What stood there when this was
 * loaded may have been another's.
 */
static void __exit end(void) {
    unsigned char behind = *(unsigned char *)(site + BRANCH_BYTES);
    attack_branch(site, CALL, (void *)(site + BRANCH_BYTES + (behind == PAUSE ? 7 : 1)));
}

module_init(begin);
module_exit(end);
