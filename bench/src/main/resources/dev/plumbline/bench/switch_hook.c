/*
 * Forty hooks for the same pointer, "write" in the file_operations of /dev/null, so that a hijacked call can be seen
 * for the first time forty times. Writing N to the parameter "hook" makes the pointer lead to hook_N (hook_00 to
 * hook_39), writing -1 puts it back.
 */
#include "attack.h"
#include <linux/fs.h>

typedef ssize_t write_function(struct file *, const char __user *, size_t, loff_t *);

static struct file_operations *operations;
static write_function *original;
/* Tells the hooks apart, which the compiler would make one else. */
static int last;

#define HOOK(tens, ones)                                                                                               \
    static noinline ssize_t hook_##tens##ones(struct file *file, const char __user *from, size_t size,                 \
                                              loff_t *position) {                                                      \
        hits++;                                                                                                        \
        WRITE_ONCE(last, tens * 10 + ones);                                                                            \
        return original(file, from, size, position);                                                                   \
    }
#define HOOKS(tens)                                                                                                    \
    HOOK(tens, 0) HOOK(tens, 1) HOOK(tens, 2) HOOK(tens, 3) HOOK(tens, 4)                                              \
    HOOK(tens, 5) HOOK(tens, 6) HOOK(tens, 7) HOOK(tens, 8) HOOK(tens, 9)
#define NAMES(tens)                                                                                                    \
    hook_##tens##0, hook_##tens##1, hook_##tens##2, hook_##tens##3, hook_##tens##4, hook_##tens##5, hook_##tens##6,    \
        hook_##tens##7, hook_##tens##8, hook_##tens##9

HOOKS(0)
HOOKS(1)
HOOKS(2)
HOOKS(3)

static write_function *const hooks[] = {NAMES(0), NAMES(1), NAMES(2), NAMES(3)};

static int switch_to(const char *value, const struct kernel_param *parameter) {
    int number, result = kstrtoint(value, 10, &number);
    if (result)
        return result;
    if (number < -1 || number >= (int)ARRAY_SIZE(hooks))
        return -EINVAL;
    return attack_write_pointer(&operations->write, number < 0 ? original : hooks[number]);
}

static const struct kernel_param_ops switching = {.set = switch_to};
module_param_cb(hook, &switching, NULL, 0200);

static int __init begin(void) {
    operations = (void *)attack_symbol("null_fops");
    if (!operations)
        return -ENOENT;
    original = operations->write;
    return 0;
}

static void __exit end(void) { attack_write_pointer(&operations->write, original); }

module_init(begin);
module_exit(end);
