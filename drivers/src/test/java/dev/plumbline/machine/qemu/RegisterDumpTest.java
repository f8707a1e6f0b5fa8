package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuRegisters;
import org.junit.jupiter.api.Test;

class RegisterDumpTest {
    private static final String LONG_MODE = """

            CPU#0
            RAX=0000000000000001 RBX=0000000000000004 RCX=0000000000000002 RDX=0000000000000003
            RSI=0000000000000007 RDI=0000000000000008 RBP=0000000000000006 RSP=ffffffff82803e68
            R8 =0000000000000009 R9 =000000000000000a R10=000000000000000b R11=000000000000000c
            R12=000000000000000d R13=000000000000000e R14=000000000000000f R15=0000000000000010
            RIP=ffffffff81c2c5fb RFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=1
            ES =0000 0000000000000000 ffffffff 00000000
            CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]
            SS =0018 0000000000000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
            DS =0000 0000000000000000 ffffffff 00000000
            FS =0000 00007f0000001000 ffffffff 00000000
            GS =0000 ffff88803ec00000 ffffffff 00000000
            LDT=0000 0000000000000000 00000000 00008200 DPL=0 LDT
            TR =0040 fffffe0000003000 00004087 00008900 DPL=0 TSS64-avl
            GDT=     fffffe0000001000 0000007f
            IDT=     fffffe0000000000 00000fff
            CR0=80050033 CR2=00007f5a36c3d000 CR3=000000000280a000 CR4=000016f0
            DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000
            EFER=0000000000000d01
            """;

    @Test
    void sixtyFourBitRegistersAreInTheOrderOfTheEncoding() throws GuestException {
        VcpuRegisters registers = RegisterDump.parse(LONG_MODE);

        assertThat(registers.general())
                .containsExactly(1, 2, 3, 4, 0xffff_ffff_8280_3e68L, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
        assertThat(registers.rip()).isEqualTo(0xffff_ffff_81c2_c5fbL);
        assertThat(registers.rflags()).isEqualTo(0x246);
        assertThat(registers.cpl()).isEqualTo(3);
        assertThat(registers.fsBase()).isEqualTo(0x7f00_0000_1000L);
        assertThat(registers.gsBase()).isEqualTo(0xffff_8880_3ec0_0000L);
        assertThat(registers.cr0()).isEqualTo(0x8005_0033L);
        assertThat(registers.cr2()).isEqualTo(0x7f5a_36c3_d000L);
        assertThat(registers.cr3()).isEqualTo(0x280_a000L);
        assertThat(registers.cr4()).isEqualTo(0x16f0);
        assertThat(registers.gdtBase()).isEqualTo(0xffff_fe00_0000_1000L);
        assertThat(registers.idtBase()).isEqualTo(0xffff_fe00_0000_0000L);
        assertThat(registers.pagingLevels()).isEqualTo(5);
    }

    @Test
    void aMissingRegisterIsNamed() {
        for (String name : new String[] {"RAX", "R15", "RIP", "CPL", "CR3", "GDT", "IDT", "GS "}) {
            assertThatThrownBy(() -> RegisterDump.parse(LONG_MODE.replace(name, "??")))
                    .isInstanceOf(GuestException.class)
                    .hasMessageContaining("shows no");
        }
        assertThatThrownBy(() -> RegisterDump.parse("")).isInstanceOf(GuestException.class);
    }
}
