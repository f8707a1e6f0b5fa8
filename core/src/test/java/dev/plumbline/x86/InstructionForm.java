package dev.plumbline.x86;

import java.util.ArrayList;
import java.util.List;

/// A form of an instruction, in the notation of the Intel SDM: the opcode in hexadecimal; `+r` if a register is in it;
/// `/r` or `/0` to `/7` for a ModRM byte with a register or a part of the opcode; `ib`, `iw`, `id` for an immediate of
/// 1, 2 or 4 bytes, `iz` for one of the operands' size but 4 bytes at most, `iv` of the operands' size. Besides, `m` if
/// the operand is in memory always, `w` if REX.W is needed, `d64` if it is on the stack or a branch, with no other
/// size.
record InstructionForm(String notation) {

    private static final List<String> ONE_BY_ONE = List.of("""
            50+r d64, 58+r d64, 68 id d64, 6a ib d64, 8f /0 d64, ff /6 d64, c9 d64,
            84 /r, 85 /r, a8 ib, a9 iz, f6 /0 ib, f7 /0 iz, f6 /2, f7 /2, f6 /3, f7 /3, fe /0, ff /0, fe /1, ff /1,
            88 /r, 89 /r, 8a /r, 8b /r, c6 /0 ib, c7 /0 iz, b0+r ib, b8+r iv,
            63 /r w, 0fb6 /r, 0fb7 /r, 0fbe /r, 0fbf /r, 8d /r m,
            90, f390, 0f1f /0, f30f1efa,
            e8 id d64, ff /2 d64, e9 id d64, eb ib d64, ff /4 d64, c3 d64, f3c3 d64, c2 iw d64
            """.strip().split(",\\s+"));

    /// All that [InstructionEmulator] knows.
    static List<InstructionForm> all() {
        List<String> notations = new ArrayList<>(ONE_BY_ONE);
        for (int operation = 0; operation < 8; operation++) {
            for (String form : new String[] {"0 /r", "1 /r", "2 /r", "3 /r", "4 ib", "5 iz"}) {
                notations.add(String.format("%02x", operation << 3 | form.charAt(0) - '0') + form.substring(1));
            }
            notations.add("80 /" + operation + " ib");
            notations.add("81 /" + operation + " iz");
            notations.add("83 /" + operation + " ib");
        }
        for (int condition = 0; condition < 16; condition++) {
            notations.add(String.format("%02x ib d64", 0x70 | condition));
            notations.add(String.format("%04x id d64", 0x0f80 | condition));
        }
        return notations.stream().map(InstructionForm::new).toList();
    }

    /// Whether one of the words of the notation is this one.
    boolean has(String word) {
        return List.of(notation.split(" ")).contains(word);
    }

    /// The opcode with prefixes that belong to it.
    String opcode() {
        return notation.split("[ +]")[0];
    }

    boolean hasRegisterInOpcode() {
        return notation.contains("+r");
    }

    boolean hasModrm() {
        return notation.contains("/");
    }

    /// The part of the opcode in ModRM, or -1 if a register is there.
    int extension() {
        char extension = notation.charAt(notation.indexOf('/') + 1);
        return extension == 'r' ? -1 : extension - '0';
    }

    int immediateBytes(boolean isWide, boolean isNarrow) {
        int operandBytes = isWide ? 8 : isNarrow ? 2 : 4;
        if (has("iv")) {
            return operandBytes;
        }
        if (has("iz")) {
            return Math.min(operandBytes, 4);
        }
        return has("id") ? 4 : has("iw") ? 2 : has("ib") ? 1 : 0;
    }

    /// Whether it goes where its operand says.
    boolean isIndirectBranch() {
        return notation.equals("ff /2 d64") || notation.equals("ff /4 d64");
    }

    @Override
    public String toString() {
        return notation;
    }
}
