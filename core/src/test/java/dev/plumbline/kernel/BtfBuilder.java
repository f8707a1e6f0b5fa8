package dev.plumbline.kernel;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Builds a BTF section as `Documentation/bpf/btf.rst` of the kernel describes it. Types are numbered from 1 in the
/// order they are added, or behind those of a base.
final class BtfBuilder {
    private static final int HEADER_BYTES = 24;

    private final Bytes types = new Bytes();
    private final Bytes names = new Bytes();
    private final Map<String, Integer> nameOffsets = new HashMap<>();
    private final int baseNames;
    private int count;

    BtfBuilder() {
        baseNames = 0;
        names.u8(0);
    }

    /// Goes on where a finished one ends, whose names it uses.
    BtfBuilder(BtfBuilder base) {
        baseNames = base.baseNames + base.names.size();
        nameOffsets.putAll(base.nameOffsets);
        count = base.count;
    }

    /// A member of a structure or union.
    ///
    /// @param bits how wide a bit field is, or 0
    record Member(String name, int type, int bitOffset, int bits) {
        static Member at(int byteOffset, String name, int type) {
            return new Member(name, type, byteOffset * 8, 0);
        }
    }

    int integer(String name, int sizeBytes) {
        int type = record(name, 1, 0, false, sizeBytes);
        types.u32(sizeBytes * 8L);
        return type;
    }

    int pointer(int target) {
        return record("", 2, 0, false, target);
    }

    int array(int element, int elements) {
        int type = record("", 3, 0, false, 0);
        types.u32(element).u32(1).u32(elements);
        return type;
    }

    int struct(String name, int sizeBytes, Member... members) {
        return composite(4, name, sizeBytes, members);
    }

    int union(String name, int sizeBytes, Member... members) {
        return composite(5, name, sizeBytes, members);
    }

    private int composite(int kind, String name, int sizeBytes, Member... members) {
        boolean bitFields = List.of(members).stream().anyMatch(member -> member.bits() != 0);
        int type = record(name, kind, members.length, bitFields, sizeBytes);
        for (Member member : members) {
            long packed = bitFields ? (long) member.bits() << 24 | member.bitOffset() : member.bitOffset();
            types.u32(name(member.name())).u32(member.type()).u32(packed);
        }
        return type;
    }

    /// An enumeration whose constants count up from `first`.
    int enumeration(String name, int first, String... constants) {
        int type = record(name, 6, constants.length, false, 4);
        for (int i = 0; i < constants.length; i++) {
            types.u32(name(constants[i])).u32(first + i);
        }
        return type;
    }

    int enumeration64(String name, LinkedHashMap<String, Long> constants) {
        int type = record(name, 19, constants.size(), false, 8);
        constants.forEach(
                (constant, value) -> types.u32(name(constant)).u32(value).u32(value >>> 32));
        return type;
    }

    int typedef(String name, int target) {
        return record(name, 8, 0, false, target);
    }

    int qualified(int target) {
        return record("", 10, 0, false, target);
    }

    /// A function and its prototype of one parameter, which take part in the numbering only.
    int function(String name) {
        int prototype = record("", 13, 1, false, 0);
        types.u32(0).u32(0);
        return record(name, 12, 0, false, prototype);
    }

    /// A function of a prototype.
    int function(String name, int prototype) {
        return record(name, 12, 0, false, prototype);
    }

    int prototype(int returned, int... parameters) {
        int type = record("", 13, parameters.length, false, returned);
        for (int parameter : parameters) {
            types.u32(name("parameter_" + parameter)).u32(parameter);
        }
        return type;
    }

    /// A structure that is only declared.
    int forward(String name) {
        return record(name, 7, 0, false, 0);
    }

    /// A type record with any words.
    int record(String name, int kind, int vlen, boolean flag, int sizeOrType) {
        types.u32(name(name))
                .u32((flag ? 1L << 31 : 0) | (long) kind << 24 | vlen)
                .u32(sizeOrType);
        return ++count;
    }

    int count() {
        return count;
    }

    byte[] build() {
        return new Bytes()
                .u16(0xeb9f)
                .u8(1)
                .u8(0)
                .u32(HEADER_BYTES)
                .u32(0)
                .u32(types.size())
                .u32(types.size())
                .u32(names.size())
                .raw(types.array())
                .raw(names.array())
                .array();
    }

    private int name(String name) {
        return name.isEmpty()
                ? 0
                : nameOffsets.computeIfAbsent(name, _ -> {
                    int offset = baseNames + names.size();
                    names.text(name);
                    return offset;
                });
    }
}
