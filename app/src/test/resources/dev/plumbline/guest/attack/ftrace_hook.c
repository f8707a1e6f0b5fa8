/* The function tracer calls at the entry of uname and goes on somewhere else. */
#include "attack.h"
#include <linux/ftrace.h>

static long (*original)(const struct pt_regs *);

/* Counts behind the call, which so is no jump: by where it returns to the original is let through. */
static long hook(const struct pt_regs *registers) {
    long result = original(registers);
    hits++;
    return result;
}

static void notrace redirect(unsigned long ip, unsigned long caller, struct ftrace_ops *ops,
                             struct ftrace_regs *registers) {
    if (!within_module(caller, THIS_MODULE))
        ftrace_get_regs(registers)->ip = (unsigned long)hook;
}

static struct ftrace_ops ops = {
    .func = redirect,
    .flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_RECURSION,
};

static int __init begin(void) {
    int failed;
    original = (void *)attack_symbol("__x64_sys_newuname");
    failed = ftrace_set_filter_ip(&ops, (unsigned long)original, 0, 0);
    return failed ? failed : register_ftrace_function(&ops);
}

static void __exit end(void) { unregister_ftrace_function(&ops); }

module_init(begin);
module_exit(end);
