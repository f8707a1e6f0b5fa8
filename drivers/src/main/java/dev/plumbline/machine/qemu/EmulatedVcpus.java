package dev.plumbline.machine.qemu;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import dev.plumbline.machine.VcpuState;
import dev.plumbline.machine.proc.ProcessMapping;
import dev.plumbline.machine.proc.ProcessMemory;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// The registers of vCPUs that stand still, where a QEMU that translates has them in its own memory: reading them there
/// saves the round trip to its debug stub. Where that is, is found by what the stub says of them at the same moment.
///
/// Layout: `CPUArchState` (QEMU's target/i386/cpu.h), in words of 8 bytes: the 16 general registers in the order of the
/// instruction encoding, rip, flags. Behind them, further on in later versions, the segments es, cs, ss, ds, fs and gs
/// with three words each: selector, base, limit and attributes.
///
/// What the guest has put into memory of QEMU, as in a buffer of a device, may look the same: then there is more than
/// one place, and none is believed. Who uses this compares it once more with what the stub says after the guest has
/// run.
final class EmulatedVcpus {
    private static final int RIP = 16;
    private static final int FLAGS = 17;
    private static final int FIRST_SEGMENTS = 18;
    private static final int LAST_SEGMENTS = 18 + 64;
    private static final int SEGMENT_WORDS = 3;
    private static final int CS = 1;
    private static final int FS = 4;
    private static final int GS = 5;
    private static final int WORDS = LAST_SEGMENTS + 6 * SEGMENT_WORDS;

    /// An ordinary heap. Code that was translated and RAM are in larger ones.
    private static final long LARGEST_MAPPING_BYTES = 64 << 20;

    private static final int BUFFER_WORDS = 1 << 17;

    private final ProcessMemory memory;
    private final long[] addresses;
    private final int segments;
    private final long[] words;
    private final MemorySegment buffer;

    private EmulatedVcpus(ProcessMemory memory, long[] addresses, int segments) {
        this.memory = memory;
        this.addresses = addresses;
        this.segments = segments;
        this.words = new long[segments + 6 * SEGMENT_WORDS];
        this.buffer = MemorySegment.ofArray(words);
    }

    /// Looks for them while the guest stands still.
    ///
    /// @param memory QEMU's
    /// @param heap the parts of it that may hold them; of those larger than 64 MiB nothing is looked at
    /// @param told what the stub says of each vCPU now
    /// @return empty if they are not found, or more than once
    static Optional<EmulatedVcpus> find(ProcessMemory memory, List<ProcessMapping> heap, List<StubRegisters> told)
            throws GuestException {
        Search search = new Search(told);
        for (ProcessMapping mapping : heap) {
            if (mapping.end() - mapping.start() <= LARGEST_MAPPING_BYTES) {
                try {
                    search.in(memory, mapping);
                } catch (GuestGoneException e) {
                    throw e;
                } catch (GuestException _) {
                    // QEMU has given it up meanwhile; it keeps its vCPUs.
                }
            }
        }
        return search.isUnique()
                ? Optional.of(new EmulatedVcpus(memory, search.addresses, search.segments))
                : Optional.empty();
    }

    /// Where each vCPU stands.
    VcpuState[] read() throws GuestException {
        VcpuState[] states = new VcpuState[addresses.length];
        for (int vcpu = 0; vcpu < states.length; vcpu++) {
            memory.read(addresses[vcpu], buffer);
            states[vcpu] = new VcpuState(
                    Arrays.copyOf(words, RIP),
                    words[RIP],
                    words[FLAGS],
                    words[segments + GS * SEGMENT_WORDS + 1],
                    (int) words[segments + CS * SEGMENT_WORDS] & 3);
        }
        return states;
    }

    private static final class Search {
        private final List<StubRegisters> told;
        private final long[] addresses;
        private final long[] words = new long[BUFFER_WORDS];
        private int segments;
        private int found;
        private boolean areOfTwoLayouts;

        Search(List<StubRegisters> told) {
            this.told = told;
            this.addresses = new long[told.size()];
        }

        boolean isUnique() {
            return !areOfTwoLayouts
                    && found == addresses.length
                    && Arrays.stream(addresses).noneMatch(address -> address == 0);
        }

        void in(ProcessMemory memory, ProcessMapping mapping) throws GuestException {
            long step = (BUFFER_WORDS - WORDS) * (long) Long.BYTES;
            for (long from = mapping.start(); from < mapping.end(); from += step) {
                int length = (int) Math.min(BUFFER_WORDS, (mapping.end() - from) / Long.BYTES);
                memory.read(from, MemorySegment.ofArray(words).asSlice(0, length * (long) Long.BYTES));
                for (int at = 0; at < length - WORDS; at++) {
                    compare(at, from + at * (long) Long.BYTES);
                }
            }
        }

        private void compare(int at, long address) {
            for (int vcpu = 0; vcpu < addresses.length; vcpu++) {
                VcpuState state = told.get(vcpu).state();
                if (words[at + RIP] == state.rip
                        && words[at + FLAGS] == state.rflags
                        && Arrays.equals(words, at, at + RIP, state.general, 0, RIP)) {
                    add(vcpu, at, address);
                }
            }
        }

        private void add(int vcpu, int at, long address) {
            for (int offset = FIRST_SEGMENTS; offset <= LAST_SEGMENTS; offset++) {
                if (isSegments(at + offset, told.get(vcpu))) {
                    areOfTwoLayouts |= found > 0 && offset != segments;
                    segments = offset;
                    found++;
                    addresses[vcpu] = address;
                    return;
                }
            }
        }

        private boolean isSegments(int at, StubRegisters registers) {
            for (int segment = 0; segment <= GS; segment++) {
                if ((int) words[at + segment * SEGMENT_WORDS] != registers.selectors()[segment]) {
                    return false;
                }
            }
            return words[at + FS * SEGMENT_WORDS + 1] == registers.fsBase()
                    && words[at + GS * SEGMENT_WORDS + 1] == registers.state().gsBase;
        }
    }
}
