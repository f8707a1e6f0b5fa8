package dev.plumbline.kernel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The kernel's type information, as documented in the kernel's `Documentation/bpf/btf.rst`: a header, then type
/// records, numbered from 1, then NUL-terminated names. A record is three 32-bit words (name offset; kind, flag and
/// count; size or type) and what its kind adds.
///
/// Answers what lies where in a structure; keeps the section's bytes and one offset per type. For one thread at a time.
public final class Btf {
    private static final int MAGIC = 0xeb9f;
    private static final int HEADER_BYTES = 24;
    /// Several times what the largest kernels have; keeps a made-up section from filling the heap.
    private static final int MOST_TYPES = 1_000_000;

    private static final int MOST_BYTES = 32 << 20;
    private static final long LARGEST_SIZE = 1L << 40;
    private static final int LONGEST_CHAIN = 32;
    /// KSYM_NAME_LEN of 6.1 and later.
    private static final int LONGEST_NAME = 512;

    private static final int INT = 1;
    private static final int POINTER = 2;
    private static final int ARRAY = 3;
    static final int STRUCT = 4;
    static final int UNION = 5;
    private static final int ENUM = 6;
    private static final int FUNCTION = 12;
    private static final int PROTOTYPE = 13;
    private static final int FLOAT = 16;
    private static final int ENUM64 = 19;

    private final Block section;
    private final long typesStart;
    private final long namesStart;
    private final long namesEnd;
    private final int[] offsets;
    private final Map<String, StructLayout> structs = new HashMap<>();

    private Btf(Block section, long typesStart, long namesStart, long namesEnd, int[] offsets) {
        this.section = section;
        this.typesStart = typesStart;
        this.namesStart = namesStart;
        this.namesEnd = namesEnd;
        this.offsets = offsets;
    }

    /// Reads a BTF section.
    ///
    /// @throws KernelFormatException if the bytes are no BTF, with the address of what is wrong
    static Btf parse(Block section) throws KernelFormatException {
        if (section.u16(0) != MAGIC) {
            throw section.malformed(0, "does not start with the BTF magic number");
        }
        if (section.u8(2) != 1) {
            throw section.malformed(2, "BTF version " + section.u8(2) + " is not known, only 1 is");
        }
        if (section.size() > MOST_BYTES) {
            throw section.malformed(0, section.size() + " bytes of type information are not credible");
        }
        long headerBytes = section.u32(4);
        long typesStart = headerBytes + section.u32(8);
        long typesEnd = typesStart + section.u32(12);
        long namesStart = headerBytes + section.u32(16);
        long namesEnd = namesStart + section.u32(20);
        if (headerBytes < HEADER_BYTES || typesEnd > section.size() || namesEnd > section.size()) {
            throw section.malformed(4, "its header points outside the section");
        }
        return new Btf(section, typesStart, namesStart, namesEnd, index(section, typesStart, typesEnd));
    }

    /// How many types there are; they are numbered from 1 to this, inclusive.
    public int typeCount() {
        return offsets.length - 1;
    }

    /// The layout of a structure or union.
    ///
    /// @throws KernelFormatException if the kernel has no such structure
    public StructLayout struct(String name) throws KernelFormatException {
        StructLayout known = structs.get(name);
        for (int type = 1; known == null && type < offsets.length; type++) {
            int kind = kind(type);
            if ((kind == STRUCT || kind == UNION) && isNamed(type, name)) {
                known = new StructLayout(this, name, type);
                structs.put(name, known);
            }
        }
        if (known == null) {
            throw section.malformed(0, "the kernel's type information has no struct " + name);
        }
        return known;
    }

    /// The value of an enumeration's constant.
    ///
    /// @throws KernelFormatException if there is none of that name
    public long constant(String name) throws KernelFormatException {
        for (int type = 1; type < offsets.length; type++) {
            int kind = kind(type);
            if (kind != ENUM && kind != ENUM64) {
                continue;
            }
            int recordBytes = kind == ENUM ? 8 : 12;
            for (int i = 0; i < count(type); i++) {
                long at = detail(type) + (long) i * recordBytes;
                if (nameIs(section.u32(at), name)) {
                    return kind == ENUM ? section.s32(at + 4) : section.s64(at + 4);
                }
            }
        }
        throw section.malformed(0, "the kernel's type information has no constant " + name);
    }

    /// The types of functions by name: numbers that are equal where a pointer to one can lead to the other, whatever
    /// the parameters are called. Several static functions may share a name.
    ///
    /// @throws KernelFormatException if the section makes no sense
    public Map<String, Set<Integer>> prototypes() throws KernelFormatException {
        Map<List<Integer>, Integer> numbers = new HashMap<>();
        Map<String, Set<Integer>> prototypes = new HashMap<>();
        for (int type = 1; type < offsets.length; type++) {
            if (kind(type) == FUNCTION) {
                String name = section.text(namesStart + section.u32(record(type)), LONGEST_NAME);
                int number = numbers.computeIfAbsent(signature(sizeOrType(type)), _ -> numbers.size());
                prototypes.computeIfAbsent(name, _ -> new HashSet<>(1)).add(number);
            }
        }
        return prototypes;
    }

    // What it returns and takes. Types have one number each, since the section holds none twice.
    private List<Integer> signature(int prototype) throws KernelFormatException {
        if (kind(prototype) != PROTOTYPE) {
            throw section.malformed(record(prototype), "the type of a function is of kind " + kind(prototype));
        }
        List<Integer> types = new ArrayList<>();
        types.add(sizeOrType(prototype));
        for (int i = 0; i < count(prototype); i++) {
            types.add(section.s32(detail(prototype) + 8L * i + 4));
        }
        return types;
    }

    /// The structures asked for until now, by name.
    Map<String, StructLayout> askedFor() {
        return Map.copyOf(structs);
    }

    int kind(int type) throws KernelFormatException {
        return section.u8(record(type) + 7) & 0x1f;
    }

    boolean bitOffsetsPacked(int type) throws KernelFormatException {
        return (section.u8(record(type) + 7) & 0x80) != 0;
    }

    int count(int type) throws KernelFormatException {
        return section.u16(record(type) + 4);
    }

    /// The third word of the record: a size in bytes, or the type referred to.
    int sizeOrType(int type) throws KernelFormatException {
        return section.s32(record(type) + 8);
    }

    /// Where the kind's own words start.
    long detail(int type) throws KernelFormatException {
        return record(type) + 12;
    }

    Block section() {
        return section;
    }

    boolean nameIs(long nameOffset, String name) throws KernelFormatException {
        long at = namesStart + nameOffset;
        int length = name.length();
        if (nameOffset < 0 || at + length >= namesEnd || section.u8(at + length) != 0) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (section.u8(at + i) != name.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    /// The type behind typedefs and qualifiers.
    int resolve(int type) throws KernelFormatException {
        int resolved = type;
        for (int i = 0; i < LONGEST_CHAIN; i++) {
            if (!isAlias(kind(resolved))) {
                return resolved;
            }
            resolved = sizeOrType(resolved);
        }
        throw section.malformed(0, "type " + type + " leads through more than " + LONGEST_CHAIN + " typedefs");
    }

    /// Size in bytes of a value of this type.
    long sizeBytes(int type) throws KernelFormatException {
        long elements = 1;
        int resolved = resolve(type);
        for (int i = 0; i < LONGEST_CHAIN; i++) {
            switch (kind(resolved)) {
                case INT, STRUCT, UNION, ENUM, ENUM64, FLOAT -> {
                    return elements * (sizeOrType(resolved) & 0xffff_ffffL);
                }
                case POINTER -> {
                    return elements * 8;
                }
                case ARRAY -> {
                    elements *= elementCount(resolved);
                    if (elements > LARGEST_SIZE) {
                        throw section.malformed(record(resolved), "an array of " + elements + " elements");
                    }
                    resolved = resolve(section.s32(detail(resolved)));
                }
                default -> throw section.malformed(record(resolved), "type " + type + " has no size");
            }
        }
        throw section.malformed(record(type), "an array of more than " + LONGEST_CHAIN + " dimensions");
    }

    /// How many elements an array type has; 1 for any other type.
    long elementCount(int type) throws KernelFormatException {
        int resolved = resolve(type);
        return kind(resolved) == ARRAY ? section.u32(detail(resolved) + 8) : 1;
    }

    private boolean isNamed(int type, String name) throws KernelFormatException {
        return nameIs(section.u32(record(type)), name);
    }

    private long record(int type) throws KernelFormatException {
        if (type < 1 || type >= offsets.length) {
            throw section.malformed(0, "type " + type + " is not among its " + typeCount() + " types");
        }
        return typesStart + offsets[type];
    }

    // typedef, volatile, const, restrict, type tag
    private static boolean isAlias(int kind) {
        return kind >= 8 && kind <= 11 || kind == 18;
    }

    private static int[] index(Block section, long start, long end) throws KernelFormatException {
        int[] offsets = new int[1 << 16];
        int count = 1;
        for (long at = start; at < end; ) {
            if (count == MOST_TYPES) {
                throw section.malformed(at, "more than " + MOST_TYPES + " types");
            }
            if (count == offsets.length) {
                offsets = Arrays.copyOf(offsets, count * 2);
            }
            offsets[count++] = (int) (at - start);
            at += recordBytes(section, at);
        }
        return Arrays.copyOf(offsets, count);
    }

    private static int recordBytes(Block section, long at) throws KernelFormatException {
        int count = section.u16(at + 4);
        int kind = section.u8(at + 7) & 0x1f;
        return 12
                + switch (kind) {
                    case 1, 14, 17 -> 4;
                    case 2, 7, 8, 9, 10, 11, 12, 16, 18 -> 0;
                    case ARRAY -> 12;
                    case STRUCT, UNION, 15, ENUM64 -> 12 * count;
                    case ENUM, 13 -> 8 * count;
                    default -> throw section.malformed(at, "BTF kind " + kind + " is not known");
                };
    }
}
