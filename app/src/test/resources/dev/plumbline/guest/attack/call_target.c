/* A direct call in the function that removes directories leads somewhere else. */
#include "attack.h"
#include <asm/nospec-branch.h>

unsigned long original;
static unsigned long site;
void detour(void);

asm(".pushsection .text\n"
    ".type detour, @function\n"
    "detour:\n"
    "    endbr64\n"
    "    lock incq hits(%rip)\n"
    "    " ANNOTATE_RETPOLINE_SAFE "\n"
    "    jmp *original(%rip)\n"
    ".size detour, . - detour\n"
    ".popsection\n");

static int __init begin(void) {
    site = attack_find_branch("do_rmdir", "vfs_rmdir");
    if (!site)
        return -ENOENT;
    original = attack_target(site);
    return attack_branch(site, CALL, detour);
}

static void __exit end(void) { attack_branch(site, CALL, (void *)original); }

module_init(begin);
module_exit(end);
