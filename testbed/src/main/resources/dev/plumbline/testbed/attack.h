/*
 * What the attack modules share. Each installs one hook when it is loaded, counts in its parameter "hits" how often
 * the hook ran, lets the original do its work, and puts everything back when it is unloaded. For test guests only.
 */
#ifndef PLUMBLINE_ATTACK_H
#define PLUMBLINE_ATTACK_H

#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/stop_machine.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#define BRANCH_BYTES 5
#define CALL 0xe8
#define JUMP 0xe9

/* Not static: code in assembly counts too. */
unsigned long hits;
module_param(hits, ulong, 0444);
MODULE_LICENSE("GPL");

/*
 * The address of any symbol, 0 if there is none. The function that tells is not exported; a kprobe that is registered
 * without being armed finds it.
 */
static __maybe_unused unsigned long attack_symbol(const char *name) {
    static unsigned long (*lookup)(const char *);
    if (!lookup) {
        struct kprobe probe = {.symbol_name = "kallsyms_lookup_name", .flags = KPROBE_FLAG_DISABLED};
        if (register_kprobe(&probe) < 0)
            return 0;
        lookup = (void *)probe.addr;
        unregister_kprobe(&probe);
    }
    return lookup(name);
}

struct attack_patch {
    char *alias;
    const void *bytes;
    size_t size;
};

static __maybe_unused int attack_copy(void *argument) {
    struct attack_patch *patch = argument;
    memcpy(patch->alias, patch->bytes, patch->size);
    return 0;
}

/*
 * Writes to the kernel image, where it is read-only too: through a second mapping of its pages that is writable, while
 * all CPUs stand still.
 */
static __maybe_unused int attack_write(unsigned long address, const void *bytes, size_t size) {
    struct page *first = virt_to_page((void *)address);
    struct page *pages[] = {first, first + 1};
    void *mapping = vmap(pages, 2, VM_MAP, PAGE_KERNEL);
    struct attack_patch patch = {mapping + offset_in_page(address), bytes, size};
    if (!mapping)
        return -ENOMEM;
    stop_machine(attack_copy, &patch, NULL);
    vunmap(mapping);
    return 0;
}

static __maybe_unused int attack_write_pointer(const void *place, void *pointer) {
    return attack_write((unsigned long)place, &pointer, sizeof pointer);
}

/* Puts a jump or a call there. */
static __maybe_unused int attack_branch(unsigned long site, unsigned char opcode, const void *target) {
    unsigned char code[BRANCH_BYTES] = {opcode};
    int distance = (long)target - (long)(site + BRANCH_BYTES);
    memcpy(code + 1, &distance, sizeof distance);
    return attack_write(site, code, sizeof code);
}

static __maybe_unused unsigned long attack_target(unsigned long branch) {
    int distance;
    memcpy(&distance, (void *)(branch + 1), sizeof distance);
    return branch + BRANCH_BYTES + distance;
}

/* The first direct call or jump in a function that leads to another; 0 if there is none. */
static __maybe_unused unsigned long attack_find_branch(const char *function, const char *target) {
    unsigned long start = attack_symbol(function), to = attack_symbol(target), size = 0, offset;
    int (*measure)(unsigned long, unsigned long *, unsigned long *) =
        (void *)attack_symbol("kallsyms_lookup_size_offset");
    if (!start || !to || !measure || !measure(start, &size, &offset))
        return 0;
    for (unsigned long at = start; at + BRANCH_BYTES <= start + size; at++) {
        unsigned char opcode = *(unsigned char *)at;
        if ((opcode == CALL || opcode == JUMP) && attack_target(at) == to)
            return at;
    }
    return 0;
}

#endif
