package dev.plumbline.extraction;

import java.util.List;

/// What part a function plays where flows begin and end. Constants, because they are packed into tables.
///
/// Recognised by name: these names are the kernel's interface to its own assembly code (`arch/x86/entry`,
/// `asm/idtentry.h`) and are the same from 5.10 to 6.12, beside each other where they were renamed.
final class Role {
    static final int NONE = 0;
    /// Calls the functions of system calls.
    static final int DISPATCHER = 1;
    /// A system call's own function.
    static final int SYSTEM_CALL = 2;
    /// Entry code that interrupts come through.
    static final int INTERRUPT = 3;
    /// Entry code that exceptions come through.
    static final int EXCEPTION = 4;
    /// Where new tasks start.
    static final int FORK = 5;
    /// Calls the main functions of kernel threads.
    static final int THREAD = 6;
    /// Changes the current task.
    static final int SWITCH = 7;
    /// A task's last call.
    static final int EXIT = 8;
    /// Changes a task's name.
    static final int RENAME = 9;

    /// Leads to or from user mode: no system call is under way.
    static final int USER_MODE = 10;

    private static final List<String> DISPATCHERS = List.of(
            "do_syscall_64",
            "x64_sys_call",
            "x32_sys_call",
            "ia32_sys_call",
            "do_int80_syscall_32",
            "do_int80_emulation",
            "int80_emulation",
            "do_syscall_32_irqs_on",
            "__do_fast_syscall_32",
            "do_fast_syscall_32",
            "do_SYSENTER_32",
            "entry_SYSCALL_64",
            "entry_SYSCALL_64_after_hwframe");
    private static final List<String> INTERRUPT_PREFIXES = List.of(
            "asm_sysvec_",
            "sysvec_",
            "asm_common_interrupt",
            "common_interrupt",
            "asm_spurious_interrupt",
            "spurious_interrupt",
            "asm_exc_nmi",
            "exc_nmi",
            "xen_pv_evtchn_do_upcall",
            "fred_extint",
            "irqentry_enter",
            "irqentry_exit",
            "irqentry_nmi_",
            "raw_irqentry_exit",
            "asm_call_irq_on_stack",
            "asm_call_sysvec_on_stack");
    private static final List<String> EXCEPTION_PREFIXES =
            List.of("asm_exc_", "exc_", "noist_exc_", "error_entry", "paranoid_entry", "fred_exc");
    private static final String AT_USER_MODE = "_user_mode";

    private Role() {}

    /// The part of the kernel's own function of this name.
    static int of(String name) {
        return switch (name) {
            case "ret_from_fork", "ret_from_fork_asm" -> FORK;
            case "kthread" -> THREAD;
            case "__switch_to", "__switch_to_asm" -> SWITCH;
            case "do_task_dead" -> EXIT;
            case "__set_task_comm", "begin_new_exec" -> RENAME;
            default -> entry(name);
        };
    }

    private static int entry(String name) {
        if (DISPATCHERS.contains(name)) {
            return DISPATCHER;
        }
        if (name.contains(AT_USER_MODE)) {
            return USER_MODE;
        }
        if (beginsWithOne(INTERRUPT_PREFIXES, name)) {
            return INTERRUPT;
        }
        return beginsWithOne(EXCEPTION_PREFIXES, name) ? EXCEPTION : NONE;
    }

    // Asked for every function of a kernel, mostly by code that is not compiled yet: streams would be most of it.
    private static boolean beginsWithOne(List<String> prefixes, String name) {
        for (String prefix : prefixes) {
            if (name.startsWith(prefix)) {
                return true;
            }
        }
        return false;
    }
}
