package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.kernel.BtfBuilder.Member;
import dev.plumbline.machine.GuestException;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class TypeNumbersTest {
    private static final long SEED = 20_261_126;
    private static final int VOLATILE = 9;
    private static final int CONST = 10;
    private static final int RESTRICT = 11;
    private static final int TYPE_TAG = 18;

    private final BtfBuilder builder = new BtfBuilder();
    private final int number = builder.integer("int", 4);
    private final int other = builder.integer("unsigned int", 4);
    private final int file = builder.struct("file", 8, Member.at(0, "mode", number));
    private final int toFile = builder.pointer(file);

    private void function(String name, int returned, int... parameters) {
        builder.function(name, builder.prototype(returned, parameters));
    }

    private Map<String, Set<Integer>> read() throws GuestException {
        return new TypeNumbers().ofKernel(parse());
    }

    private Btf parse() throws GuestException {
        return Btf.parse(new Block("BTF", 0x1000, builder.build()));
    }

    @Test
    void functionsThatReturnAndTakeTheSameAreOfOneType() throws GuestException {
        function("open", number, toFile, other);
        function("close", number, builder.pointer(file), other);
        function("swapped", number, other, toFile);
        function("returning", other, toFile, other);
        function("shorter", number, toFile);
        function("variable", number, toFile, other, 0);
        function("nothing", 0);
        function("nothing_else", 0);
        Map<String, Set<Integer>> types = read();

        assertThat(types.get("open")).hasSize(1).isEqualTo(types.get("close"));
        assertThat(types.get("nothing")).isEqualTo(types.get("nothing_else"));
        assertThat(types.values().stream().distinct()).hasSize(6);
    }

    @Test
    void staticFunctionsMayShareAName() throws GuestException {
        function("init", number);
        function("init", 0);
        function("init", number);

        assertThat(read().get("init")).hasSize(2);
    }

    @Test
    void namesAndQualifiersThatChangeNothingAreLookedThrough() throws GuestException {
        function("plain", number, toFile, other);
        int named = builder.typedef("u32", builder.typedef("__u32", other));
        function("named", builder.typedef("err_t", number), builder.typedef("file_p", toFile), named);
        int constant = builder.record("", CONST, 0, false, builder.record("", VOLATILE, 0, false, toFile));
        function("qualified", number, constant, builder.typedef("c_t", builder.record("", CONST, 0, false, other)));
        int tagged = builder.pointer(builder.record("user", TYPE_TAG, 0, false, file));
        function("tagged", number, builder.record("", RESTRICT, 0, false, tagged), other);
        function("declared", number, builder.pointer(builder.forward("file")), other);
        int again = builder.struct("file", 16, Member.at(8, "mode", number));
        function("again", number, builder.pointer(again), other);
        Map<String, Set<Integer>> types = read();

        assertThat(types).hasSize(6);
        assertThat(types.values().stream().distinct()).hasSize(1);
    }

    @Test
    void whatAPointerLeadsToCounts() throws GuestException {
        int[] different = {
            toFile,
            builder.pointer(builder.record("", CONST, 0, false, file)),
            builder.pointer(builder.record("", VOLATILE, 0, false, file)),
            builder.pointer(toFile),
            builder.pointer(builder.struct("inode", 8)),
            builder.pointer(builder.union("file", 8)),
            builder.pointer(builder.enumeration("file", 0, "A")),
            builder.pointer(builder.struct("", 8)),
            builder.pointer(builder.typedef("lock_t", builder.struct("", 8))),
            builder.pointer(builder.array(file, 3)),
            builder.pointer(builder.array(file, 4)),
            builder.pointer(builder.prototype(number, toFile)),
            builder.pointer(builder.prototype(number, number)),
            builder.pointer(0)
        };
        for (int i = 0; i < different.length; i++) {
            function("f" + i, number, different[i]);
        }
        Map<String, Set<Integer>> types = read();

        assertThat(types.values().stream().distinct()).hasSize(different.length);
    }

    @Test
    void aModulesFunctionsAreComparedWithTheKernels() throws GuestException {
        function("open", number, toFile);
        function("seek", number, other);
        BtfBuilder module = new BtfBuilder(builder);
        int fileAgain = module.struct("file", 8, Member.at(0, "mode", number));
        int own = module.struct("own", 8);
        module.function("own_open", module.prototype(number, module.pointer(fileAgain)));
        module.function("own_seek", module.prototype(number, other));
        module.function("own_own", module.prototype(number, module.pointer(own)));
        BtfBuilder second = new BtfBuilder(builder);
        second.function("second_own", second.prototype(number, second.pointer(second.struct("own", 8))));
        TypeNumbers numbers = new TypeNumbers();
        Btf base = parse();
        Map<String, Set<Integer>> kernel = numbers.ofKernel(base);
        Map<String, Set<Integer>> first = numbers.ofModule(Btf.parse(new Block("BTF", 0x2000, module.build()), base));
        Map<String, Set<Integer>> after = numbers.ofModule(Btf.parse(new Block("BTF", 0x3000, second.build()), base));

        assertThat(first.keySet()).containsExactlyInAnyOrder("own_open", "own_seek", "own_own");
        assertThat(first.get("own_open")).isEqualTo(kernel.get("open"));
        assertThat(first.get("own_seek")).isEqualTo(kernel.get("seek"));
        assertThat(first.get("own_own")).isEqualTo(after.get("second_own"));
        assertThat(kernel).doesNotContainValue(first.get("own_own"));
    }

    @Test
    void typesThatContainThemselvesAreRefused() {
        int loop = builder.count() + 1;
        builder.pointer(loop);
        function("loop", number, loop);

        assertThatThrownBy(this::read)
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("a type of more than 64 parts");
    }

    @Test
    void typedefsThatLeadToThemselvesAreRefused() {
        int loop = builder.count() + 1;
        builder.typedef("loop", loop);
        function("loop", number, loop);

        assertThatThrownBy(this::read).isInstanceOf(KernelFormatException.class);
    }

    @Test
    void functionsWithoutAPrototypeAreRefused() {
        builder.function("odd", number);
        assertThatThrownBy(this::read)
                .isInstanceOf(KernelFormatException.class)
                .hasMessageContaining("the type of a function is of kind 1");
    }

    @Test
    void prototypesThatLeadToEachOtherAgainAndAgainEndSoon() throws GuestException {
        int last = builder.prototype(number);
        for (int i = 0; i < 20; i++) {
            int[] parameters = new int[60];
            Arrays.fill(parameters, builder.pointer(last));
            last = builder.prototype(number, parameters);
        }
        builder.function("deep", last);

        assertThat(read().get("deep")).hasSize(1);
    }

    @Test
    void mutatedSectionsGiveAnAnswerOrAKernelFormatException() throws GuestException {
        function("open", number, toFile, builder.typedef("u32", other));
        function("call", number, builder.pointer(builder.prototype(number, builder.array(file, 3))));
        Btf base = parse();
        BtfBuilder module = new BtfBuilder(builder);
        int own = module.pointer(module.struct("own", 8, Member.at(0, "mode", number)));
        for (int i = 0; i < 10; i++) {
            module.function("own" + i, module.prototype(own, toFile, i));
        }
        byte[] pristine = module.build();
        Random random = new Random(SEED);
        int answers = 0;
        int refusals = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = pristine.clone();
            for (int change = random.nextInt(4); change >= 0; change--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            TypeNumbers numbers = new TypeNumbers();
            numbers.ofKernel(base);
            try {
                numbers.ofModule(Btf.parse(new Block("BTF", 0, bytes), base));
                answers++;
            } catch (KernelFormatException e) {
                assertThat(e.getMessage()).as("seed %d, round %d", SEED, i).isNotBlank();
                refusals++;
            }
        }
        assertThat(answers).isGreaterThan(1000);
        assertThat(refusals).isGreaterThan(1000);
    }
}
