package dev.plumbline.kernel;

/// How much may still be read to answer one question. Whatever the guest holds - lists without end, counts without
/// measure - the answer comes in bounded time, because every step through guest memory is paid for here.
/// For one thread at a time.
final class ReadBudget {
    /// Enough for 200,000 tasks; about a second of reading.
    private static final int MOST_READS = 400_000;
    /// Many times the text and the read-only data of any kernel.
    private static final long MOST_BYTES = 1L << 30;

    private int reads;
    private long bytes;

    ReadBudget() {
        renew();
    }

    /// A new question is asked.
    void renew() {
        reads = MOST_READS;
        bytes = MOST_BYTES;
    }

    void spend(long address, long sizeBytes) throws KernelFormatException {
        bytes -= sizeBytes;
        if (--reads < 0 || bytes < 0) {
            throw new KernelFormatException(
                    "kernel data", address, "they lead on without end; they are corrupted or were tampered with");
        }
    }
}
