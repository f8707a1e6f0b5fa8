/*
 * Ten hooks for the same pointer, "write" in the file_operations of /dev/null, so that a hijacked call can be seen for
 * the first time ten times. Writing N to the parameter "hook" makes the pointer lead to hook_N, writing -1 puts it back.
 */
#include "attack.h"
#include <linux/fs.h>

typedef ssize_t write_function(struct file *, const char __user *, size_t, loff_t *);

static struct file_operations *operations;
static write_function *original;
/* Tells the hooks apart, which the compiler would make one else. */
static int last;

#define HOOK(number)                                                                                                   \
    static noinline ssize_t hook_##number(struct file *file, const char __user *from, size_t size, loff_t *position) { \
        hits++;                                                                                                        \
        WRITE_ONCE(last, number);                                                                                      \
        return original(file, from, size, position);                                                                   \
    }

HOOK(0)
HOOK(1)
HOOK(2)
HOOK(3)
HOOK(4)
HOOK(5)
HOOK(6)
HOOK(7)
HOOK(8)
HOOK(9)

static write_function *const hooks[] = {hook_0, hook_1, hook_2, hook_3, hook_4, hook_5, hook_6, hook_7, hook_8, hook_9};

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
