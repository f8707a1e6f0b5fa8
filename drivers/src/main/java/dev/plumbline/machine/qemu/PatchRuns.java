package dev.plumbline.machine.qemu;

import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.PhysicalAddress;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Patches to be written to the RAM of a guest that stands still. Those that lie close together, as those of all
/// function entries do, are written in one piece with what stands between them, read before: a system call costs as
/// much as copying some thousand bytes. Which those are is found out at once, and the guest has to stand still only
/// for [#write].
final class PatchRuns {
    private static final int LONGEST_RUN_BYTES = 1 << 18;
    private static final int LARGEST_GAP_BYTES = 1 << 12;

    private final QemuMemory memory;
    private final List<List<CodePatch>> runs = new ArrayList<>();
    private final byte[] piece = new byte[LONGEST_RUN_BYTES];

    PatchRuns(QemuMemory memory, List<CodePatch> patches) {
        this.memory = memory;
        for (int first = 0; first < patches.size(); first += runs.getLast().size()) {
            runs.add(patches.subList(first, runFrom(first, patches)));
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

    /// Writes them as if one by one, in order.
    void write() throws GuestException {
        for (List<CodePatch> run : runs) {
            if (run.size() == 1) {
                CodePatch alone = run.getFirst();
                memory.write(alone.address(), MemorySegment.ofArray(alone.bytes()));
            } else {
                writeTogether(run);
            }
        }
    }

    private void writeTogether(List<CodePatch> run) throws GuestException {
        PhysicalAddress start = run.getFirst().address();
        MemorySegment bytes = MemorySegment.ofArray(piece).asSlice(0, end(run.getLast()) - start.value());
        memory.read(start, bytes);
        for (CodePatch patch : run) {
            put(patch, start.value());
        }
        memory.write(start, bytes);
    }

    private void put(CodePatch patch, long start) {
        System.arraycopy(patch.bytes(), 0, piece, (int) (patch.address().value() - start), patch.bytes().length);
    }
}
