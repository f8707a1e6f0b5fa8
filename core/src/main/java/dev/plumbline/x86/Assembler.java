package dev.plumbline.x86;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Emits the few 64-bit instructions that injected code consists of, for a place in memory known beforehand. Labels
/// may be used before they stand. Encodings are those of the Intel SDM, volume 2. For one thread.
public final class Assembler {
    private final long base;
    private final ByteArrayOutputStream code = new ByteArrayOutputStream();
    private final Map<String, Integer> labels = new HashMap<>();
    private final List<Reference> references = new ArrayList<>();

    /// A 32-bit field at `at` that shall hold the distance from the end of its instruction, `end`, to a label.
    private record Reference(int at, int end, String label) {}

    /// @param base virtual address where the first byte will stand
    public Assembler(long base) {
        this.base = base;
    }

    /// Virtual address of the next instruction.
    public long here() {
        return base + code.size();
    }

    /// Names this place.
    public Assembler label(String name) {
        if (labels.putIfAbsent(name, code.size()) != null) {
            throw new IllegalArgumentException("label " + name + " stands twice");
        }
        return this;
    }

    /// Virtual address of a label that stands.
    public long address(String label) {
        return base + labels.get(label);
    }

    /// Bytes as they are.
    public Assembler bytes(int... values) {
        for (int value : values) {
            code.write(value);
        }
        return this;
    }

    /// A little-endian 64-bit word.
    public Assembler word(long value) {
        for (int shift = 0; shift < 64; shift += 8) {
            code.write((int) (value >>> shift));
        }
        return this;
    }

    /// Breakpoint instructions up to a multiple of `bytes`, which is a power of two.
    public Assembler align(int bytes) {
        while ((here() & (bytes - 1)) != 0) {
            code.write(0xcc);
        }
        return this;
    }

    /// `push register`
    public Assembler push(Register register) {
        return optionalRex(register).bytes(0x50 | register.low());
    }

    /// `pop register`
    public Assembler pop(Register register) {
        return optionalRex(register).bytes(0x58 | register.low());
    }

    /// `mov target, source`, 64 bits
    public Assembler move(Register target, Register source) {
        return bytes(0x48 | source.high() << 2 | target.high(), 0x89, 0xc0 | source.low() << 3 | target.low());
    }

    /// `mov target32, source32`: clears the upper half
    public Assembler moveInt(Register target, Register source) {
        return bytes(0x40 | source.high() << 2 | target.high(), 0x89, 0xc0 | source.low() << 3 | target.low());
    }

    /// `movabs target, value`
    public Assembler move(Register target, long value) {
        return bytes(0x48 | target.high(), 0xb8 | target.low()).word(value);
    }

    /// `mov target32, value`: clears the upper half
    public Assembler moveInt(Register target, int value) {
        return optionalRex(target).bytes(0xb8 | target.low()).int32(value);
    }

    /// `movsxd target, source32`
    public Assembler moveSigned(Register target, Register source) {
        return bytes(0x48 | target.high() << 2 | source.high(), 0x63, 0xc0 | target.low() << 3 | source.low());
    }

    /// `cmovcc target32, source32`: clears the upper half whether or not the condition holds
    public Assembler moveIntIf(Condition condition, Register target, Register source) {
        bytes(0x40 | target.high() << 2 | source.high());
        return bytes(0x0f, 0x40 | condition.code(), 0xc0 | target.low() << 3 | source.low());
    }

    /// `mov target, [base + displacement]`, 64 bits
    public Assembler load(Register target, Register base, int displacement) {
        return memory(1, target, base, displacement, 0x8b);
    }

    /// `mov target32, [base + displacement]`: clears the upper half
    public Assembler loadInt(Register target, Register base, int displacement) {
        return memory(0, target, base, displacement, 0x8b);
    }

    /// `movzx target32, byte [base + displacement]`
    public Assembler loadByte(Register target, Register base, int displacement) {
        return memory(0, target, base, displacement, 0x0f, 0xb6);
    }

    /// `mov [base + displacement], source`, 64 bits
    public Assembler store(Register base, int displacement, Register source) {
        return memory(1, source, base, displacement, 0x89);
    }

    /// `mov [base + displacement], source32`
    public Assembler storeInt(Register base, int displacement, Register source) {
        return memory(0, source, base, displacement, 0x89);
    }

    /// `mov [base + displacement], source16`
    public Assembler storeShort(Register base, int displacement, Register source) {
        return bytes(0x66).memory(0, source, base, displacement, 0x89);
    }

    /// `lea target, [base + displacement]`
    public Assembler address(Register target, Register base, int displacement) {
        return memory(1, target, base, displacement, 0x8d);
    }

    /// `lock xadd [base + displacement], register`, 64 bits
    public Assembler exchangeAdd(Register base, int displacement, Register register) {
        bytes(0xf0);
        return memory(1, register, base, displacement, 0x0f, 0xc1);
    }

    /// `xadd gs:[offset], register`, 64 bits: towards this CPU's interrupts one step, not towards other CPUs
    public Assembler exchangeAddPerCpu(int offset, Register register) {
        return bytes(0x65, 0x48 | register.high() << 2, 0x0f, 0xc1, 0x04 | register.low() << 3, 0x25)
                .int32(offset);
    }

    /// `xadd gs:[base], register`, 64 bits
    public Assembler exchangeAddPerCpu(Register base, Register register) {
        bytes(0x65);
        return memory(1, register, base, 0, 0x0f, 0xc1);
    }

    /// `add target, [base + displacement]`, 64 bits
    public Assembler add(Register target, Register base, int displacement) {
        return memory(1, target, base, displacement, 0x03);
    }

    /// `add target32, [base + displacement]`: clears the upper half
    public Assembler addInt(Register target, Register base, int displacement) {
        return memory(0, target, base, displacement, 0x03);
    }

    /// `add target, value`, 64 bits
    public Assembler add(Register target, int value) {
        return bytes(0x48 | target.high(), 0x81, 0xc0 | target.low()).int32(value);
    }

    /// `add target, source`, 64 bits
    public Assembler add(Register target, Register source) {
        return bytes(0x48 | source.high() << 2 | target.high(), 0x01, 0xc0 | source.low() << 3 | target.low());
    }

    /// `mov [base + index * 8], source`, 64 bits; the index is not rsp
    public Assembler storeWord(Register base, Register index, Register source) {
        return indexed(0x89, source, base, index);
    }

    /// `cmp [base + index * 8], register`, 64 bits; the index is not rsp
    public Assembler compareWord(Register base, Register index, Register register) {
        return indexed(0x39, register, base, index);
    }

    /// `cmp qword [base + index * 8], value`, the value's sign extended; the index is not rsp
    ///
    /// @param value -128 to 127
    public Assembler compareWord(Register base, Register index, int value) {
        return indexed(0x83, Register.RDI, base, index).bytes(value);
    }

    /// `lea target, [base + index * 8]`; the index is not rsp
    public Assembler address(Register target, Register base, Register index) {
        return indexed(0x8d, target, base, index);
    }

    private Assembler indexed(int opcode, Register register, Register base, Register index) {
        return bytes(
                0x48 | register.high() << 2 | index.high() << 1 | base.high(),
                opcode,
                0x44 | register.low() << 3,
                0xc0 | index.low() << 3 | base.low(),
                0);
    }

    /// `imul target32, source32, factor`: clears the upper half
    public Assembler multiplyInt(Register target, Register source, int factor) {
        return bytes(0x40 | target.high() << 2 | source.high(), 0x69, 0xc0 | target.low() << 3 | source.low())
                .int32(factor);
    }

    /// `add target, [index * 8 + table]`, 64 bits; the index is not rsp
    ///
    /// @param table an address within the lowest or the highest 2 GiB, where kernel text is
    /// @throws IllegalArgumentException if it is not
    public Assembler addWord(Register target, Register index, long table) {
        return bytes(
                        0x48 | target.high() << 2 | index.high() << 1,
                        0x03,
                        0x04 | target.low() << 3,
                        0xc5 | index.low() << 3)
                .absolute(table);
    }

    /// `cmp left, [index * 8 + table]`, 64 bits; the index is not rsp
    ///
    /// @param table an address within the lowest or the highest 2 GiB, where kernel text is
    /// @throws IllegalArgumentException if it is not
    public Assembler compareWord(Register left, Register index, long table) {
        return bytes(0x48 | left.high() << 2 | index.high() << 1, 0x3b, 0x04 | left.low() << 3, 0xc5 | index.low() << 3)
                .absolute(table);
    }

    /// `cmp [base + displacement], right`, 64 bits
    public Assembler compare(Register base, int displacement, Register right) {
        return memory(1, right, base, displacement, 0x39);
    }

    /// `cmp left, value`, 64 bits
    public Assembler compare(Register left, int value) {
        return bytes(0x48 | left.high(), 0x81, 0xf8 | left.low()).int32(value);
    }

    /// `test byte [base + displacement], bits`
    ///
    /// @param bits 0 to 127
    public Assembler testByte(Register base, int displacement, int bits) {
        return memory(0, Register.RAX, base, displacement, 0xf6).bytes(bits);
    }

    /// `cmp byte gs:[base + displacement], value`
    public Assembler comparePerCpuByte(Register base, int displacement, int value) {
        return bytes(0x65).memory(0, Register.RDI, base, displacement, 0x80).bytes(value);
    }

    /// `mov byte gs:[base + displacement], value`
    public Assembler storePerCpuByte(Register base, int displacement, int value) {
        return bytes(0x65).memory(0, Register.RAX, base, displacement, 0xc6).bytes(value);
    }

    /// `sub target, source`, 64 bits
    public Assembler subtract(Register target, Register source) {
        return bytes(0x48 | source.high() << 2 | target.high(), 0x29, 0xc0 | source.low() << 3 | target.low());
    }

    /// `imul target, source`, 64 bits
    public Assembler multiply(Register target, Register source) {
        return bytes(0x48 | target.high() << 2 | source.high(), 0x0f, 0xaf, 0xc0 | target.low() << 3 | source.low());
    }

    /// `add target32, source32`: clears the upper half
    public Assembler addInt(Register target, Register source) {
        return bytes(0x40 | source.high() << 2 | target.high(), 0x01, 0xc0 | source.low() << 3 | target.low());
    }

    /// `add target32, value`: clears the upper half
    public Assembler addInt(Register target, int value) {
        return optionalRex(target).bytes(0x81, 0xc0 | target.low()).int32(value);
    }

    /// `cmp [rip + label], rsp`, 64 bits
    public Assembler compareStackPointer(String label) {
        return bytes(0x48, 0x39, 0x25).reference(label, 0);
    }

    /// `or target, source`, 64 bits
    public Assembler or(Register target, Register source) {
        return bytes(0x48 | source.high() << 2 | target.high(), 0x09, 0xc0 | source.low() << 3 | target.low());
    }

    /// `and target32, value`: clears the upper half
    public Assembler andInt(Register target, int value) {
        return optionalRex(target).bytes(0x81, 0xe0 | target.low()).int32(value);
    }

    /// `cmp target32, value`
    public Assembler compareInt(Register target, int value) {
        return optionalRex(target).bytes(0x81, 0xf8 | target.low()).int32(value);
    }

    /// `test register, register`, 64 bits
    public Assembler test(Register register) {
        return bytes(0x48 | register.high() * 5, 0x85, 0xc0 | register.low() << 3 | register.low());
    }

    /// `shl register, count`, 64 bits
    public Assembler shiftLeft(Register register, int count) {
        return bytes(0x48 | register.high(), 0xc1, 0xe0 | register.low(), count);
    }

    /// `shl register32, count`: clears the upper half
    public Assembler shiftLeftInt(Register register, int count) {
        return optionalRex(register).bytes(0xc1, 0xe0 | register.low(), count);
    }

    /// `shr register, count`, 64 bits
    public Assembler shiftRight(Register register, int count) {
        return bytes(0x48 | register.high(), 0xc1, 0xe8 | register.low(), count);
    }

    /// `xor register32, register32`: clears the whole register
    public Assembler clear(Register register) {
        if (register.high() != 0) {
            bytes(0x45);
        }
        return bytes(0x31, 0xc0 | register.low() << 3 | register.low());
    }

    /// `mov target, gs:[offset]`, 64 bits
    public Assembler loadPerCpu(Register target, int offset) {
        return bytes(0x65, 0x48 | target.high() << 2, 0x8b, 0x04 | target.low() << 3, 0x25)
                .int32(offset);
    }

    /// `lea target, [rip + label]`
    public Assembler address(Register target, String label) {
        return bytes(0x48 | target.high() << 2, 0x8d, 0x05 | target.low() << 3).reference(label, 0);
    }

    /// `cmp byte [rip + label], value`
    public Assembler compareByte(String label, int value) {
        return bytes(0x80, 0x3d).reference(label, 1).bytes(value);
    }

    /// `cmp qword [rip + label], value`, the value's sign extended
    ///
    /// @param value -128 to 127
    public Assembler compareWord(String label, int value) {
        return bytes(0x48, 0x83, 0x3d).reference(label, 1).bytes(value);
    }

    /// `jmp label`
    public Assembler jump(String label) {
        return bytes(0xe9).reference(label, 0);
    }

    /// `jcc label`
    public Assembler jump(Condition condition, String label) {
        return bytes(0x0f, 0x80 | condition.code()).reference(label, 0);
    }

    /// `jmp target`
    ///
    /// @throws IllegalArgumentException if the target is more than 2 GiB away
    public Assembler jump(long target) {
        return branch(0xe9, target);
    }

    /// `cmp left, right`, 64 bits
    public Assembler compare(Register left, Register right) {
        return bytes(0x48 | right.high() << 2 | left.high(), 0x39, 0xc0 | right.low() << 3 | left.low());
    }

    /// `call target`
    ///
    /// @throws IllegalArgumentException if the target is more than 2 GiB away
    public Assembler call(long target) {
        return branch(0xe8, target);
    }

    private Assembler branch(int opcode, long target) {
        long distance = target - (here() + 5);
        if (distance != (int) distance) {
            throw new IllegalArgumentException("0x%x is out of reach from 0x%x".formatted(target, here()));
        }
        return bytes(opcode).int32((int) distance);
    }

    /// `rdtsc`: into edx and eax
    public Assembler readTimeStampCounter() {
        return bytes(0x0f, 0x31);
    }

    /// `pause`
    public Assembler pause() {
        return bytes(0xf3, 0x90);
    }

    /// `ret`
    public Assembler ret() {
        return bytes(0xc3);
    }

    /// The code with all labels resolved.
    ///
    /// @throws IllegalArgumentException if a label that is used stands nowhere
    public byte[] assemble() {
        byte[] assembled = code.toByteArray();
        for (Reference reference : references) {
            Integer target = labels.get(reference.label());
            if (target == null) {
                throw new IllegalArgumentException("label " + reference.label() + " stands nowhere");
            }
            int distance = target - reference.end();
            for (int i = 0; i < 4; i++) {
                assembled[reference.at() + i] = (byte) (distance >> 8 * i);
            }
        }
        return assembled;
    }

    private Assembler absolute(long address) {
        if (address != (int) address) {
            throw new IllegalArgumentException("0x%x does not fit into a displacement".formatted(address));
        }
        return int32((int) address);
    }

    private Assembler memory(int wide, Register register, Register base, int displacement, int... opcode) {
        int rex = 0x40 | wide << 3 | register.high() << 2 | base.high();
        boolean isShort = displacement == (byte) displacement;
        bytes(rex).bytes(opcode).bytes((isShort ? 0x40 : 0x80) | register.low() << 3 | base.low());
        if (base.low() == Register.RSP.low()) {
            bytes(0x24);
        }
        return isShort ? bytes(displacement) : int32(displacement);
    }

    private Assembler optionalRex(Register register) {
        return register.high() == 0 ? this : bytes(0x41);
    }

    private Assembler int32(int value) {
        return bytes(value, value >> 8, value >> 16, value >> 24);
    }

    private Assembler reference(String label, int bytesBehind) {
        references.add(new Reference(code.size(), code.size() + 4 + bytesBehind, label));
        return int32(0);
    }
}
