package dev.plumbline.machine.qemu;

import dev.plumbline.machine.Breakpoints.Traffic;
import dev.plumbline.machine.CodeWriter.CodePatch;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.GuestGoneException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/// As much of GDB's remote protocol (GDB manual, appendix "GDB Remote Serial Protocol") as QEMU's debug stub is
/// used for.
///
/// A packet is `$DATA#XX`, XX being the sum of DATA's bytes modulo 256, and is acknowledged by `+`. Many are sent at
/// once, and QEMU takes them up one after the other while the guest stands still. While the guest runs it takes none:
/// it passes over the first, stops the guest, and takes up the second. So a guest that somebody else has let run is
/// known by a stop that comes before the acknowledgement.
///
/// Since 8.1 QEMU tells a stop only while a request is pending that is answered by one, and gives that up at whatever
/// byte comes next: see [#hasNextStopTold]. For one thread at a time.
final class GdbClient {
    private static final Duration ANSWER = Duration.ofSeconds(10);
    private static final int LONGEST_PACKET_BYTES = 1 << 16;
    private static final int LARGEST_WRITE_BYTES = 1024;

    /// QEMU waits when there is no room for its answers, and so would this side for its packets.
    private static final int UNANSWERED_PACKETS = 64;
    private static final int MOST_STALE_ANSWERS = 10_000;

    /// While an answer waits to be acknowledged QEMU takes nothing but that; while the guest runs it stops it at
    /// whatever comes, and says so and ends a step (since 8.1) only if that is the byte 3.
    private static final byte[] INTERRUPT = {3, '+', 3};
    private static final String REMOVE_BREAKPOINTS = "?";

    /// A question with an answer like no other's.
    private static final String MARK = "qqemu.sstepbits";

    private static final String ANSWER_TO_MARK = "ENABLE=";

    /// Asks to let vCPUs do what QEMU does not know how to do: a request for a stop all the same. The answer is empty.
    private static final String TELL_NEXT_STOP = "vCont;-";

    /// A question whose answer is not.
    private static final String ANYTHING = "qC";

    private final UnixStream stream;
    private final ByteBuffer arrived = ByteBuffer.allocate(1 << 12).limit(0);
    private long sent;
    private long acknowledged;
    private long roundTrips;
    private long stops;
    private boolean missedStop;

    GdbClient(UnixStream stream) {
        this.stream = stream;
    }

    /// What has gone to and fro.
    Traffic traffic() {
        return new Traffic(sent, roundTrips, stops);
    }

    /// Makes the guest stand still and waits until everything sent before is done with; stops and answers to it are
    /// passed over. To be called before the first exchange, and after one that has failed.
    ///
    /// @return whether the guest has stopped meanwhile
    boolean interrupt() throws GuestException {
        return settle(new byte[0]);
    }

    private boolean settle(byte[] before) throws GuestException {
        Deadline deadline = Deadline.after(ANSWER);
        boolean stopped = missedStop;
        missedStop = false;
        send(deadline, before, INTERRUPT, packet(MARK));
        for (int stale = 0; stale < MOST_STALE_ANSWERS; stale++) {
            String answer = receive(deadline);
            if (answer.startsWith(ANSWER_TO_MARK)) {
                acknowledged = sent;
                stops += stopped ? 1 : 0;
                return stopped;
            }
            stopped |= StopReply.is(answer);
        }
        throw new GuestException("QEMU's debug stub on " + stream.socket() + " sends answers without end");
    }

    /// Sends packets together while the guest stands still, and waits for their answers.
    ///
    /// @throws GuestException if the guest runs; the first packet was then not taken up, but the others were
    List<String> exchange(List<String> packets) throws GuestException {
        List<String> answers = new ArrayList<>();
        for (int from = 0; from < packets.size(); from += UNANSWERED_PACKETS) {
            List<String> part = packets.subList(from, Math.min(packets.size(), from + UNANSWERED_PACKETS));
            exchange(part, List.of(), answers);
        }
        return answers;
    }

    /// Sends packets of which the last lets the guest run, so that it is only acknowledged.
    ///
    /// @param packets at most 63 that are answered
    List<String> exchangeAndRun(List<String> packets, String last) throws GuestException {
        List<String> answers = new ArrayList<>();
        exchange(packets, List.of(last), answers);
        return answers;
    }

    private void exchange(List<String> packets, List<String> unanswered, List<String> answers) throws GuestException {
        Deadline deadline = Deadline.after(ANSWER);
        if (hasArrived()) {
            throw runs();
        }
        long before = sent;
        send(
                deadline,
                Stream.concat(packets.stream(), unanswered.stream())
                        .map(this::packet)
                        .toArray(byte[][]::new));
        for (int i = 1; i <= packets.size(); i++) {
            String answer = receive(deadline);
            if (acknowledged < before + i) {
                throw runs();
            }
            answers.add(answer);
        }
        awaitAcknowledgements(deadline);
    }

    /// As [#exchange(List)], of packets that are answered by `OK`.
    void order(List<String> packets) throws GuestException {
        expectOk(packets, exchange(packets));
    }

    static void expectOk(List<String> packets, List<String> answers) throws GuestException {
        for (int i = 0; i < answers.size(); i++) {
            expectOk(packets.get(i), answers.get(i));
        }
    }

    static void expectOk(String packet, String answer) throws GuestException {
        if (!answer.equals("OK")) {
            throw new GuestException("QEMU's debug stub refused '" + packet.substring(0, Math.min(40, packet.length()))
                    + "': " + (answer.isEmpty() ? "this version does not know it" : answer));
        }
    }

    /// Removes all breakpoints, those that an earlier client has left too. Translating, QEMU (since 7.2) has them for
    /// each vCPU and removes those of the one that is selected only.
    ///
    /// @param threads the stub's numbers of the vCPUs
    void removeAllBreakpoints(int[] threads) throws GuestException {
        List<String> packets = new ArrayList<>();
        for (int thread : threads) {
            packets.add("Hc" + Integer.toHexString(thread));
            packets.add(REMOVE_BREAKPOINTS);
        }
        List<String> answers = exchange(packets);
        for (int i = 0; i < packets.size(); i += 2) {
            expectOk(packets.get(i), answers.get(i));
        }
        // A second vCPU that came to a breakpoint just before has asked QEMU for another stop, which QEMU sees to
        // between two packets. Were the guest let run at once, it would stop again, and nobody would let it run.
        exchange(List.of(MARK));
    }

    /// Ends steps that an earlier client has asked for and that may not have been made. While the guest stands
    /// still; none of its instructions is run.
    ///
    /// A vCPU that is to run one instruction is told so until QEMU says that this vCPU has stopped. Where QEMU says
    /// it of another one, as when two had come to breakpoints together, the vCPU would stop after one instruction
    /// for ever, and so would the guest with it each time that it is let run.
    ///
    /// @param threads the stub's numbers of those vCPUs
    void endSteps(int[] threads) throws GuestException {
        for (int thread : threads) {
            order(List.of("Hc" + Integer.toHexString(thread)));
            startAndStop("vCont;c:" + Integer.toHexString(thread));
        }
    }

    /// Has a packet let the guest run, and stops it before it does: QEMU lets no vCPU run before it has dealt with
    /// all that came together.
    void startAndStop(String packet) throws GuestException {
        settle(packet(packet));
    }

    /// Has the next stop told while the guest stands still and is somebody else's to let run.
    ///
    /// @return false if they have let it run already; then it was stopped by this
    boolean hasNextStopTold() throws GuestException {
        if (hasArrived()) {
            return true;
        }
        Deadline deadline = Deadline.after(ANSWER);
        send(deadline, packet(ANYTHING), packet(TELL_NEXT_STOP));
        String first = receive(deadline);
        if (first.isEmpty() || StopReply.is(first)) {
            missedStop = true;
            return false;
        }
        receive(deadline);
        return true;
    }

    /// Waits for the next packet that nobody has asked for.
    ///
    /// @return whether it has come
    boolean arrives(Deadline deadline) throws GuestException {
        try {
            if (!hasArrived() && !deadline.passed()) {
                stream.read(arrived, deadline);
            }
            return arrived.hasRemaining();
        } catch (NoAnswerException _) {
            return false;
        }
    }

    /// The packet that [#arrives] has announced.
    StopReply stop() throws GuestException {
        String packet = receive(Deadline.after(ANSWER));
        if (packet.startsWith("W") || packet.startsWith("X")) {
            throw new GuestGoneException("the guest is gone: QEMU on " + stream.socket() + " has ended");
        }
        stops++;
        return StopReply.parse(packet);
    }

    /// Writes the patches in order, to physical addresses.
    void write(List<CodePatch> patches) throws GuestException {
        List<String> packets = new ArrayList<>(List.of("Qqemu.PhyMemMode:1"));
        for (CodePatch patch : patches) {
            for (int done = 0; done < patch.bytes().length; done += LARGEST_WRITE_BYTES) {
                packets.add(writePacket(patch, done, Math.min(LARGEST_WRITE_BYTES, patch.bytes().length - done)));
            }
        }
        order(packets);
    }

    private static String writePacket(CodePatch patch, int from, int length) {
        long address = patch.address().value() + from;
        return "M" + Long.toHexString(address) + "," + Integer.toHexString(length) + ":"
                + HexFormat.of().formatHex(patch.bytes(), from, from + length);
    }

    /// What is to be thrown where somebody else has let the guest run.
    GuestException runs() {
        missedStop = true;
        return new GuestException("somebody else has let the guest run on while it was held through " + stream.socket()
                + ": leave its monitor alone meanwhile, and try again");
    }

    private void send(Deadline deadline, byte[]... parts) throws GuestException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            bytes.writeBytes(part);
        }
        roundTrips++;
        stream.write(ByteBuffer.wrap(bytes.toByteArray()), deadline);
    }

    /// Acknowledges whatever came before it.
    private byte[] packet(String data) {
        byte[] content = data.getBytes(StandardCharsets.ISO_8859_1);
        sent++;
        return ("+$" + data + "#" + HexFormat.of().toHexDigits((byte) sum(content)))
                .getBytes(StandardCharsets.ISO_8859_1);
    }

    private void awaitAcknowledgements(Deadline deadline) throws GuestException {
        while (acknowledged < sent) {
            if (next(deadline) == '$') {
                throw runs();
            }
        }
    }

    private String receive(Deadline deadline) throws GuestException {
        int start = next(deadline);
        while (start != '$') {
            start = next(deadline);
        }
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        for (int value = nextByte(deadline); value != '#'; value = nextByte(deadline)) {
            data.write(value);
            if (data.size() > LONGEST_PACKET_BYTES) {
                throw new GuestException("QEMU's debug stub sends a packet without end");
            }
        }
        int expected = Character.digit(nextByte(deadline), 16) << 4 | Character.digit(nextByte(deadline), 16);
        if (expected != sum(data.toByteArray())) {
            throw new GuestException("QEMU's debug stub sends a packet with a wrong checksum");
        }
        return data.toString(StandardCharsets.ISO_8859_1);
    }

    /// The next byte between packets; acknowledgements are counted.
    private int next(Deadline deadline) throws GuestException {
        int value = nextByte(deadline);
        if (value == '+') {
            acknowledged++;
        } else if (value == '-') {
            throw new GuestException("QEMU's debug stub did not understand a packet; try again");
        }
        return value;
    }

    private int nextByte(Deadline deadline) throws GuestException {
        if (!arrived.hasRemaining()) {
            if (deadline.passed()) {
                throw new NoAnswerException("QEMU's debug stub on " + stream.socket() + " sends much but no answer");
            }
            stream.readPrompt(arrived, deadline);
        }
        return arrived.get() & 0xff;
    }

    private boolean hasArrived() throws GuestException {
        if (!arrived.hasRemaining()) {
            stream.readArrived(arrived);
        }
        return arrived.hasRemaining();
    }

    private static int sum(byte[] bytes) {
        int sum = 0;
        for (byte value : bytes) {
            sum += value;
        }
        return sum & 0xff;
    }
}
