package dev.plumbline.kernel;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// The kernel's type information, as documented in the kernel's `Documentation/bpf/btf.rst`: a header, then type
/// records, numbered from 1, then NUL-terminated names. A record is three 32-bit words (name offset; kind, flag and
/// count; size or type) and what its kind adds. A module's is split: numbers of types and offsets of names go on where
/// those of the kernel, its base, end.
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

    static final int INT = 1;
    static final int POINTER = 2;
    static final int ARRAY = 3;
    static final int STRUCT = 4;
    static final int UNION = 5;
    static final int ENUM = 6;
    static final int FORWARD = 7;
    static final int TYPEDEF = 8;
    static final int VOLATILE = 9;
    static final int CONST = 10;
    static final int RESTRICT = 11;
    static final int FUNCTION = 12;
    static final int PROTOTYPE = 13;
    static final int FLOAT = 16;
    static final int TYPE_TAG = 18;
    static final int ENUM64 = 19;
    /// Where in a record the words begin that its kind adds.
    static final int DETAIL = 3;

    private final Btf base;
    private final int baseTypes;
    private final long baseNames;
    private final Block section;
    private final long typesStart;
    private final long namesStart;
    private final long namesEnd;
    private final int[] offsets;
    private final Map<String, StructLayout> structs = new HashMap<>();
    private final Map<String, Long> constants = new HashMap<>();

    private Btf(Btf base, Block section, long typesStart, long namesStart, long namesEnd, int[] offsets) {
        this.base = base;
        this.baseTypes = base == null ? 0 : base.typeCount();
        this.baseNames = base == null ? 0 : base.namesEnd - base.namesStart;
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
        return parse(section, null);
    }

    /// Reads a BTF section that goes on where another ends.
    ///
    /// @param base the kernel's; `null` if this is it
    /// @throws KernelFormatException if the bytes are no BTF, with the address of what is wrong
    static Btf parse(Block section, Btf base) throws KernelFormatException {
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
        return new Btf(base, section, typesStart, namesStart, namesEnd, index(section, typesStart, typesEnd));
    }

    /// How many types there are, those of the base among them; they are numbered from 1 to this, inclusive.
    public int typeCount() {
        return baseTypes + offsets.length - 1;
    }

    /// The number of the first type that is not the base's.
    int firstType() {
        return baseTypes + 1;
    }

    /// The layout of a structure or union.
    ///
    /// @throws KernelFormatException if the kernel has no such structure
    public StructLayout struct(String name) throws KernelFormatException {
        StructLayout known = structs.get(name);
        for (int type = firstType(); known == null && type <= typeCount(); type++) {
            int kind = kind(type);
            if ((kind == STRUCT || kind == UNION) && nameIs(word(type, 0), name)) {
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
        Long known = constants.get(name);
        if (known == null) {
            known = findConstant(name);
            constants.put(name, known);
        }
        return known;
    }

    private long findConstant(String name) throws KernelFormatException {
        for (int type = firstType(); type <= typeCount(); type++) {
            int kind = kind(type);
            if (kind != ENUM && kind != ENUM64) {
                continue;
            }
            int words = kind == ENUM ? 2 : 3;
            for (int i = 0; i < count(type); i++) {
                int at = DETAIL + i * words;
                if (nameIs(word(type, at), name)) {
                    return kind == ENUM ? (int) word(type, at + 1) : word(type, at + 2) << 32 | word(type, at + 1);
                }
            }
        }
        throw section.malformed(0, "the kernel's type information has no constant " + name);
    }

    /// The structures asked for until now, by name.
    Map<String, StructLayout> askedFor() {
        return Map.copyOf(structs);
    }

    int kind(int type) throws KernelFormatException {
        return (int) (word(type, 1) >> 24) & 0x1f;
    }

    /// The flag: of a structure that offsets are packed with widths, of a forward declaration that it is a union's.
    boolean flag(int type) throws KernelFormatException {
        return word(type, 1) >> 31 != 0;
    }

    int count(int type) throws KernelFormatException {
        return (int) word(type, 1) & 0xffff;
    }

    /// The third word of the record: a size in bytes, or the type referred to.
    int sizeOrType(int type) throws KernelFormatException {
        return (int) word(type, 2);
    }

    /// A 32-bit word of a type's record, unsigned.
    ///
    /// @param index from 0; from [#DETAIL] on those that its kind adds
    long word(int type, int index) throws KernelFormatException {
        return type <= baseTypes && base != null ? base.word(type, index) : section.u32(record(type) + 4L * index);
    }

    /// A type's name; empty if it has none.
    String name(int type) throws KernelFormatException {
        return text(word(type, 0));
    }

    private String text(long nameOffset) throws KernelFormatException {
        if (base != null && nameOffset < baseNames) {
            return base.text(nameOffset);
        }
        long at = namesStart + nameOffset - baseNames;
        if (at >= namesEnd) {
            throw section.malformed(at, "a name outside the " + (namesEnd - namesStart) + " bytes of names");
        }
        return section.text(at, (int) Math.min(LONGEST_NAME, namesEnd - at));
    }

    boolean nameIs(long nameOffset, String name) throws KernelFormatException {
        if (base != null && nameOffset < baseNames) {
            return base.nameIs(nameOffset, name);
        }
        long at = namesStart + nameOffset - baseNames;
        int length = name.length();
        if (at + length >= namesEnd || section.u8(at + length) != 0) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (section.u8(at + i) != name.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    KernelFormatException malformed(int type, String problem) throws KernelFormatException {
        return type <= baseTypes && base != null
                ? base.malformed(type, problem)
                : section.malformed(record(type), problem);
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
                        throw malformed(resolved, "an array of " + elements + " elements");
                    }
                    resolved = resolve((int) word(resolved, DETAIL));
                }
                default -> throw malformed(resolved, "type " + type + " has no size");
            }
        }
        throw malformed(type, "an array of more than " + LONGEST_CHAIN + " dimensions");
    }

    /// How many elements an array type has; 1 for any other type.
    long elementCount(int type) throws KernelFormatException {
        int resolved = resolve(type);
        return kind(resolved) == ARRAY ? word(resolved, DETAIL + 2) : 1;
    }

    /// Where in the section a type's record begins.
    long record(int type) throws KernelFormatException {
        if (type <= baseTypes || type > typeCount()) {
            throw section.malformed(0, "type " + type + " is not among its " + typeCount() + " types");
        }
        return typesStart + offsets[type - baseTypes];
    }

    private static boolean isAlias(int kind) {
        return kind >= TYPEDEF && kind <= RESTRICT || kind == TYPE_TAG;
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
