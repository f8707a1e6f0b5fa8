package dev.plumbline.machine.qemu;

import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Writes patches to the RAM of a guest that stands still. Patches that lie close together, as those of all function
/// entries do, are written in one piece with what stands between them, read before: a system call costs as much as
/// copying some thousand bytes.
final class PatchRuns {
    private static final int LONGEST_RUN_BYTES = 1 << 18;
    private static final int LARGEST_GAP_BYTES = 1 << 12;

    private final QemuMemory memory;
    private final MemorySegment piece = MemorySegment.ofArray(new byte[LONGEST_RUN_BYTES]);

    PatchRuns(QemuMemory memory) {
        this.memory = memory;
    }

    /// Writes them as if one by one, in order.
    void write(List<CodePatch> patches) throws GuestException {
        for (int first = 0; first < patches.size(); ) {
            int behind = runFrom(first, patches);
            if (behind == first + 1) {
                CodePatch alone = patches.get(first);
                memory.write(alone.address(), MemorySegment.ofArray(alone.bytes()));
            } else {
                writeTogether(patches.subList(first, behind));
            }
            first = behind;
        }
    }

    // Each patch of a run begins behind the one before or where it ends, so their order among themselves does not
    // matter.
    private int runFrom(int first, List<CodePatch> patches) {
        PhysicalAddress start = patches.get(first).address();
        int behind = first + 1;
        while (behind < patches.size()) {
            CodePatch next = patches.get(behind);
            long gapBytes = next.address().value() - end(patches.get(behind - 1));
            long sizeBytes = end(next) - start.value();
            if (gapBytes < 0
                    || gapBytes > LARGEST_GAP_BYTES
                    || sizeBytes > LONGEST_RUN_BYTES
                    || !memory.isOneRange(start, sizeBytes)) {
                break;
            }
            behind++;
        }
        return behind;
    }

    private static long end(CodePatch patch) {
        return patch.address().value() + patch.bytes().length;
    }

    private void writeTogether(List<CodePatch> run) throws GuestException {
        PhysicalAddress start = run.getFirst().address();
        MemorySegment bytes = piece.asSlice(0, end(run.getLast()) - start.value());
        memory.read(start, bytes);
        for (CodePatch patch : run) {
            long offset = patch.address().value() - start.value();
            MemorySegment.copy(MemorySegment.ofArray(patch.bytes()), 0, bytes, offset, patch.bytes().length);
        }
        memory.write(start, bytes);
    }
}
