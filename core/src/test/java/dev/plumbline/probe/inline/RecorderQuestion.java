package dev.plumbline.probe.inline;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.plumbline.kernel.PerCpuPlaces;
import dev.plumbline.probe.EdgeContext;
import dev.plumbline.probe.KnownEdge;
import dev.plumbline.x86.Assembler;
import dev.plumbline.x86.Register;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// The recorder's question as code that runs here, on this machine's processor: what is per CPU in a kernel lies where
/// an empty gs leads, in the lowest 2 GiB; stack and registers of a system call are made up. For one thread.
final class RecorderQuestion implements AutoCloseable {
    private static final int TABLE_BYTES = EdgeTable.WORDS * Long.BYTES;
    private static final int CODE_AT = TABLE_BYTES;
    private static final int PER_CPU_AT = CODE_AT + 0x1000;
    private static final int INTERRUPT_TOP_AT = PER_CPU_AT + 0x4000;
    private static final int STACK_TOP_AT = INTERRUPT_TOP_AT + 0x8000;
    private static final int SIZE_BYTES = STACK_TOP_AT;
    private static final int ORIG_AX_AT = STACK_TOP_AT - 48;
    private static final int CS_AT = STACK_TOP_AT - 32;
    private static final int USED_STACK_BYTES = 1024;

    // mmap(2), asm-generic/mman-common.h: readable, writable, executable; private, anonymous, nowhere but there.
    private static final int ALL = 7;
    private static final int JUST_THERE = 0x02 | 0x20 | 0x100000;
    private static final long LOW_END = 1L << 31;
    private static final long LOW_STEP = 1 << 24;

    private static final Linker LINKER = Linker.nativeLinker();

    private final MemorySegment memory;
    private final EdgeTable table;
    private final MethodHandle ask;

    RecorderQuestion(long factor) throws Throwable {
        MethodHandle map = function(
                "mmap", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
        memory = lowMemory(map).reinterpret(SIZE_BYTES);
        table = new EdgeTable(memory.address(), factor);
        byte[] code = code();
        memory.asSlice(CODE_AT, code.length).copyFrom(MemorySegment.ofArray(code));
        memory.set(JAVA_LONG, PER_CPU_AT, memory.address() + STACK_TOP_AT);
        ask = LINKER.downcallHandle(
                memory.asSlice(CODE_AT), FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    }

    // The VM may have taken any part of it, as for its classes.
    private static MemorySegment lowMemory(MethodHandle map) throws Throwable {
        for (long wanted = LOW_STEP; wanted + SIZE_BYTES <= LOW_END; wanted += LOW_STEP) {
            MemorySegment at = MemorySegment.ofAddress(wanted);
            MemorySegment mapped = (MemorySegment) map.invokeExact(at, (long) SIZE_BYTES, ALL, JUST_THERE, -1, 0L);
            if (mapped.address() == wanted) {
                return mapped;
            }
        }
        throw new IllegalStateException("no memory in the lowest 2 GiB");
    }

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), descriptor);
    }

    // int ask(long behindCall, long returnAddress, long stackPointer)
    private byte[] code() {
        int stackTop = (int) memory.address() + PER_CPU_AT;
        Assembler code = new Assembler(memory.address() + CODE_AT);
        code.move(Register.RCX, Register.RSP).move(Register.RSP, Register.RDX);
        code.push(Register.RSI).push(Register.RDI);
        table.emitQuestion(code, new PerCpuPlaces(0, 0, stackTop));
        code.moveInt(Register.RAX, 1).jump("end");
        code.label("seen").moveInt(Register.RAX, 0);
        code.label("end").move(Register.RSP, Register.RCX).ret();
        return code.assemble();
    }

    EdgeTable table() {
        return table;
    }

    /// Has a function be entered.
    ///
    /// @return whether that is told
    boolean meet(KnownEdge edge) throws Throwable {
        boolean isAside = edge.systemCall() == EdgeContext.INTERRUPT_STACK;
        long top = memory.address() + (isAside ? INTERRUPT_TOP_AT : STACK_TOP_AT) - USED_STACK_BYTES;
        pretend(edge.systemCall());
        return (int) ask.invokeExact(edge.site() + InlineSites.BYTES, edge.returnAddress(), top) != 0;
    }

    // What the entry code of a system call leaves at the top of a task's stack.
    private void pretend(int systemCall) {
        boolean is32 = systemCall >= EdgeContext.CALL_32;
        boolean isThread = systemCall == EdgeContext.KERNEL_THREAD;
        boolean isAside = systemCall == EdgeContext.INTERRUPT_STACK;
        memory.set(JAVA_BYTE, CS_AT, (byte) (isThread ? 0 : is32 ? 0x23 : 0x33));
        long number = isThread ? 0 : isAside ? 17 : is32 ? systemCall - EdgeContext.CALL_32 : systemCall;
        memory.set(JAVA_LONG, ORIG_AX_AT, number);
    }

    /// The table as it is now.
    byte[] tableBytes() {
        return memory.asSlice(0, TABLE_BYTES).toArray(JAVA_BYTE);
    }

    @Override
    public void close() {
        MethodHandle unmap = function("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
        try {
            int failed = (int) unmap.invokeExact(memory, (long) SIZE_BYTES);
            if (failed != 0) {
                throw new IllegalStateException("munmap failed");
            }
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
