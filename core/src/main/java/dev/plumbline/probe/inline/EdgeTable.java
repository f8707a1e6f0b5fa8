package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Register.R10;
import static dev.plumbline.x86.Register.R11;
import static dev.plumbline.x86.Register.RAX;
import static dev.plumbline.x86.Register.RSP;

import dev.plumbline.kernel.PerCpuPlaces;
import dev.plumbline.probe.EdgeContext;
import dev.plumbline.probe.KnownEdge;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Condition;

/// What is known in edge mode: a table in guest memory that the recorder asks first, and adds to what is new.
///
/// An edge is a site, a return address and a system call. The low halves of the addresses make up a 64-bit word. Each
/// system call has a row, and the word's hash, added to where the row begins, says in which bucket it is kept; rows
/// overlap, but word and bucket together tell all three: nothing is ever taken for known that is not. What one system
/// call does lies close together, which spares the guest's TLB. A bucket has four words, the newest first, and a word
/// is stored in one piece: whoever comes in between, on this CPU or another, finds words of this bucket, at worst one
/// twice or one too few. Return addresses outside the highest 2 GiB, where all kernel and module text is, are never
/// kept.
///
/// The row is the system call's number as the kernel keeps it, plus what the code segment tells, without a branch:
/// numbers that no system call has share the row of one that is [#ROWS] apart, and then differ in nothing but that
/// the kernel refuses them.
///
/// What is in it from the start, and after it was found out of date, is an [EdgeTableImage]'s.
///
/// @param address virtual address of 2 MiB of zeros
/// @param factor odd and random, so that no guest can arrange collisions beforehand
record EdgeTable(long address, long factor) {
    /// Binary logarithm of the table's pages.
    static final int ORDER = 9;

    private static final int WORD_BITS = 18;
    static final int WORDS = 1 << WORD_BITS;
    private static final int ROW_WORDS_LOG2 = 8;
    private static final int ROWS = 1 << WORD_BITS - ROW_WORDS_LOG2;
    /// How far from where its row begins a word may lie: 64 KiB.
    private static final int REACH_BITS = 13;
    static final int BUCKET_WORDS = 4;

    private static final int HIGHEST_CALL = 0xfff;

    // struct pt_regs ends at the top of the task's stack (arch/x86/include/asm/ptrace.h).
    private static final int ORIG_AX_BELOW_TOP = -48;
    private static final int CS_BELOW_TOP = -32;
    private static final int STACK_BYTES_LOG2 = 14;
    private static final int USER_MODE = 3;
    // Code segments of user programs: 0x33 for 64-bit code, 0x23 for 32-bit code (arch/x86/include/asm/segment.h);
    // 0 where a kernel thread has none.
    private static final int USER_MODE_64 = 0x10;

    // By these the rows of the 64-bit table begin at 608 and go round to 95, those of the 32-bit table lie between.
    // Kernel threads have row 0 and interrupt stacks row 1, which would be those of system calls 416 and 417: numbers
    // that the 64-bit table leaves out for good (arch/x86/entry/syscalls/syscall_64.tbl).
    private static final int SEGMENT_SHIFT = 5;
    private static final int INTERRUPT_ROW = 1;
    private static final int KERNEL_THREAD_ROW = 0;

    /// Emits the question. Falls through where the edge is new, and it is known then; else goes on at `seen`. The
    /// return address to the site is on top of the stack, the function's behind it.
    void emitQuestion(Assembler code, PerCpuPlaces places) {
        code.loadPerCpu(R11, places.stackTop());
        code.loadByte(RAX, R11, CS_BELOW_TOP).andInt(RAX, USER_MODE_64 | USER_MODE);
        code.shiftLeftInt(RAX, SEGMENT_SHIFT).addInt(RAX, R11, ORIG_AX_BELOW_TOP);
        code.moveInt(R10, INTERRUPT_ROW).subtract(R11, RSP).shiftRight(R11, STACK_BYTES_LOG2);
        code.moveIntIf(Condition.NOT_EQUAL, RAX, R10);
        code.load(R10, RSP, 8).moveSigned(R11, R10).compare(R11, R10);
        code.jump(Condition.NOT_EQUAL, "new");
        code.shiftLeft(R10, 32).loadInt(R11, RSP, 0).or(R10, R11);
        code.move(R11, factor).multiply(R11, R10).shiftRight(R11, 64 - REACH_BITS);
        code.shiftLeftInt(RAX, ROW_WORDS_LOG2).addInt(RAX, R11);
        code.andInt(RAX, WORDS - BUCKET_WORDS).move(R11, address);
        code.compareWord(R11, RAX, R10).jump(Condition.EQUAL, "seen");
        code.address(RAX, R11, RAX);
        for (int way = 1; way < BUCKET_WORDS; way++) {
            code.compare(RAX, 8 * way, R10).jump(Condition.EQUAL, "seen");
        }
        for (int way = BUCKET_WORDS - 1; way > 0; way--) {
            code.load(R11, RAX, 8 * (way - 1)).store(RAX, 8 * way, R11);
        }
        code.store(RAX, 0, R10).label("new");
    }

    /// Whether the recorder keeps such an edge at all.
    static boolean isKept(KnownEdge edge) {
        return edge.returnAddress() == (int) edge.returnAddress();
    }

    /// What tells an edge in its bucket: the low halves of its return address and of the address behind the site's
    /// call.
    static long word(KnownEdge edge) {
        return edge.returnAddress() << 32 | edge.site() + InlineSites.BYTES & 0xffff_ffffL;
    }

    /// Where its bucket's first word is, counted in words. Exceptions in programs of 32 bits have a row of their own,
    /// which none is given here.
    ///
    /// @throws IllegalArgumentException if no row is of its system call alone
    int bucket(KnownEdge edge) {
        long hash = word(edge) * factor >>> 64 - REACH_BITS;
        return (row(edge.systemCall()) << ROW_WORDS_LOG2) + (int) hash & WORDS - BUCKET_WORDS;
    }

    private static int row(int systemCall) {
        return switch (systemCall) {
            case EdgeContext.KERNEL_THREAD -> KERNEL_THREAD_ROW;
            case EdgeContext.INTERRUPT_STACK -> INTERRUPT_ROW;
            case EdgeContext.NO_SUCH_CALL ->
                throw new IllegalArgumentException("numbers that no call has are in many rows");
            default ->
                systemCall >= EdgeContext.CALL_32
                        ? (USER_MODE << SEGMENT_SHIFT) + systemCall - EdgeContext.CALL_32
                        : ((USER_MODE_64 | USER_MODE) << SEGMENT_SHIFT) + systemCall;
        };
    }

    /// Emits the finding of the number that stands for the system call, whose low 16 bits are kept, into r11;
    /// overwrites rax.
    ///
    /// @param name makes the labels unique
    static void emitSystemCall(Assembler code, PerCpuPlaces places, String name) {
        code.loadPerCpu(R11, places.stackTop())
                .move(RAX, R11)
                .subtract(RAX, RSP)
                .compare(RAX, 1 << STACK_BYTES_LOG2);
        code.jump(Condition.ABOVE_OR_EQUAL, name + " aside");
        code.testByte(R11, CS_BELOW_TOP, USER_MODE).jump(Condition.EQUAL, name + " in a thread");
        code.move(RAX, R11).load(R11, R11, ORIG_AX_BELOW_TOP);
        code.compare(R11, -1).jump(Condition.EQUAL, name);
        code.compare(R11, HIGHEST_CALL).jump(Condition.ABOVE_OR_EQUAL, name + " no call");
        code.testByte(RAX, CS_BELOW_TOP, USER_MODE_64).jump(Condition.NOT_EQUAL, name);
        code.add(R11, EdgeContext.CALL_32).jump(name);
        code.label(name + " no call").moveInt(R11, EdgeContext.NO_SUCH_CALL).jump(name);
        code.label(name + " aside").moveInt(R11, EdgeContext.INTERRUPT_STACK).jump(name);
        code.label(name + " in a thread").moveInt(R11, EdgeContext.KERNEL_THREAD);
        code.label(name);
    }
}
