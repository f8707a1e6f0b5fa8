/*
 * Runs single instructions on the real processor, each from a given state, and tells the state after it.
 *
 * usage: single-step CODE DATA (addresses of two pages, hexadecimal)
 * input: the bytes of the data page; then for each instruction a line of 16 general registers in the order of
 * the instruction encoding, rip (within the code page), rflags, the base of GS, and 15 bytes of code
 * output: for each a line of the signal that ended it (5 for one that was executed), 16 general registers, rip,
 * rflags, the count of the data page's bytes that changed, and offset and value of each
 * Numbers are hexadecimal, bytes are two digits without a space.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define CODE_BYTES 15

static const size_t GENERAL[16] = {
	offsetof(struct user_regs_struct, rax), offsetof(struct user_regs_struct, rcx),
	offsetof(struct user_regs_struct, rdx), offsetof(struct user_regs_struct, rbx),
	offsetof(struct user_regs_struct, rsp), offsetof(struct user_regs_struct, rbp),
	offsetof(struct user_regs_struct, rsi), offsetof(struct user_regs_struct, rdi),
	offsetof(struct user_regs_struct, r8), offsetof(struct user_regs_struct, r9),
	offsetof(struct user_regs_struct, r10), offsetof(struct user_regs_struct, r11),
	offsetof(struct user_regs_struct, r12), offsetof(struct user_regs_struct, r13),
	offsetof(struct user_regs_struct, r14), offsetof(struct user_regs_struct, r15),
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned long long *general(struct user_regs_struct *registers, int number)
{
	return (unsigned long long *) ((char *) registers + GENERAL[number]);
}

/* A page that the child shares, at the same address. */
static unsigned char *page(const char *address, int protection)
{
	void *wanted = (void *) strtoul(address, NULL, 16);
	void *page = mmap(wanted, PAGE_BYTES, PROT_READ | PROT_WRITE | protection,
			MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (page != wanted)
		fail(address);
	return page;
}

static void read_bytes(unsigned char *bytes, int count)
{
	for (int i = 0; i < count; i++)
		if (scanf("%2hhx", &bytes[i]) != 1)
			fail("bytes in the input");
}

static pid_t start_child(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		fail("child");
	if (ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL) != 0)
		fail("ptrace");
	return child;
}

static void tell(int signal, struct user_regs_struct *after, const unsigned char *data, const unsigned char *before)
{
	int changed = 0;

	printf("%x", signal);
	for (int i = 0; i < 16; i++)
		printf(" %llx", *general(after, i));
	for (int i = 0; i < PAGE_BYTES; i++)
		changed += data[i] != before[i];
	printf(" %llx %llx %x", after->rip, after->eflags, changed);
	for (int i = 0; i < PAGE_BYTES; i++)
		if (data[i] != before[i])
			printf(" %x %x", i, data[i]);
	printf("\n");
}

int main(int count, char **arguments)
{
	static unsigned char before[PAGE_BYTES];
	struct user_regs_struct registers;
	unsigned char *data;
	pid_t child;
	int status;

	if (count != 3)
		return 2;
	page(arguments[1], PROT_EXEC);
	data = page(arguments[2], 0);
	read_bytes(before, PAGE_BYTES);
	child = start_child();
	if (ptrace(PTRACE_GETREGS, child, 0, &registers) != 0)
		fail("registers");
	registers.orig_rax = -1; /* it is in no system call that could be begun again */
	while (scanf("%llx", general(&registers, 0)) == 1) {
		struct user_regs_struct after;

		for (int i = 1; i < 16; i++)
			if (scanf("%llx", general(&registers, i)) != 1)
				fail("registers in the input");
		if (scanf("%llx %llx %llx", &registers.rip, &registers.eflags, &registers.gs_base) != 3)
			fail("registers in the input");
		read_bytes((unsigned char *) registers.rip, CODE_BYTES);
		memcpy(data, before, PAGE_BYTES);
		if (ptrace(PTRACE_SETREGS, child, 0, &registers) != 0
				|| ptrace(PTRACE_SINGLESTEP, child, 0, 0) != 0
				|| waitpid(child, &status, 0) != child || !WIFSTOPPED(status)
				|| ptrace(PTRACE_GETREGS, child, 0, &after) != 0)
			fail("single step");
		tell(WSTOPSIG(status), &after, data, before);
	}
	return 0;
}
