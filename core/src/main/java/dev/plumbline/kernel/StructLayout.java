package dev.plumbline.kernel;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Where the members of one kernel structure lie. Members of anonymous inner structures and unions count as the
/// structure's own, as in C. For one thread at a time.
public final class StructLayout {
    private static final int DEEPEST_NESTING = 16;
    private static final int MEMBER_WORDS = 3;
    /// Members looked at for one path; the largest structures have a few hundred.
    private static final int MOST_VISITS = 200_000;

    /// More than any structure that is read; a member that lies further out was made up.
    private static final long MOST_BYTES = 1 << 20;

    private final Btf btf;
    private final String name;
    private final int type;
    private final Map<String, Optional<Member>> members = new HashMap<>();
    private int visits;

    StructLayout(Btf btf, String name, int type) {
        this.btf = btf;
        this.name = name;
        this.type = type;
    }

    /// A member: where it starts and how long it is, both in bytes.
    ///
    /// @param offset from the start of the outermost structure
    /// @param sizeBytes the whole member's size
    /// @param elementCount how many elements it has if it is an array, else 1
    public record Member(long offset, long sizeBytes, long elementCount) {}

    /// The structure's size.
    public long sizeBytes() throws KernelFormatException {
        long size = btf.sizeBytes(type);
        if (size > MOST_BYTES) {
            throw new KernelFormatException("the kernel's struct " + name + " of " + size + " bytes is not credible");
        }
        return size;
    }

    /// Whether there is such a member.
    ///
    /// @param path member names, with dots between them for members of members
    public boolean has(String path) throws KernelFormatException {
        return lookUp(path).isPresent();
    }

    /// Where a member lies, in bytes from the start of the structure.
    ///
    /// @param path as in [#has]
    /// @throws KernelFormatException if there is no such member
    public long offset(String path) throws KernelFormatException {
        return member(path).offset();
    }

    /// A member's place and size.
    ///
    /// @param path as in [#has]
    /// @throws KernelFormatException if there is no such member
    public Member member(String path) throws KernelFormatException {
        return lookUp(path)
                .orElseThrow(() -> new KernelFormatException("the kernel's struct " + name + " has no member " + path
                        + "; this kernel's layout is not known to Plumbline yet"));
    }

    /// The number of its type.
    int type() {
        return type;
    }

    /// The members asked for until now, by path; empty for those that are not there.
    Map<String, Optional<Member>> askedFor() {
        return Map.copyOf(members);
    }

    private Optional<Member> lookUp(String path) throws KernelFormatException {
        Optional<Member> known = members.get(path);
        if (known == null) {
            Found found = locate(path);
            known = found == null ? Optional.empty() : Optional.of(measure(path, found));
            members.put(path, known);
        }
        return known;
    }

    private Member measure(String path, Found found) throws KernelFormatException {
        long size = btf.sizeBytes(found.type());
        if (found.offset() + size > MOST_BYTES) {
            throw new KernelFormatException("the kernel's struct " + name + " has its member " + path + " at byte "
                    + found.offset() + " with " + size + " bytes, which is not credible");
        }
        return new Member(found.offset(), size, btf.elementCount(found.type()));
    }

    private record Found(long offset, int type) {}

    private Found locate(String path) throws KernelFormatException {
        visits = 0;
        Found at = new Found(0, type);
        for (String part : path.split("\\.")) {
            Found next = find(part, btf.resolve(at.type()), DEEPEST_NESTING);
            if (next == null) {
                return null;
            }
            at = new Found(at.offset() + next.offset(), next.type());
        }
        return at;
    }

    private Found find(String member, int structure, int depthLeft) throws KernelFormatException {
        int kind = btf.kind(structure);
        if (depthLeft == 0 || kind != Btf.STRUCT && kind != Btf.UNION) {
            return null;
        }
        for (int i = 0; i < btf.count(structure); i++) {
            if (++visits > MOST_VISITS) {
                throw btf.malformed(structure, "struct " + name + " contains itself");
            }
            int at = Btf.DETAIL + i * MEMBER_WORDS;
            long memberName = btf.word(structure, at);
            int memberType = (int) btf.word(structure, at + 1);
            long bits = btf.word(structure, at + 2);
            long offset = (btf.flag(structure) ? bits & 0xff_ffff : bits) / 8;
            if (memberName != 0 && btf.nameIs(memberName, member)) {
                return new Found(offset, memberType);
            }
            Found inner = btf.nameIs(memberName, "") ? find(member, btf.resolve(memberType), depthLeft - 1) : null;
            if (inner != null) {
                return new Found(offset + inner.offset(), inner.type());
            }
        }
        return null;
    }
}
