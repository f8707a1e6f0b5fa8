package dev.plumbline.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.StructLayout.Member;
import dev.plumbline.machine.GuestException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

/// The symbol table and the type information of a real kernel, copied once and read over and over with bytes changed
/// that matter: counts, markers, tokens, offsets, records. Each reading must end soon, with an answer or with a
/// [GuestException] of one line; any other exception is the caller's to fail on.
public final class MutatedTables {
    private static final int MOST_CHANGES = 3;
    private static final int WORD = 4;
    private static final Duration SOON = Duration.ofSeconds(20);

    private final KernelMemory memory;
    private final KernelSymbols symbols;
    private final KernelImage image;
    private final Random random;
    private final Set<String> refusals = new TreeSet<>();
    private int same;
    private int different;
    private int refused;

    private MutatedTables(LinuxKernel kernel, Random random) {
        memory = new KernelMemory(kernel.addressSpace(), new ReadBudget());
        symbols = new KernelSymbols(kernel.coreSymbols());
        image = kernel.image();
        this.random = random;
    }

    /// How many readings found what the kernel really has, how many something else, and how many were given up.
    ///
    /// @param reasons why, with numbers left out
    public record Outcome(int same, int different, int refused, Set<String> reasons) {}

    private interface Reading {
        Object read() throws GuestException;
    }

    /// Reads kallsyms `rounds` times.
    public static Outcome kallsyms(LinuxKernel kernel, Random random, int rounds) throws GuestException {
        MutatedTables tables = new MutatedTables(kernel, random);
        tables.mutateKallsyms(rounds);
        return tables.outcome();
    }

    /// Reads the type information `rounds` times, and asks it for what was asked for in `kernel` until now.
    public static Outcome types(LinuxKernel kernel, Random random, int rounds) throws GuestException {
        MutatedTables tables = new MutatedTables(kernel, random);
        tables.mutateTypes(kernel.types(), rounds);
        return tables.outcome();
    }

    private Outcome outcome() {
        return new Outcome(same, different, refused, refusals);
    }

    private void mutateKallsyms(int rounds) throws GuestException {
        Block rodata =
                memory.between("read-only data", symbols.address("__start_rodata"), symbols.address("__end_rodata"));
        Kallsyms whole = new KallsymsFinder(rodata, image).find().orElseThrow();
        long start = Math.min(whole.names() - 8, whole.offsets()) & -4096;
        long end = Math.max(whole.tokenIndex() + 2L * Kallsyms.TOKENS, whole.offsets() + 4L * whole.count() + 16);
        Block part = memory.between("kallsyms", rodata.address() + start, rodata.address() + end);
        Kallsyms found = new KallsymsFinder(part, image).find().orElseThrow();
        Object pristine = expand(found);
        Mutator mutator = new Mutator(part.bytes(), random);
        for (int round = 0; round < rounds; round++) {
            for (int change = random.nextInt(MOST_CHANGES); change >= 0; change--) {
                changeSymbols(found, mutator);
            }
            // What the finder would refuse is expanded, too: it is not all that stands between memory and this.
            boolean isFound = random.nextBoolean();
            read(() -> expand(isFound ? found : find(part)), pristine, mutator);
        }
    }

    private void changeSymbols(Kallsyms kallsyms, Mutator mutator) {
        long markers = kallsyms.tokenTable() - WORD * ((kallsyms.count() + 255) / 256);
        long base = kallsyms.offsets() + ((long) WORD * kallsyms.count() + 7 & -8);
        switch (random.nextInt(8)) {
            case 0 -> mutator.change(kallsyms.names() - 8, kallsyms.names(), WORD);
            case 1 -> mutator.change(markers & -WORD, kallsyms.tokenTable() & -WORD, WORD);
            case 2 -> mutator.change(kallsyms.tokenTable(), kallsyms.tokenIndex(), 1);
            case 3 -> mutator.change(kallsyms.tokenIndex(), kallsyms.tokenIndex() + 2L * Kallsyms.TOKENS, 2);
            case 4, 5 -> mutator.change(kallsyms.offsets(), kallsyms.offsets() + (long) WORD * kallsyms.count(), WORD);
            case 6 -> mutator.change(base, base + 8, WORD);
            default -> mutator.change(kallsyms.names(), markers, 1);
        }
    }

    private Kallsyms find(Block part) throws GuestException {
        return new KallsymsFinder(part, image).find().orElseThrow(() -> new KernelFormatException("no kallsyms"));
    }

    // A few symbols stand for all, so that comparing costs less than reading.
    private static Object expand(Kallsyms kallsyms) throws GuestException {
        SymbolTableBuilder builder = new SymbolTableBuilder(kallsyms.count());
        kallsyms.addTo(builder);
        SymbolTable table = builder.build();
        int hash = 0;
        for (int symbol = 0; symbol < table.size(); symbol++) {
            hash = 31 * hash + Long.hashCode(table.address(symbol)) + table.type(symbol);
        }
        return List.of(table.size(), hash, table.find("_text"), table.find("no_such_symbol"), table.name(0));
    }

    private void mutateTypes(Btf pristine, int rounds) throws GuestException {
        long start = symbols.address("__start_BTF");
        Block section = memory.between("BTF", start, symbols.address("__stop_BTF"));
        List<Map.Entry<String, Map<String, Optional<Member>>>> used =
                new ArrayList<>(UsedTypes.of(pristine).entrySet());
        Mutator mutator = new Mutator(section.bytes(), random);
        for (int round = 0; round < rounds; round++) {
            var asked = used.get(random.nextInt(used.size()));
            for (int change = random.nextInt(MOST_CHANGES); change >= 0; change--) {
                changeTypes(pristine, asked.getKey(), section.size(), mutator);
            }
            read(() -> ask(section, asked.getKey(), asked.getValue().keySet()), asked.getValue(), mutator);
        }
    }

    private void changeTypes(Btf pristine, String structure, int sectionBytes, Mutator mutator) throws GuestException {
        int type = pristine.struct(structure).type();
        long record = pristine.record(type);
        switch (random.nextInt(6)) {
            case 0 -> mutator.change(0, 24, WORD);
            case 1 -> mutator.change(record, record + 12, WORD);
            case 2, 3 -> mutator.change(record + 12, record + 12 + 12L * pristine.count(type), WORD);
            default -> mutator.change(24, sectionBytes & -WORD, WORD);
        }
    }

    private static Object ask(Block section, String structure, Set<String> members) throws GuestException {
        Btf types = Btf.parse(section);
        StructLayout layout = types.struct(structure);
        for (String member : members) {
            layout.has(member);
        }
        return layout.askedFor();
    }

    private void read(Reading reading, Object pristine, Mutator mutator) {
        long start = System.nanoTime();
        try {
            if (reading.read().equals(pristine)) {
                same++;
            } else {
                different++;
            }
        } catch (GuestException e) {
            refused++;
            assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
            refusals.add(e.getMessage().replaceAll("0x[0-9a-f]+|-?\\d+", "N"));
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(SOON);
        mutator.restore();
    }
}
