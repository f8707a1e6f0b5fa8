/* A jump away from the middle of the function that makes directories, in place of a call, and back behind it. */
#include "attack.h"
#include <asm/nospec-branch.h>

unsigned long original, resume;
static unsigned long site;
void detour(void);

asm(".pushsection .text\n"
    ".type detour, @function\n"
    "detour:\n"
    "    endbr64\n"
    "    lock incq hits(%rip)\n"
    "    " ANNOTATE_RETPOLINE_SAFE "\n"
    "    call *original(%rip)\n"
    "    " ANNOTATE_RETPOLINE_SAFE "\n"
    "    jmp *resume(%rip)\n"
    ".size detour, . - detour\n"
    ".popsection\n");

static int __init begin(void) {
    site = attack_find_branch("do_mkdirat", "vfs_mkdir");
    if (!site)
        return -ENOENT;
    original = attack_target(site);
    resume = site + BRANCH_BYTES;
    return attack_branch(site, JUMP, detour);
}

static void __exit end(void) { attack_branch(site, CALL, (void *)original); }

module_init(begin);
module_exit(end);
