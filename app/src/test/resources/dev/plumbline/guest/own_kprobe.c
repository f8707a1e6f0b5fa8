/*
 * A kprobe that counts its hits. Parameters: symbol, offset (bytes), armed (0: registered, but without a breakpoint).
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static char *symbol = "";
static unsigned int offset;
static bool armed = true;
static unsigned long hits;
module_param(symbol, charp, 0444);
module_param(offset, uint, 0444);
module_param(armed, bool, 0444);
module_param(hits, ulong, 0444);

static int count(struct kprobe *probe, struct pt_regs *registers) {
    hits++;
    return 0;
}

static struct kprobe probe = {.pre_handler = count};

static int __init begin(void) {
    probe.symbol_name = symbol;
    probe.offset = offset;
    probe.flags = armed ? 0 : KPROBE_FLAG_DISABLED;
    return register_kprobe(&probe);
}

static void __exit end(void) { unregister_kprobe(&probe); }

module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
