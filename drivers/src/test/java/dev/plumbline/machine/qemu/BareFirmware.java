package dev.plumbline.machine.qemu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/// Firmware that takes a PC from its reset vector to 64-bit mode in a few microseconds and then runs one small
/// loop in RAM, instead of a kernel. What else is in memory is put there by QEMU's loader devices.
///
/// - page tables at [#TABLES]: the first GiB at virtual 0 and at [#KERNEL], in pages of 2 MiB
/// - the loop at [#LOOP]: it stores the number in its first instruction to [#VALUE] and counts its rounds at [#ROUNDS]
final class BareFirmware {
    static final long TABLES = 0x1000;
    static final long LOOP = 0x10_0000;
    static final long VALUE = 0x20_0000;
    static final long ROUNDS = 0x20_0008;
    static final long KERNEL = 0xffff_ffff_8000_0000L;

    /// What the loop stores until its code is changed.
    static final int FIRST_VALUE = 0x1111_1111;

    private static final int SIZE = 0x1_0000;
    private static final int RESET_VECTOR = 0xfff0;

    /// The ROM ends at 4 GiB; here is the copy of it that the page tables map.
    private static final long BASE = 0xf_0000;

    private static final int PROTECTED = 0x100;
    private static final int LONG = 0x180;
    private static final int GDT = 0x200;
    private static final int GDT_POINTER = 0x240;

    private BareFirmware() {}

    /// The contents of the ROM that ends at 4 GiB.
    static byte[] rom() {
        ByteBuffer rom = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
        put(rom, RESET_VECTOR, "e9 0d 00"); // jmp 0x0000, wrapping around the segment
        put(
                rom,
                0,
                "fa" // cli
                        + "2e 66 0f 01 16 40 02" // lgdtl %cs:GDT_POINTER
                        + "0f 20 c0 0c 01 0f 22 c0" // mov %cr0,%eax; or $1,%al; mov %eax,%cr0
                        + "66 ea" + le32(BASE + PROTECTED) + "08 00"); // ljmpl $8,PROTECTED
        put(
                rom,
                PROTECTED,
                "66 b8 10 00 8e d8 8e c0 8e d0" // mov $0x10,%ax; to %ds, %es, %ss
                        + "bc 00 80 00 00" // mov $0x8000,%esp
                        + "0f 20 e0 83 c8 20 0f 22 e0" // mov %cr4,%eax; or $PAE,%eax; mov %eax,%cr4
                        + "b8" + le32(TABLES) + "0f 22 d8" // mov $TABLES,%eax; mov %eax,%cr3
                        + "b9 80 00 00 c0 0f 32 0d 00 01 00 00 0f 30" // EFER |= LME
                        + "0f 20 c0 0d 00 00 00 80 0f 22 c0" // CR0 |= PG
                        + "ea" + le32(BASE + LONG) + "18 00"); // ljmp $0x18,LONG
        put(rom, LONG, "48 b8" + le64(KERNEL + LOOP) + "ff e0"); // mov $LOOP,%rax; jmp *%rax
        rom.putLong(GDT + 8, 0x00cf_9b00_0000_ffffL).putLong(GDT + 16, 0x00cf_9300_0000_ffffL);
        rom.putLong(GDT + 24, 0x00af_9b00_0000_ffffL);
        rom.putShort(GDT_POINTER, (short) 31).putInt(GDT_POINTER + 2, (int) (BASE + GDT));
        return rom.array();
    }

    /// What is to be at [#TABLES].
    static byte[] tables() {
        ByteBuffer tables = ByteBuffer.allocate(3 * 4096).order(ByteOrder.LITTLE_ENDIAN);
        tables.putLong(0, TABLES + 0x1003).putLong(511 * 8, TABLES + 0x1003);
        tables.putLong(4096, TABLES + 0x2003).putLong(4096 + 510 * 8, TABLES + 0x2003);
        for (int page = 0; page < 512; page++) {
            tables.putLong(2 * 4096 + page * 8, (long) page << 21 | 0x83);
        }
        return tables.array();
    }

    /// What is to be at [#LOOP].
    static byte[] loop() {
        return HexFormat.of()
                .parseHex(("b8" + le32(FIRST_VALUE) // mov $FIRST_VALUE,%eax
                                + "89 04 25" + le32(VALUE) // mov %eax,VALUE
                                + "48 ff 04 25" + le32(ROUNDS) // incq ROUNDS
                                + "eb ea") // jmp to the first
                        .replace(" ", ""));
    }

    private static void put(ByteBuffer rom, int at, String code) {
        rom.put(at, HexFormat.of().parseHex(code.replace(" ", "")));
    }

    private static String le32(long value) {
        return HexFormat.of().toHexDigits(Integer.reverseBytes((int) value));
    }

    private static String le64(long value) {
        return HexFormat.of().toHexDigits(Long.reverseBytes(value));
    }
}
