package dev.plumbline.callgraph;

import dev.plumbline.kernel.PatchPlaces;
import dev.plumbline.x86.BranchOperand;
import java.util.Arrays;
import java.util.Optional;

/// Indirect sites, ascending by address, as parallel arrays: grown while code is scanned, then frozen by its owner.
final class IndirectTable {
    // The form of a site: a register's number or one of these two, and flags.
    private static final int AT_ADDRESS = 16;
    private static final int IN_MEMORY = 17;
    private static final int OPERAND_BITS = 31;
    private static final int VIA_THUNK = 32;
    private static final int CALL = 64;

    private long[] sites;
    private long[] pointers;
    private byte[] forms;
    private byte[] patched = new byte[0];
    private int count;

    IndirectTable(int capacity) {
        sites = new long[capacity];
        pointers = new long[capacity];
        forms = new byte[capacity];
    }

    void add(long site, boolean isCall, BranchOperand operand) {
        switch (operand) {
            case BranchOperand.InRegister(int number) -> add(site, isCall, number, 0);
            case BranchOperand.AtAddress(long pointer) -> add(site, isCall, AT_ADDRESS, pointer);
            case BranchOperand.InMemory() -> add(site, isCall, IN_MEMORY, 0);
        }
    }

    void addThunk(long site, boolean isCall, int register) {
        add(site, isCall, register | VIA_THUNK, 0);
    }

    private void add(long site, boolean isCall, int form, long pointer) {
        if (count == sites.length) {
            int capacity = count * 2 + 16;
            sites = Arrays.copyOf(sites, capacity);
            pointers = Arrays.copyOf(pointers, capacity);
            forms = Arrays.copyOf(forms, capacity);
        }
        sites[count] = site;
        pointers[count] = pointer;
        forms[count++] = (byte) (form | (isCall ? CALL : 0));
    }

    void addAll(IndirectTable other) {
        System.arraycopy(other.sites, 0, sites, count, other.count);
        System.arraycopy(other.pointers, 0, pointers, count, other.count);
        System.arraycopy(other.forms, 0, forms, count, other.count);
        count += other.count;
    }

    void markPatched(PatchPlaces places) {
        patched = PatchMarks.of(sites, count, places);
    }

    int count() {
        return count;
    }

    long site(int index) {
        return sites[index];
    }

    boolean isCall(int index) {
        return (forms[index] & CALL) != 0;
    }

    boolean isViaThunk(int index) {
        return (forms[index] & VIA_THUNK) != 0;
    }

    BranchOperand operand(int index) {
        int operand = forms[index] & OPERAND_BITS;
        return switch (operand) {
            case AT_ADDRESS -> new BranchOperand.AtAddress(pointers[index]);
            case IN_MEMORY -> new BranchOperand.InMemory();
            default -> new BranchOperand.InRegister(operand);
        };
    }

    Optional<PatchPlaces.Kind> patched(int index) {
        return PatchMarks.kind(patched[index]);
    }
}
