package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.BtfBuilder.Member;
import dev.plumbline.machine.GuestException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class BtfTest {
    private static final long SEED = 4711;

    private final BtfBuilder builder = new BtfBuilder();
    private final int u32 = builder.integer("unsigned int", 4);
    private final int pointer = builder.pointer(0);

    @Test
    void membersAreFoundThroughNamelessStructuresUnionsAndQualifiers() throws GuestException {
        int inner = builder.struct("", 8, Member.at(0, "low", u32), Member.at(4, "high", builder.qualified(u32)));
        int union = builder.union("", 8, Member.at(0, "whole", pointer), Member.at(0, "", inner));
        int list = builder.struct("list_head", 16, Member.at(0, "next", pointer), Member.at(8, "prev", pointer));
        int named = builder.typedef("list_t", builder.typedef("list_t2", list));
        builder.struct("thing", 64, Member.at(8, "", union), Member.at(24, "link", named));
        StructLayout thing = parse().struct("thing");

        assertThat(thing.sizeBytes()).isEqualTo(64);
        assertThat(thing.offset("low")).isEqualTo(8);
        assertThat(thing.offset("high")).isEqualTo(12);
        assertThat(thing.offset("whole")).isEqualTo(8);
        assertThat(thing.offset("link.prev")).isEqualTo(32);
        assertThat(thing.member("link")).isEqualTo(new StructLayout.Member(24, 16, 1));
        assertThat(thing.has("link.prev")).isTrue();
        assertThat(thing.has("prev")).isFalse();
        assertThat(thing.has("link.prev.prev")).isFalse();
        assertThatThrownBy(() -> thing.offset("missing"))
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("struct thing has no member missing");
    }

    @Test
    void arraysKnowTheirElements() throws GuestException {
        int row = builder.array(u32, 3);
        builder.struct("grid", 100, Member.at(4, "cells", builder.typedef("grid_t", builder.array(row, 5))));
        builder.struct("empty", 0, Member.at(0, "none", builder.array(u32, 0)));
        Btf btf = parse();

        assertThat(btf.struct("grid").member("cells")).isEqualTo(new StructLayout.Member(4, 60, 5));
        assertThat(btf.struct("empty").member("none")).isEqualTo(new StructLayout.Member(0, 0, 0));
    }

    @Test
    void bitFieldsDoNotShiftWhatFollows() throws GuestException {
        builder.struct(
                "flags",
                12,
                new Member("first", u32, 0, 3),
                new Member("second", u32, 3, 7),
                Member.at(8, "number", u32));
        StructLayout flags = parse().struct("flags");

        assertThat(flags.offset("number")).isEqualTo(8);
        assertThat(flags.offset("second")).isZero();
    }

    @Test
    void constantsAreFoundInEnumerationsOfBothSizes() throws GuestException {
        builder.enumeration("states", -1, "BEFORE", "ZERO", "ONE");
        LinkedHashMap<String, Long> wide = new LinkedHashMap<>();
        wide.put("WIDE", 7L);
        wide.put("WIDER", 1L << 40 | 9);
        builder.enumeration64("wide", wide);
        Btf btf = parse();

        assertThat(btf.constant("BEFORE")).isEqualTo(-1);
        assertThat(btf.constant("ONE")).isEqualTo(1);
        assertThat(btf.constant("WIDE")).isEqualTo(7);
        assertThat(btf.constant("WIDER")).isEqualTo(1L << 40 | 9);
        assertThatThrownBy(() -> btf.constant("NONE")).hasMessageContaining("no constant NONE");
    }

    @Test
    void everyKindIsSteppedOver() throws GuestException {
        builder.function("start_kernel");
        for (int kind : new int[] {2, 7, 8, 9, 10, 11, 12, 16, 18}) {
            builder.record("kind" + kind, kind, 0, false, u32);
        }
        builder.struct("last", 4, Member.at(0, "member", u32));

        assertThat(parse().typeCount()).isEqualTo(builder.count());
        assertThat(parse().struct("last").offset("member")).isZero();
        assertThatThrownBy(() -> parse().struct("kind7")).hasMessageContaining("no struct kind7");
    }

    @Test
    void aKindNotKnownIsNamed() {
        builder.record("new", 25, 0, false, 0);
        assertThatThrownBy(this::parse).hasMessageContaining("BTF kind 25 is not known");
    }

    @Test
    void aSplitSectionGoesOnWhereItsBaseEnds() throws GuestException {
        int inner = builder.struct("inner", 8, Member.at(0, "low", u32), Member.at(4, "high", u32));
        BtfBuilder module = new BtfBuilder(builder);
        int list = module.struct("own", 16, Member.at(0, "next", pointer), Member.at(8, "inner", inner));
        module.struct("outer", 40, Member.at(8, "", list), Member.at(32, "low", u32));
        module.enumeration("own_states", 7, "OWN");
        Btf base = parse();
        Btf split = Btf.parse(new Block("BTF", 0x2000, module.build()), base);

        assertThat(split.firstType()).isEqualTo(base.typeCount() + 1);
        assertThat(split.typeCount()).isEqualTo(module.count());
        assertThat(split.struct("outer").member("inner.high")).isEqualTo(new StructLayout.Member(20, 4, 1));
        assertThat(split.struct("outer").offset("low")).isEqualTo(32);
        assertThat(split.name(inner)).isEqualTo("inner");
        assertThat(split.name(list)).isEqualTo("own");
        assertThat(split.constant("OWN")).isEqualTo(7);
        assertThatThrownBy(() -> split.struct("inner")).hasMessageContaining("no struct inner");
        assertThatThrownBy(() -> split.kind(module.count() + 1)).hasMessageContaining("not among its");
        assertThatThrownBy(() -> base.kind(list)).hasMessageContaining("not among its");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 4, 8, 12, 16, 20})
    void aHeaderThatMakesNoSenseIsRefused(int at) {
        byte[] bytes = builder.build();
        Arrays.fill(bytes, at, at + (at < 4 ? 1 : 4), (byte) 0x7f);

        assertThatThrownBy(() -> Btf.parse(new Block("BTF", 0x1000, bytes)))
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("BTF at 0x");
    }

    @Test
    void typesThatContainThemselvesEnd() throws GuestException {
        int self = builder.count() + 1;
        Member[] members = new Member[60];
        Arrays.fill(members, Member.at(0, "", self));
        builder.union("self", 8, members);
        int loop = builder.count() + 1;
        builder.typedef("loop", loop);
        builder.struct("looped", 8, Member.at(0, "member", loop));
        Btf btf = parse();

        assertThatThrownBy(() -> btf.struct("self").offset("member")).hasMessageContaining("contains itself");
        assertThatThrownBy(() -> btf.struct("looped").offset("member")).hasMessageContaining("typedefs");
    }

    @Test
    void sizesBeyondMeasureAreRefused() throws GuestException {
        int huge = u32;
        for (int i = 0; i < 8; i++) {
            huge = builder.array(huge, 0x7fff_ffff);
        }
        builder.struct("huge", 0x7fff_ffff, Member.at(0, "member", huge), Member.at(0x0800_0000, "far", u32));
        StructLayout layout = parse().struct("huge");

        assertThatThrownBy(() -> layout.member("member")).hasMessageContaining("an array of");
        assertThatThrownBy(() -> layout.offset("far")).hasMessageContaining("not credible");
        assertThatThrownBy(layout::sizeBytes).hasMessageContaining("not credible");
    }

    @Test
    void mutatedSectionsGiveAnAnswerOrAKernelFormatException() {
        byte[] pristine = new FakeTypes(true).build();
        Random random = new Random(SEED);
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = pristine.clone();
            for (int change = random.nextInt(4); change >= 0; change--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            try {
                Btf btf = Btf.parse(new Block("BTF", 0, bytes));
                btf.struct("task_struct").member("pid");
                btf.struct("module").member("mem");
                btf.constant("MODULE_STATE_UNFORMED");
            } catch (KernelFormatException e) {
                assertThat(e.getMessage()).as("seed %d, round %d", SEED, i).isNotBlank();
            }
        }
    }

    private Btf parse() throws KernelFormatException {
        return Btf.parse(new Block("BTF", 0x1000, builder.build()));
    }
}
