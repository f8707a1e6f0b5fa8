package dev.plumbline.x86;

/// Where an indirect call or jump (`FF /2`, `FF /4`) takes its target from.
public sealed interface BranchOperand {
    /// A register.
    ///
    /// @param number 0 to 15 in the processor's order: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15
    record InRegister(int number) implements BranchOperand {
        private static final String[] NAMES = {
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"
        };

        /// The 64-bit register's name.
        public String name() {
            return NAMES[number];
        }
    }

    /// A pointer at a fixed place, rip-relative or absolute.
    ///
    /// @param address the pointer's virtual address
    record AtAddress(long address) implements BranchOperand {}

    /// A pointer at a place that only the running code knows, per-CPU data included.
    record InMemory() implements BranchOperand {}

    /// Reads the operand of the indirect call or jump at `code[at]`, known to be one.
    ///
    /// @param lengthBytes the instruction's length
    /// @param address its virtual address
    static BranchOperand of(byte[] code, int at, int lengthBytes, long address) {
        int opcodeAt = Prefixes.skip(code, at, at + lengthBytes);
        int modrm = code[opcodeAt + 1] & 0xff;
        int rex = opcodeAt > at && Prefixes.isRex(code[opcodeAt - 1] & 0xff) ? code[opcodeAt - 1] & 15 : 0;
        if (modrm >> 6 == 3) {
            return new InRegister((rex & 1) << 3 | modrm & 7);
        }
        if (modrm >> 6 != 0 || hasOwnBase(code, at, opcodeAt)) {
            return new InMemory();
        }
        int end = at + lengthBytes;
        if ((modrm & 7) == 5) {
            return new AtAddress(address + lengthBytes + DirectBranch.littleEndianInt(code, end - 4));
        }
        boolean isAbsolute = (modrm & 7) == 4 && (code[opcodeAt + 2] & 0x3f) == 0x25 && (rex & 2) == 0;
        return isAbsolute ? new AtAddress(DirectBranch.littleEndianInt(code, end - 4)) : new InMemory();
    }

    // fs and gs have bases; an address-size prefix cuts the address to 32 bits.
    private static boolean hasOwnBase(byte[] code, int at, int opcodeAt) {
        for (int i = at; i < opcodeAt; i++) {
            if (code[i] == 0x64 || code[i] == 0x65 || code[i] == Prefixes.ADDRESS_SIZE) {
                return true;
            }
        }
        return false;
    }
}
