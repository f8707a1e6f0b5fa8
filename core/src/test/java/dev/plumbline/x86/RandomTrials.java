package dev.plumbline.x86;

import dev.plumbline.machine.VcpuState;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/// Instructions and states by chance. Memory operands and the stack are in the [DataPage], but for a few.
final class RandomTrials {
    private static final int[] NULL_SEGMENTS = {0x26, 0x2e, 0x36, 0x3e};
    private static final long[] EDGES = {0, 1, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fff_ffffL, 0x8000_0000L, Long.MAX_VALUE};
    private static final int CODE_BYTES = 15;

    private final Random random;

    RandomTrials(Random random) {
        this.random = random;
    }

    /// Contents for the page: canonical addresses, so that one can go there.
    byte[] page() {
        byte[] page = new byte[DataPage.BYTES];
        random.nextBytes(page);
        for (int at = 0; at < page.length; at += 8) {
            page[at + 5] &= 0x7f;
            page[at + 6] = 0;
            page[at + 7] = 0;
        }
        return page;
    }

    /// An instruction of this form.
    Trial of(InstructionForm form) {
        VcpuState state = state();
        return new Writing(form, state).trial();
    }

    /// Any bytes, with prefixes before them more often than by mere chance; registers point to the page.
    Trial ofBytes() {
        byte[] code = new byte[CODE_BYTES];
        random.nextBytes(code);
        int[] prefixes = {0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x3e, 0x64, 0x65, 0x40, 0x41, 0x48, 0x49, 0x4c, 0x0f, 0xf0};
        for (int at = 0; random.nextInt(3) == 0; at++) {
            code[at] = (byte) prefixes[random.nextInt(prefixes.length)];
        }
        long[] general = new long[16];
        Arrays.setAll(general, i -> random.nextInt(8) == 0 ? random.nextInt(8) : anywhereInPage());
        long gsBase = random.nextInt(64);
        return new Trial(code, new VcpuState(general, rip(), flags(), gsBase, 3));
    }

    private VcpuState state() {
        long[] general = new long[16];
        Arrays.setAll(general, i -> value());
        general[VcpuState.RSP] = alignedAddress();
        general[Register.RBP.ordinal()] = alignedAddress();
        return new VcpuState(general, rip(), flags(), random.nextInt(1 << 20), 3);
    }

    private long value() {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextLong();
            case 1 -> random.nextInt(256);
            case 2 -> EDGES[random.nextInt(EDGES.length)];
            default -> ~EDGES[random.nextInt(EDGES.length)];
        };
    }

    private long rip() {
        return RealProcessor.CODE_ADDRESS + random.nextInt(DataPage.BYTES - CODE_BYTES);
    }

    private long flags() {
        return random.nextInt() & Trial.FLAGS | 0x202;
    }

    private long anywhereInPage() {
        return DataPage.ADDRESS + random.nextInt(DataPage.BYTES);
    }

    // One of sixteen is right behind the page.
    private long alignedAddress() {
        return random.nextInt(16) == 0
                ? DataPage.ADDRESS + DataPage.BYTES
                : DataPage.ADDRESS + random.nextInt(DataPage.BYTES / 8) * 8L;
    }

    /// An instruction being written.
    private final class Writing {
        private final InstructionForm form;
        private final VcpuState state;
        private final ByteArrayOutputStream code = new ByteArrayOutputStream();
        private final boolean isNarrow;
        private final boolean isNarrowAddress = random.nextInt(8) == 0;
        private final boolean usesGs = random.nextInt(8) == 0;
        private final int rex;

        Writing(InstructionForm form, VcpuState state) {
            this.form = form;
            this.state = state;
            isNarrow = !form.has("d64") && random.nextInt(4) == 0;
            rex = rex();
        }

        // Behind one, 90 can be an exchange of registers, and what begins like endbr64 can be another instruction.
        private int rex() {
            if (form.has("w")) {
                return 0x48 | random.nextInt(16);
            }
            boolean isPlain = form.opcode().endsWith("90") || form.opcode().endsWith("fa");
            return isPlain || random.nextBoolean() ? 0 : 0x40 | random.nextInt(16);
        }

        Trial trial() {
            byte[] opcode = HexFormat.of().parseHex(form.opcode());
            boolean isPrefixed = (opcode[0] & 0xff) == 0xf3;
            prefixes().forEach(code::write);
            if (isPrefixed) {
                code.write(opcode[0]);
            }
            if (rex != 0) {
                code.write(rex);
            }
            code.write(opcode, isPrefixed ? 1 : 0, opcode.length - (isPrefixed ? 1 : 0));
            if (form.hasRegisterInOpcode()) {
                int last = opcode[opcode.length - 1] | random.nextInt(8);
                byte[] soFar = code.toByteArray();
                code.reset();
                code.write(soFar, 0, soFar.length - 1);
                code.write(last);
            }
            int immediateBytes = form.immediateBytes((rex & 8) != 0, isNarrow);
            if (form.hasModrm()) {
                operand(immediateBytes);
            }
            little(value(), immediateBytes);
            return new Trial(Arrays.copyOf(code.toByteArray(), CODE_BYTES), state);
        }

        private List<Integer> prefixes() {
            List<Integer> prefixes = new ArrayList<>();
            if (isNarrow) {
                prefixes.add(0x66);
            }
            if (isNarrowAddress) {
                prefixes.add(0x67);
            }
            if (usesGs) {
                prefixes.add(0x65);
            } else if (random.nextInt(8) == 0) {
                prefixes.add(NULL_SEGMENTS[random.nextInt(NULL_SEGMENTS.length)]);
            }
            Collections.shuffle(prefixes, random);
            return prefixes;
        }

        private void operand(int immediateBytes) {
            int extension = form.extension() < 0 ? random.nextInt(8) : form.extension();
            int mode = random.nextInt(form.has("m") ? 3 : 4);
            int low = random.nextInt(8);
            code.write(mode << 6 | extension << 3 | low);
            if (mode == 3) {
                int register = low | (rex & 1) << 3;
                if (form.isIndirectBranch()) {
                    state.general[register] = state.general[register] << 16 >> 16;
                }
                return;
            }
            int sib = random.nextInt(256);
            if (low == 4) {
                code.write(sib);
            }
            int baseLow = low == 4 ? sib & 7 : low;
            int index = low == 4 ? sib >> 3 & 7 | (rex & 2) << 2 : 4;
            boolean isBaseless = mode == 0 && baseLow == 5;
            int displacementBytes = isBaseless || mode == 2 ? 4 : mode;
            long address = operandAddress() - (usesGs ? state.gsBase : 0);
            long displacement;
            if (isBaseless && low == 5) {
                displacement = address - (state.rip + code.size() + 4 + immediateBytes);
            } else if (isBaseless) {
                displacement = address - (index == 4 ? 0 : indexValue(index) << (sib >> 6));
            } else {
                int base = baseLow | (rex & 1) << 3;
                displacement = displacementBytes == 1 ? (byte) random.nextInt() & ~7 : random.nextInt() & ~7;
                displacement = displacementBytes == 0 ? 0 : displacement;
                if (base == 4) {
                    displacement &= 0x78; // the stack pointer is to stay where it is
                    if (index != 4) {
                        state.general[index] = 8L * random.nextInt(8);
                    }
                } else {
                    long scaled = index == 4 ? 0 : state.general[index] << (sib >> 6);
                    long high = isNarrowAddress ? random.nextLong() << 32 : 0;
                    state.general[base] = address - displacement - scaled + high;
                }
            }
            little(displacement, displacementBytes);
        }

        private long indexValue(int index) {
            state.general[index] = random.nextInt(1 << 20);
            return state.general[index];
        }

        // What an indirect branch reads is an address only where it is aligned.
        private long operandAddress() {
            return random.nextInt(16) == 0 && !form.isIndirectBranch()
                    ? DataPage.ADDRESS - 8 + random.nextInt(DataPage.BYTES + 16)
                    : alignedAddress();
        }

        private void little(long value, int bytes) {
            for (int i = 0; i < bytes; i++) {
                code.write((int) (value >>> 8 * i));
            }
        }
    }
}
