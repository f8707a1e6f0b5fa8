package dev.plumbline.x86;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuState;
import java.util.Optional;

/// Runs an instruction in a vCPU's place, as the processor would in 64-bit mode: the plain ones that functions begin
/// with, and calls, jumps and returns. Source: Intel SDM volume 2.
///
/// Two things are not in the vCPU's state. What the vCPU may access is for the memory to say (page protection, SMAP).
/// And control-flow enforcement is not carried on: where the processor tracks indirect branches, neither do they make
/// it expect an `endbr64` nor does that one content it; where it keeps a shadow stack, nothing is put there.
public final class InstructionEmulator {
    private static final long TRAP = 1 << 8;
    private static final long RESUME = 1 << 16;
    private static final long ALIGNMENT_CHECK = 1 << 18;

    private static final int ADD = 0;
    private static final int OR = 1;
    private static final int ADD_WITH_CARRY = 2;
    private static final int SUBTRACT_WITH_BORROW = 3;
    private static final int AND = 4;
    private static final int SUBTRACT = 5;
    private static final int EXCLUSIVE_OR = 6;
    private static final int COMPARE = 7;

    private final EncodedInstruction instruction;
    private final VcpuState state;
    private final DataMemory memory;
    private final Operands operands;
    private final int bytes;

    private InstructionEmulator(EncodedInstruction instruction, VcpuState state, DataMemory memory) {
        this.instruction = instruction;
        this.state = state;
        this.memory = memory;
        operands = new Operands(instruction, state, memory);
        bytes = instruction.operandBytes;
    }

    /// Runs the instruction at `state.rip`, if it is one of those known. It writes memory once at most, and changes the
    /// state only after that.
    ///
    /// @param code up to 15 bytes that stand at `state.rip`; fewer if what follows cannot be read
    /// @param memory what the vCPU reads and writes there; a write is done whole or not at all
    /// @return false if it was not run: it is none of those known, it is cut off, or it would end in an exception
    /// because of its target, the stack pointer or the flags; state and memory are as they were then
    /// @throws GuestException if memory cannot be read or written; state and memory are as they were
    public static boolean run(byte[] code, VcpuState state, DataMemory memory) throws GuestException {
        Optional<EncodedInstruction> instruction = EncodedInstruction.of(code);
        if (instruction.isEmpty() || mayTrap(state)) {
            return false;
        }
        VcpuState after = state.copy();
        after.rip += instruction.get().lengthBytes;
        after.rflags &= ~RESUME;
        if (!new InstructionEmulator(instruction.get(), after, memory).run()) {
            return false;
        }
        System.arraycopy(after.general, 0, state.general, 0, after.general.length);
        state.rip = after.rip;
        state.rflags = after.rflags;
        return true;
    }

    private static boolean mayTrap(VcpuState state) {
        return (state.rflags & TRAP) != 0
                || state.cpl == 3 && (state.rflags & ALIGNMENT_CHECK) != 0
                || !isCanonical(state.general[VcpuState.RSP]); // some of AMD's do not take it as part of an address
    }

    private boolean run() throws GuestException {
        int opcode = instruction.opcode;
        if (instruction.repeats && opcode != 0x90 && opcode != 0xc3 && opcode != 0x0f1e) {
            return false;
        }
        return switch (opcode >> 3) {
            case 0, 1, 2, 3, 4, 5, 6, 7 -> compute(opcode >> 3, opcode & 7);
            case 0x50 >> 3 -> push(state.general[instruction.opcodeRegister]);
            case 0x58 >> 3 -> setRegister(instruction.opcodeRegister, pop());
            case 0x70 >> 3, 0x78 >> 3, 0x0f80 >> 3, 0x0f88 >> 3 -> jumpIf(opcode & 15);
            case 0xb0 >> 3, 0xb8 >> 3 -> setRegister(instruction.opcodeRegister, instruction.immediate);
            default -> runOther(opcode);
        };
    }

    private boolean runOther(int opcode) throws GuestException {
        return switch (opcode) {
            case 0x63 -> bytes == 8 && setRegister(instruction.register, signExtendedOperand(4));
            case 0x68, 0x6a -> push(instruction.immediate);
            case 0x80, 0x81, 0x83 -> computeInPlace(instruction.extension, instruction.immediate);
            case 0x84, 0x85 -> test(operands.read(bytes), register());
            case 0x88, 0x89 -> write(register());
            case 0x8a, 0x8b -> setRegister(instruction.register, operands.read(bytes));
            case 0x8d -> loadAddress();
            case 0x8f -> instruction.extension == 0 && write(pop());
            case 0x90 -> instruction.opcodeRegister == 0; // else it exchanges r8 and rax
            case 0xa8, 0xa9 -> test(state.general[0], instruction.immediate);
            case 0xc2, 0xc3 -> returnAndPop(instruction.immediate & 0xffff);
            case 0xc6, 0xc7 -> instruction.extension == 0 && write(instruction.immediate);
            case 0xc9 -> leave();
            case 0xe8 -> call(state.rip + instruction.immediate);
            case 0xe9, 0xeb -> jump(state.rip + instruction.immediate);
            case 0xf6, 0xf7 -> runGroup3(instruction.extension);
            case 0xfe, 0xff -> runGroup5(instruction.extension);
            case 0x0f1e -> isBranchTarget();
            case 0x0f1f -> instruction.extension == 0;
            case 0x0fb6, 0x0fb7 -> setRegister(instruction.register, operands.read(1 + (opcode & 1)));
            case 0x0fbe, 0x0fbf -> setRegister(instruction.register, signExtendedOperand(1 + (opcode & 1)));
            default -> false;
        };
    }

    private boolean runGroup3(int operation) throws GuestException {
        return switch (operation) {
            case 0 -> test(operands.read(bytes), instruction.immediate);
            case 2 -> write(~operands.read(bytes));
            case 3 -> write(StatusFlags.subtract(state, 0, operands.read(bytes), false, bytes));
            default -> false;
        };
    }

    // Of opcode fe, whose operands are bytes, the first two only.
    private boolean runGroup5(int operation) throws GuestException {
        return switch (operation) {
            case 0 -> write(StatusFlags.increment(state, operands.read(bytes), 1, bytes));
            case 1 -> write(StatusFlags.increment(state, operands.read(bytes), -1, bytes));
            case 2 -> bytes == 8 && call(operands.read(8));
            case 4 -> bytes == 8 && jump(operands.read(8));
            case 6 -> bytes == 8 && push(operands.read(8));
            default -> false;
        };
    }

    // The forms of an arithmetic opcode: to r/m, to the register, to rax.
    private boolean compute(int operation, int form) throws GuestException {
        return switch (form >> 1) {
            case 0 -> computeInPlace(operation, register());
            case 1 -> computeInRegister(operation, instruction.register, operands.read(bytes));
            case 2 -> computeInRegister(operation, 0, instruction.immediate);
            default -> false;
        };
    }

    private boolean computeInPlace(int operation, long right) throws GuestException {
        long result = result(operation, operands.read(bytes), right);
        return operation == COMPARE || write(result);
    }

    private boolean computeInRegister(int operation, int number, long right) {
        long result = result(operation, operands.register(number, bytes), right);
        return operation == COMPARE || setRegister(number, result);
    }

    private long result(int operation, long left, long right) {
        return switch (operation) {
            case ADD, ADD_WITH_CARRY -> StatusFlags.add(state, left, right, operation == ADD_WITH_CARRY, bytes);
            case SUBTRACT, SUBTRACT_WITH_BORROW, COMPARE ->
                StatusFlags.subtract(state, left, right, operation == SUBTRACT_WITH_BORROW, bytes);
            case OR -> StatusFlags.logical(state, left | right, bytes);
            case AND -> StatusFlags.logical(state, left & right, bytes);
            case EXCLUSIVE_OR -> StatusFlags.logical(state, left ^ right, bytes);
            default -> throw new IllegalArgumentException("there is no arithmetic operation " + operation);
        };
    }

    private boolean test(long left, long right) {
        StatusFlags.logical(state, left & right, bytes);
        return true;
    }

    private boolean loadAddress() {
        return instruction.operandRegister == EncodedInstruction.NONE
                && setRegister(instruction.register, operands.effectiveAddress());
    }

    // endbr64; other instructions of this opcode read the shadow stack
    private boolean isBranchTarget() {
        return instruction.repeats && instruction.register == 7 && instruction.operandRegister == 2;
    }

    private long signExtendedOperand(int sourceBytes) throws GuestException {
        return StatusFlags.signExtended(operands.read(sourceBytes), sourceBytes);
    }

    private long register() {
        return operands.register(instruction.register, bytes);
    }

    private boolean setRegister(int number, long value) {
        operands.setRegister(number, bytes, value);
        return true;
    }

    private boolean write(long value) throws GuestException {
        operands.write(bytes, value);
        return true;
    }

    private boolean push(long value) throws GuestException {
        state.general[VcpuState.RSP] -= 8;
        memory.write(state.general[VcpuState.RSP], 8, value);
        return true;
    }

    private long pop() throws GuestException {
        long value = memory.read(state.general[VcpuState.RSP], 8);
        state.general[VcpuState.RSP] += 8;
        return value;
    }

    private boolean leave() throws GuestException {
        state.general[VcpuState.RSP] = state.general[Register.RBP.ordinal()];
        state.general[Register.RBP.ordinal()] = pop();
        return true;
    }

    private boolean call(long target) throws GuestException {
        return isCanonical(target) && push(state.rip) && jump(target);
    }

    private boolean returnAndPop(long popped) throws GuestException {
        long target = pop();
        state.general[VcpuState.RSP] += popped;
        return jump(target);
    }

    private boolean jumpIf(int condition) {
        return !StatusFlags.hold(state.rflags, condition) || jump(state.rip + instruction.immediate);
    }

    private boolean jump(long target) {
        state.rip = target;
        return isCanonical(target);
    }

    // Kernel and user code are there with five levels of page tables as well.
    private static boolean isCanonical(long address) {
        return address << 16 >> 16 == address;
    }
}
