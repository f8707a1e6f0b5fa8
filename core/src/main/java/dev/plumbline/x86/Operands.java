package dev.plumbline.x86;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuState;

/// What an instruction's operands name: registers and memory. Sizes are 1, 2, 4 or 8 bytes; what is read has zeroes
/// above. Source: Intel SDM volume 1, sections 3.4.1.1 and 3.7.5.
///
/// @param state with rip at the next instruction
record Operands(EncodedInstruction instruction, VcpuState state, DataMemory memory) {

    /// A general register, or its lowest bytes.
    long register(int number, int bytes) {
        return StatusFlags.truncated(
                isSecondByte(number, bytes) ? state.general[number - 4] >>> 8 : state.general[number], bytes);
    }

    /// Changes a general register, or its lowest bytes; 4 bytes clear those above.
    void setRegister(int number, int bytes, long value) {
        if (isSecondByte(number, bytes)) {
            state.general[number - 4] = state.general[number - 4] & ~0xff00L | (value & 0xff) << 8;
        } else if (bytes >= 4) {
            state.general[number] = StatusFlags.truncated(value, bytes);
        } else {
            long mask = (1L << 8 * bytes) - 1;
            state.general[number] = state.general[number] & ~mask | value & mask;
        }
    }

    /// Reads the operand that ModRM names, r/m in the manual.
    long read(int bytes) throws GuestException {
        int number = instruction.operandRegister;
        return number == EncodedInstruction.NONE
                ? StatusFlags.truncated(memory.read(linearAddress(), bytes), bytes)
                : register(number, bytes);
    }

    /// Writes the operand that ModRM names.
    void write(int bytes, long value) throws GuestException {
        int number = instruction.operandRegister;
        if (number == EncodedInstruction.NONE) {
            memory.write(linearAddress(), bytes, StatusFlags.truncated(value, bytes));
        } else {
            setRegister(number, bytes, value);
        }
    }

    /// Address of the memory operand within its segment.
    long effectiveAddress() {
        long address = instruction.displacement;
        if (instruction.base == EncodedInstruction.RIP) {
            address += state.rip;
        } else if (instruction.base != EncodedInstruction.NONE) {
            address += state.general[instruction.base];
        }
        if (instruction.index != EncodedInstruction.NONE) {
            address += state.general[instruction.index] << instruction.scale;
        }
        return instruction.narrowsAddress ? StatusFlags.truncated(address, 4) : address;
    }

    private long linearAddress() {
        return effectiveAddress() + (instruction.usesGs ? state.gsBase : 0);
    }

    // ah, ch, dh or bh
    private boolean isSecondByte(int number, int bytes) {
        return bytes == 1 && instruction.rex == 0 && number >> 2 == 1;
    }
}
