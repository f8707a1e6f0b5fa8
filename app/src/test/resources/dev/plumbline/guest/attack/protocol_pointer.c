/* The pointer "connect" of the TCP protocol leads here. */
#include "attack.h"
#include <net/tcp.h>

static int (*original)(struct sock *, struct sockaddr *, int);

static int hook(struct sock *socket, struct sockaddr *address, int length) {
    hits++;
    return original(socket, address, length);
}

static int __init begin(void) {
    original = tcp_prot.connect;
    WRITE_ONCE(tcp_prot.connect, hook);
    return 0;
}

static void __exit end(void) { WRITE_ONCE(tcp_prot.connect, original); }

module_init(begin);
module_exit(end);
