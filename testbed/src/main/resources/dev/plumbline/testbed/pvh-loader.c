/*
 * Boots a bzImage in a PVH domain of Xen through its decompressor, which moves the kernel to a random address (KASLR).
 * Left to itself Xen's domain builder takes the kernel out of the bzImage and starts it where it was linked for.
 *
 * Compiled freestanding for 32 bits with KERNEL (the path of the bzImage, quoted), SETUP_BYTES (where its protected-mode code
 * begins) and ROOM_BYTES (what the decompressor needs, `init_size`) given; the result is an ELF file with that code at
 * KERNEL_AT, where it runs. Its one entry is named by a Xen note and is given a `hvm_start_info` in ebx (Xen's
 * public/arch-x86/hvm/start_info.h); what the kernel gets in esi is a `boot_params` (Linux's
 * Documentation/arch/x86/boot.rst and zero-page.rst).
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define TEXT(x) #x
#define STRING(x) TEXT(x)
enum { PARAMS_BYTES = 4096, RSDP = 0x70, E820_COUNT = 0x1e8, HEADER = 0x1f1, JUMP_LENGTH = 0x201, LOADER = 0x210 };
enum { RAMDISK = 0x218, RAMDISK_BYTES = 0x21c, COMMAND_LINE = 0x228, E820 = 0x2d0, E820_BYTES = 20, E820_LIMIT = 128 };

struct start_info {
    u32 magic, version, flags, modules;
    u64 module_list, command_line, rsdp, memory_map;
    u32 memory_map_entries, reserved;
};
struct module {
    u64 at, size, command_line, reserved;
};
struct memory_map_entry {
    u64 at, size;
    u32 type, reserved;
};

asm(".section .note.Xen,\"a\",@note\n"
    "  .long 4, 4, 18\n" /* XEN_ELFNOTE_PHYS32_ENTRY */
    "  .asciz \"Xen\"\n"
    "  .long start\n"
    ".section .setup,\"a\",@progbits\n"
    "setup: .incbin \"" KERNEL "\", 0, 0x300\n"
    ".section .kernel,\"aw\",@progbits\n"
    "  .incbin \"" KERNEL "\", " STRING(SETUP_BYTES) "\n"
    ".section .room,\"aw\",@nobits\n"
    "  .skip " STRING(ROOM_BYTES) "\n"
    ".text\n"
    ".globl start\n"
    "start:\n"
    "  cli\n"
    "  mov $stack_end, %esp\n"
    "  lgdt descriptor\n"
    "  mov $0x18, %eax\n"
    "  mov %eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs; mov %eax, %ss\n"
    "  ljmp $0x10, $1f\n"
    "1: push %ebx\n"
    "  call fill\n"
    "  mov $params, %esi\n"
    "  xor %ebx, %ebx; xor %edi, %edi; xor %ebp, %ebp\n"
    "  mov $" STRING(KERNEL_AT) ", %eax\n"
    "  jmp *%eax\n"
    ".balign 8\n" /* flat segments: code at 0x10, data at 0x18 */
    "table: .quad 0, 0, 0x00cf9a000000ffff, 0x00cf92000000ffff\n"
    "descriptor: .word 31; .long table\n"
    ".bss\n"
    "  .skip 4096\n"
    "stack_end:\n"
    ".text\n");

extern const u8 setup[];
u8 params[PARAMS_BYTES] __attribute__((aligned(4096)));

static void copy(u8 *to, const void *from, u32 count) {
    for (const u8 *byte = from; count--;)
        *to++ = *byte++;
}

static void put(u32 at, u32 value) {
    copy(params + at, &value, sizeof value);
}

void __attribute__((used)) fill(const struct start_info *info) {
    const struct memory_map_entry *map = (void *)(u32)info->memory_map;
    const struct module *ramdisk = (void *)(u32)info->module_list;
    copy(params + HEADER, setup + HEADER, JUMP_LENGTH + 1 + setup[JUMP_LENGTH] - HEADER);
    params[LOADER] = 0xff; /* a loader without a number of its own */
    put(COMMAND_LINE, info->command_line);
    put(RSDP, info->rsdp);
    if (info->modules) {
        put(RAMDISK, ramdisk->at);
        put(RAMDISK_BYTES, ramdisk->size);
    }
    for (u32 i = 0; i < info->memory_map_entries && i < E820_LIMIT; i++) {
        copy(params + E820 + E820_BYTES * i, map + i, E820_BYTES);
        params[E820_COUNT] = i + 1;
    }
}
