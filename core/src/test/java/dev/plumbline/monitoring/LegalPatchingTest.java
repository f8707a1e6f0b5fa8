package dev.plumbline.monitoring;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.kernel.FakeLinux;
import dev.plumbline.kernel.FakeModule;
import dev.plumbline.kernel.FtraceRecord;
import dev.plumbline.kernel.KallsymsBuilder.Order;
import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.monitoring.LegalPatching.Verdict;
import dev.plumbline.monitoring.PatchablePlaces.Kind;
import dev.plumbline.monitoring.PatchablePlaces.Place;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What a kernel's tables say that it patches, and what stands there.
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class LegalPatchingTest {
    private static final long READ = FakeLinux.IMAGE + 0x100;
    private static final long WRITE = FakeLinux.IMAGE + 0x200;
    private static final long TRACER = FakeLinux.IMAGE + 0x600;
    private static final long RETURN_THUNK = FakeLinux.IMAGE + 0x640;
    private static final long ZERO = FakeLinux.IMAGE + 0x680;
    private static final long TRAMPOLINE = FakeLinux.IMAGE + 0x6c0;
    private static final long LONELY_TRAMPOLINE = FakeLinux.IMAGE + 0x6e0;
    private static final long SITES = FakeLinux.IMAGE + 0x1600;
    private static final long TRACED = SITES;
    private static final long UNTRACED = SITES + 0x10;
    private static final long KEY = SITES + 0x20;
    private static final long PROBED = SITES + 0x30;
    private static final long TO_WRITE = SITES + 0x40;
    private static final long TO_NOTHING = SITES + 0x50;
    private static final long TO_ZERO = SITES + 0x60;
    private static final long TO_MODULE = SITES + 0x70;
    private static final long TO_LOOSE = SITES + 0x80;
    private static final long TO_DISPATCHER = SITES + 0x90;
    private static final long WITHOUT_KEY = SITES + 0xa0;
    private static final long UNREADABLE_KEY = SITES + 0xb0;
    private static final long COPIES = FakeLinux.MODULES + 0x30_0000;
    private static final long TRACER_CODE = FakeLinux.MODULES + 0x40_0000;
    private static final long LOOSE = FakeLinux.MODULES + 0x800_0000;

    private static final String NOP = "0f1f440000";
    private static final String RETURN = "c3cccccccc";
    private static final String RETURN_ZERO = "2e2e2e31c0";
    private static final String BREAKPOINT = "cc1f440000";

    private final FakeLinux linux = new FakeLinux(4, Order.SINCE_6_4);
    private final FakeModule module = linux.module("loop");
    private LegalPatching legal;

    @BeforeEach
    void read() throws Exception {
        linux.symbol("ftrace_caller", 'T', TRACER)
                .symbol("srso_return_thunk", 'T', RETURN_THUNK)
                .symbol("__static_call_return0", 'T', ZERO)
                .symbol("__SCT__might_resched", 'T', TRAMPOLINE)
                .symbol("__SCT__lonely", 'T', LONELY_TRAMPOLINE)
                .symbol("sites", 't', SITES)
                .symbol("__SCK__might_resched", 'D', linux.staticCallKey(WRITE));
        linux.ftracePage(new FtraceRecord(TRACED, 1), new FtraceRecord(UNTRACED, 0))
                .trampoline(TRACER_CODE, 0x100)
                .kprobe(3, PROBED)
                .kprobe(4, TRACED)
                .kprobePage(COPIES)
                .staticKeys(KEY)
                .staticKeyTargets(KEY + 0x40);
        module.symbol("loop_hook", 't', module.base() + 0x40)
                .symbol("__SCT__own", 't', module.base() + 0x80)
                .symbol("__SCK__own", 'd', linux.staticCallKey(READ))
                .staticCalls(module.base() + 0x100)
                .staticCallKeys(linux.staticCallKey(0))
                .load();
        linux.staticCalls(TO_WRITE, TO_NOTHING, TO_ZERO, TO_MODULE, TO_LOOSE, TO_DISPATCHER, UNREADABLE_KEY)
                .staticCallKeys(
                        linux.staticCallKey(WRITE),
                        // flags stand in the lowest bits
                        linux.staticCallKey(0) + 3,
                        linux.staticCallKey(ZERO),
                        linux.staticCallKey(module.base() + 0x40),
                        linux.staticCallKey(LOOSE),
                        linux.staticCallKey(TRACER_CODE + 0x800),
                        LOOSE);
        LinuxKernel kernel = LinuxKernel.open(linux.machine());
        legal = new LegalPatching(kernel, new KernelPlaces(kernel, CallGraph.of(kernel.code(), 1)));
    }

    private static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex);
    }

    /// An opcode and the displacement to a target.
    private static byte[] branch(String opcode, long from, long target) {
        byte[] first = bytes(opcode);
        int size = first.length + 4;
        return ByteBuffer.allocate(size)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(first)
                .putInt((int) (target - from - size))
                .array();
    }

    private Verdict judge(Kind kind, long address, byte[] found) throws Exception {
        byte[] nop = Arrays.copyOf(bytes(NOP), found.length);
        return legal.judge(new TextChange(null, address, nop, nop, found), Optional.of(new Place(address, kind)));
    }

    private Verdict call(Kind kind, long address, long target) throws Exception {
        return judge(kind, address, branch("e8", address, target));
    }

    private Verdict jump(Kind kind, long address, long target) throws Exception {
        return judge(kind, address, branch("e9", address, target));
    }

    private Verdict nowhere(long address, String expected, byte... found) throws Exception {
        byte[] before = bytes(expected);
        return legal.judge(new TextChange(null, address, before, before, found), Optional.empty());
    }

    @Test
    void whatIsToStandThereIsLegal() throws Exception {
        byte[] probe = branch("e8", TRACED, WRITE);
        TextChange ours = new TextChange(null, TRACED, bytes(NOP), probe, probe);
        TextChange back = new TextChange(null, TRACED, bytes(NOP), probe, bytes("9090909090"));
        TextChange cameAgain = new TextChange("loop", TRACED, bytes("9090909090"), probe, bytes("9090909090"));

        assertThat(legal.judge(ours, Optional.empty())).isEqualTo(Verdict.LEGAL);
        assertThat(legal.judge(back, Optional.empty())).isEqualTo(Verdict.TAMPERED);
        assertThat(legal.judge(cameAgain, Optional.empty())).isEqualTo(Verdict.LEGAL);
    }

    @Test
    void aRegisteredKprobeIsABreakpointOrAJumpToTheCopy() throws Exception {
        byte[] jump = branch("e9", PROBED, COPIES + 0x40);
        byte[] half = jump.clone();
        half[0] = (byte) 0xcc;

        assertThat(nowhere(PROBED, "4889e55390", bytes("cc89e55390"))).isEqualTo(Verdict.LEGAL);
        assertThat(nowhere(PROBED, "4889e55390", jump)).isEqualTo(Verdict.LEGAL);
        assertThat(nowhere(PROBED, "4889e55390", half)).isEqualTo(Verdict.LEGAL);
        assertThat(nowhere(PROBED, "4889e55390", bytes("cc89e55391"))).isEqualTo(Verdict.TAMPERED);
        assertThat(nowhere(PROBED, "4889e55390", branch("e9", PROBED, WRITE))).isEqualTo(Verdict.TAMPERED);
        assertThat(nowhere(PROBED, "4889e55390", branch("e8", PROBED, COPIES))).isEqualTo(Verdict.TAMPERED);
        assertThat(nowhere(PROBED + 1, "4889e55390", bytes("cc89e55390"))).isEqualTo(Verdict.TAMPERED);
    }

    @Test
    void aPlaceThatIsBeingPatchedIsUnderWay() throws Exception {
        for (Kind kind : Kind.values()) {
            assertThat(judge(kind, UNTRACED, bytes(BREAKPOINT))).isEqualTo(Verdict.UNDER_WAY);
        }
    }

    @Test
    void entriesCallTracersOnly() throws Exception {
        assertThat(judge(Kind.FTRACE, UNTRACED, bytes("6666666690"))).isEqualTo(Verdict.LEGAL);
        assertThat(call(Kind.FTRACE, TRACED, TRACER)).isEqualTo(Verdict.LEGAL);
        assertThat(call(Kind.FTRACE, TRACED, TRACER_CODE)).isEqualTo(Verdict.LEGAL);
        assertThat(call(Kind.FTRACE, UNTRACED, TRACER)).isEqualTo(Verdict.UNDER_WAY);
        assertThat(call(Kind.FTRACE, TRACED, WRITE)).isEqualTo(Verdict.TAMPERED);
        assertThat(call(Kind.FTRACE, TRACED, TRACER + 4)).isEqualTo(Verdict.TAMPERED);
        assertThat(call(Kind.FTRACE, TRACED, module.base() + 0x40)).isEqualTo(Verdict.TAMPERED);
        assertThat(call(Kind.FTRACE, TRACED, LOOSE)).isEqualTo(Verdict.TAMPERED);
        assertThat(jump(Kind.FTRACE, TRACED, TRACER)).isEqualTo(Verdict.TAMPERED);
    }

    @Test
    void staticKeysJumpToTheirOwnTarget() throws Exception {
        assertThat(judge(Kind.STATIC_KEY, KEY, bytes("6690"))).isEqualTo(Verdict.LEGAL);
        assertThat(judge(Kind.STATIC_KEY, KEY, bytes("6666666690"))).isEqualTo(Verdict.LEGAL);
        assertThat(judge(Kind.STATIC_KEY, KEY, bytes("eb3e"))).isEqualTo(Verdict.LEGAL);
        assertThat(jump(Kind.STATIC_KEY, KEY, KEY + 0x40)).isEqualTo(Verdict.LEGAL);
        assertThat(judge(Kind.STATIC_KEY, KEY, bytes("eb3f"))).isEqualTo(Verdict.TAMPERED);
        assertThat(jump(Kind.STATIC_KEY, KEY, WRITE)).isEqualTo(Verdict.TAMPERED);
        assertThat(call(Kind.STATIC_KEY, KEY, KEY + 0x40)).isEqualTo(Verdict.TAMPERED);
        assertThat(jump(Kind.STATIC_KEY, UNTRACED, KEY + 0x40)).isEqualTo(Verdict.TAMPERED);
    }

    @Test
    void staticCallsLeadToWhatTheirKeyNames() throws Exception {
        assertThat(call(Kind.STATIC_CALL, TO_WRITE, WRITE)).isEqualTo(Verdict.LEGAL);
        assertThat(jump(Kind.STATIC_CALL, TO_WRITE, WRITE)).isEqualTo(Verdict.LEGAL);
        assertThat(judge(Kind.STATIC_CALL, TO_WRITE, branch("0f85", TO_WRITE, WRITE)))
                .isEqualTo(Verdict.LEGAL);
        assertThat(call(Kind.STATIC_CALL, TO_MODULE, module.base() + 0x40)).isEqualTo(Verdict.LEGAL);
        assertThat(call(Kind.STATIC_CALL, TO_DISPATCHER, TRACER_CODE + 0x800)).isEqualTo(Verdict.LEGAL);
        assertThat(call(Kind.STATIC_CALL, TO_WRITE, WRITE - 10))
                .as("where calls are counted")
                .isEqualTo(Verdict.LEGAL);
        assertThat(jump(Kind.STATIC_CALL, TO_WRITE, WRITE - 10)).isEqualTo(Verdict.UNDER_WAY);
    }

    @Test
    void staticCallsThatLeadToAnotherFunctionAreAboutToBeChangedOrTamperedWith() throws Exception {
        assertThat(call(Kind.STATIC_CALL, TO_WRITE, READ)).isEqualTo(Verdict.UNDER_WAY);
        assertThat(call(Kind.STATIC_CALL, TO_WRITE, module.base() + 0x40)).isEqualTo(Verdict.UNDER_WAY);
        assertThat(call(Kind.STATIC_CALL, TO_NOTHING, module.base() + 0x40)).isEqualTo(Verdict.UNDER_WAY);
        assertThat(call(Kind.STATIC_CALL, WITHOUT_KEY, WRITE)).isEqualTo(Verdict.UNDER_WAY);
        assertThat(call(Kind.STATIC_CALL, UNREADABLE_KEY, WRITE)).isEqualTo(Verdict.UNDER_WAY);
        for (String none : new String[] {NOP, RETURN, RETURN_ZERO}) {
            assertThat(judge(Kind.STATIC_CALL, TO_MODULE, bytes(none)))
                    .as(none)
                    .isEqualTo(none.equals(NOP) ? Verdict.LEGAL : Verdict.UNDER_WAY);
        }
    }

    @Test
    void staticCallsThatLeadToNoFunctionAreTamperedWith() throws Exception {
        assertThat(call(Kind.STATIC_CALL, TO_WRITE, WRITE + 5)).isEqualTo(Verdict.TAMPERED);
        assertThat(call(Kind.STATIC_CALL, TO_WRITE, LOOSE)).isEqualTo(Verdict.TAMPERED);
        assertThat(call(Kind.STATIC_CALL, TO_LOOSE, LOOSE)).isEqualTo(Verdict.TAMPERED);
        assertThat(call(Kind.STATIC_CALL, TO_MODULE, module.base() + 0x44)).isEqualTo(Verdict.TAMPERED);
        assertThat(judge(Kind.STATIC_CALL, TO_WRITE, bytes("eb3e9090cc"))).isEqualTo(Verdict.TAMPERED);
        assertThat(judge(Kind.STATIC_CALL, TO_WRITE, bytes("9090909090"))).isEqualTo(Verdict.TAMPERED);
    }

    @Test
    void staticCallsToNothingAreNopsOrReturns() throws Exception {
        assertThat(judge(Kind.STATIC_CALL, TO_NOTHING, bytes("6666666690"))).isEqualTo(Verdict.LEGAL);
        assertThat(judge(Kind.STATIC_CALL, TO_NOTHING, bytes(RETURN))).isEqualTo(Verdict.LEGAL);
        assertThat(jump(Kind.STATIC_CALL, TO_NOTHING, RETURN_THUNK)).isEqualTo(Verdict.LEGAL);
        assertThat(judge(Kind.STATIC_CALL, module.base() + 0x100, bytes(RETURN)))
                .isEqualTo(Verdict.LEGAL);
        assertThat(call(Kind.STATIC_CALL, TO_NOTHING, RETURN_THUNK)).isEqualTo(Verdict.UNDER_WAY);
        assertThat(jump(Kind.STATIC_CALL, TO_WRITE, RETURN_THUNK)).isEqualTo(Verdict.UNDER_WAY);
        assertThat(judge(Kind.STATIC_CALL, TO_ZERO, bytes(RETURN_ZERO))).isEqualTo(Verdict.LEGAL);
        assertThat(jump(Kind.STATIC_CALL, TO_ZERO, ZERO)).isEqualTo(Verdict.LEGAL);
        assertThat(judge(Kind.STATIC_CALL, TO_NOTHING, bytes(RETURN_ZERO))).isEqualTo(Verdict.UNDER_WAY);
    }

    @Test
    void trampolinesLeadToWhatTheKeyOfTheirNameNames() throws Exception {
        assertThat(jump(Kind.STATIC_CALL, TRAMPOLINE, WRITE)).isEqualTo(Verdict.LEGAL);
        assertThat(jump(Kind.STATIC_CALL, TRAMPOLINE, READ)).isEqualTo(Verdict.UNDER_WAY);
        assertThat(jump(Kind.STATIC_CALL, module.base() + 0x80, READ)).isEqualTo(Verdict.LEGAL);
        assertThat(jump(Kind.STATIC_CALL, LONELY_TRAMPOLINE, READ)).isEqualTo(Verdict.UNDER_WAY);
    }

    @Test
    void tracersCallFunctionsOfTheKernel() throws Exception {
        assertThat(judge(Kind.TRACER, UNTRACED, bytes("6666666690"))).isEqualTo(Verdict.LEGAL);
        assertThat(call(Kind.TRACER, UNTRACED, WRITE)).isEqualTo(Verdict.LEGAL);
        assertThat(call(Kind.TRACER, UNTRACED, WRITE + 1)).isEqualTo(Verdict.TAMPERED);
        assertThat(call(Kind.TRACER, UNTRACED, module.base() + 0x40)).isEqualTo(Verdict.TAMPERED);
    }
}
