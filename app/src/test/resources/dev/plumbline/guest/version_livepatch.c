/*
 * A live patch of /proc/version, which says "livepatched" while it is in. It is taken out by writing 0 to
 * /sys/kernel/livepatch/version_livepatch/enabled; the directory is gone when no task runs it any more.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int patched_version(struct seq_file *file, void *nothing) {
    seq_puts(file, "livepatched\n");
    return 0;
}

static struct klp_func functions[] = {{.old_name = "version_proc_show", .new_func = patched_version}, {}};
static struct klp_object objects[] = {{.funcs = functions}, {}};
static struct klp_patch patch = {.mod = THIS_MODULE, .objs = objects};

static int __init begin(void) { return klp_enable_patch(&patch); }
static void __exit end(void) {}

module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
