package dev.plumbline.probe.inline;

import static dev.plumbline.x86.Assembler.Register.R10;
import static dev.plumbline.x86.Assembler.Register.R11;
import static dev.plumbline.x86.Assembler.Register.RAX;
import static dev.plumbline.x86.Assembler.Register.RSP;

import dev.plumbline.kernel.PerCpuPlaces;
import dev.plumbline.machine.GuestException;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Assembler.Condition;

/// What is known in edge mode: a table in guest memory that the recorder asks first, and adds to what is new.
///
/// An edge is a site, a return address and a system call. The low halves of the addresses make up a 64-bit word; the
/// bucket it is kept in is a hash of the word plus the number of the system call, modulo the number of buckets. So
/// word and bucket together tell all three: nothing is ever taken for known that is not. A bucket has four words, the
/// newest first, and a word is stored in one piece: whoever comes in between, on this CPU or another, finds words of
/// this bucket, at worst one twice or one too few. Return addresses outside the highest 2 GiB, where all kernel and
/// module text is, are never kept.
///
/// @param address virtual address of 2 MiB of zeros
/// @param factor odd and random, so that no guest can arrange collisions beforehand
record EdgeTable(long address, long factor) {
    /// Binary logarithm of the table's pages.
    static final int ORDER = 9;

    private static final int BUCKET_BITS = 16;
    private static final int BUCKET_BYTES_LOG2 = 5;

    /// What stands for the system call where none is under way: for exceptions and interrupts that came from user mode
    /// the kernel's own -1.
    static final int INTERRUPT_STACK = -2;

    static final int KERNEL_THREAD = -3;

    /// A number that no system call has; the task asked for it all the same.
    static final int NO_SUCH_CALL = -4;

    /// Added to numbers of the 32-bit table.
    static final int CALL_32 = 0x2000;

    private static final int HIGHEST_CALL = 0xfff;

    // struct pt_regs ends at the top of the task's stack (arch/x86/include/asm/ptrace.h).
    private static final int ORIG_AX_BELOW_TOP = -48;
    private static final int CS_BELOW_TOP = -32;
    private static final int STACK_BYTES = 16 << 10;
    private static final int USER_MODE = 3;
    // Code segments of user programs: 0x33 for 64-bit code, 0x23 for 32-bit code (arch/x86/include/asm/segment.h).
    private static final int USER_MODE_64 = 0x10;

    /// Emits the question. Falls through where the edge is new, and it is known then; else goes on at `seen`. The
    /// return address to the site is on top of the stack, the function's behind it.
    void emitQuestion(Assembler code, PerCpuPlaces places) {
        emitSystemCall(code, places, "asked");
        code.load(R10, RSP, 8).move(RAX, R10).shiftRightSigned(RAX, 31).add(RAX, 1);
        code.jump(Condition.NOT_EQUAL, "new");
        code.shiftLeft(R10, 32).loadInt(RAX, RSP, 0).or(R10, RAX);
        code.move(RAX, factor).multiply(RAX, R10).shiftRight(RAX, 64 - BUCKET_BITS);
        code.addInt(RAX, R11).andInt(RAX, (1 << BUCKET_BITS) - 1).shiftLeft(RAX, BUCKET_BYTES_LOG2);
        code.move(R11, address).add(RAX, R11);
        for (int way = 0; way < 4; way++) {
            code.compare(RAX, 8 * way, R10).jump(Condition.EQUAL, "seen");
        }
        for (int way = 3; way > 0; way--) {
            code.load(R11, RAX, 8 * (way - 1)).store(RAX, 8 * way, R11);
        }
        code.store(RAX, 0, R10).label("new");
    }

    /// Forgets all that is known: something new may have been lost.
    void clear(GuestText text) throws GuestException {
        text.writeData(address, new byte[4096 << ORDER]);
    }

    /// Emits the finding of the number that stands for the system call, whose low 16 bits are kept, into r11;
    /// overwrites rax.
    ///
    /// @param name makes the labels unique
    static void emitSystemCall(Assembler code, PerCpuPlaces places, String name) {
        code.loadPerCpu(R11, places.stackTop())
                .move(RAX, R11)
                .subtract(RAX, RSP)
                .compare(RAX, STACK_BYTES);
        code.jump(Condition.ABOVE_OR_EQUAL, name + " aside");
        code.testByte(R11, CS_BELOW_TOP, USER_MODE).jump(Condition.EQUAL, name + " in a thread");
        code.move(RAX, R11).load(R11, R11, ORIG_AX_BELOW_TOP);
        code.compare(R11, -1).jump(Condition.EQUAL, name);
        code.compare(R11, HIGHEST_CALL).jump(Condition.ABOVE_OR_EQUAL, name + " no call");
        code.testByte(RAX, CS_BELOW_TOP, USER_MODE_64).jump(Condition.NOT_EQUAL, name);
        code.add(R11, CALL_32).jump(name);
        code.label(name + " no call").moveInt(R11, NO_SUCH_CALL).jump(name);
        code.label(name + " aside").moveInt(R11, INTERRUPT_STACK).jump(name);
        code.label(name + " in a thread").moveInt(R11, KERNEL_THREAD);
        code.label(name);
    }
}
