/*
 * Makes the same system calls with the same arguments again and again, so that what the kernel does in each can be
 * compared from round to round and from tracer to tracer. Usage: fixed-calls ROUNDS. Every round begins with
 * sched_get_priority_max(), which occurs nowhere else; a round's processes are its own children. Prints how many rounds
 * went as they should. "fixed-calls child" is what the children become.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Without the library in between, which might add calls of its own. */
#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            failed = __LINE__;                                                                                         \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

enum { PAGE = 4096, PORT = 4711 };

static char directory[] = "/tmp/fixed-calls", file[] = "/tmp/fixed-calls/file", moved[] = "/tmp/fixed-calls/moved";
static char bytes[PAGE];
static volatile int failed, signals;

static void files(void) {
    struct stat status;
    MUST(CALL(mkdir, directory, 0700) == 0);
    int fd = CALL(openat, AT_FDCWD, file, O_RDWR | O_CREAT | O_EXCL, 0600);
    MUST(fd >= 0);
    MUST(CALL(write, fd, bytes, 100) == 100);
    MUST(CALL(pwrite64, fd, bytes, 100, 50) == 100);
    MUST(CALL(lseek, fd, 0, SEEK_SET) == 0);
    MUST(CALL(read, fd, bytes, 100) == 100);
    MUST(CALL(fstat, fd, &status) == 0 && status.st_size == 150);
    MUST(CALL(ftruncate, fd, 10) == 0);
    MUST(CALL(fcntl, fd, F_SETFD, FD_CLOEXEC) == 0);
    int copy = CALL(dup, fd);
    MUST(CALL(close, copy) == 0 && CALL(close, fd) == 0);
    MUST(CALL(rename, file, moved) == 0);
    MUST(CALL(newfstatat, AT_FDCWD, moved, &status, 0) == 0 && status.st_size == 10);
}

static void directories(void) {
    struct statfs system;
    MUST(CALL(chdir, directory) == 0 && CALL(getcwd, bytes, sizeof bytes) == sizeof directory);
    int fd = CALL(openat, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
    MUST(CALL(getdents64, fd, bytes, sizeof bytes) > 0);
    MUST(CALL(close, fd) == 0);
    MUST(CALL(statfs, directory, &system) == 0);
    MUST(CALL(chdir, "/") == 0);
    MUST(CALL(unlink, moved) == 0);
    MUST(CALL(rmdir, directory) == 0);
}

static void pipes(void) {
    int ends[2];
    MUST(CALL(pipe2, ends, O_CLOEXEC) == 0);
    MUST(CALL(write, ends[1], bytes, 10) == 10);
    struct pollfd ready = {ends[0], POLLIN, 0};
    MUST(CALL(poll, &ready, 1, -1) == 1);
    MUST(CALL(read, ends[0], bytes, 20) == 10);
    MUST(CALL(close, ends[0]) == 0 && CALL(close, ends[1]) == 0);
}

static void unix_sockets(void) {
    int ends[2];
    MUST(CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    MUST(CALL(sendto, ends[0], bytes, 10, 0, NULL, 0) == 10);
    MUST(CALL(recvfrom, ends[1], bytes, 20, 0, NULL, NULL) == 10);
    MUST(CALL(shutdown, ends[0], SHUT_RDWR) == 0);
    MUST(CALL(close, ends[0]) == 0 && CALL(close, ends[1]) == 0);
}

static void udp_sockets(void) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int from = CALL(socket, AF_INET, SOCK_DGRAM, 0), to = CALL(socket, AF_INET, SOCK_DGRAM, 0);
    MUST(CALL(bind, to, &here, sizeof here) == 0);
    MUST(CALL(sendto, from, bytes, 10, 0, &here, sizeof here) == 10);
    MUST(CALL(recvfrom, to, bytes, 20, 0, NULL, NULL) == 10);
    MUST(CALL(close, from) == 0 && CALL(close, to) == 0);
}

static void tcp_sockets(void) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger at_once = {1, 0};
    int yes = 1, from = CALL(socket, AF_INET, SOCK_STREAM, 0), to = CALL(socket, AF_INET, SOCK_STREAM, 0);
    MUST(CALL(setsockopt, to, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
    MUST(CALL(bind, to, &here, sizeof here) == 0 && CALL(listen, to, 1) == 0);
    MUST(CALL(connect, from, &here, sizeof here) == 0);
    int accepted = CALL(accept4, to, NULL, NULL, 0);
    MUST(CALL(sendto, from, bytes, 10, 0, NULL, 0) == 10);
    MUST(CALL(recvfrom, accepted, bytes, 20, 0, NULL, NULL) == 10);
    MUST(CALL(setsockopt, from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    MUST(CALL(close, from) == 0 && CALL(close, accepted) == 0 && CALL(close, to) == 0);
}

static void mappings(void) {
    char *map = (char *)CALL(mmap, NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(map != MAP_FAILED);
    map[0] = map[PAGE] = 1;
    MUST(CALL(mprotect, map, PAGE, PROT_READ) == 0);
    MUST(CALL(madvise, map, 2 * PAGE, MADV_DONTNEED) == 0);
    MUST(CALL(munmap, map, 4 * PAGE) == 0);
}

static void on_signal(int number) {
    signals += number == SIGUSR1;
}

static void deliver_signal(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t one;
    int before = signals;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    MUST(sigaction(SIGUSR1, &action, NULL) == 0);
    MUST(CALL(rt_sigprocmask, SIG_BLOCK, &one, NULL, 8) == 0);
    MUST(CALL(kill, getpid(), SIGUSR1) == 0 && signals == before);
    MUST(CALL(rt_sigprocmask, SIG_UNBLOCK, &one, NULL, 8) == 0 && signals == before + 1);
}

static void wait_for_events(void) {
    unsigned long count = 3;
    struct itimerspec in_an_hour = {.it_value.tv_sec = 3600};
    int event = CALL(eventfd2, 0, 0), epoll = CALL(epoll_create1, 0);
    struct epoll_event readable = {.events = EPOLLIN};
    MUST(CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, event, &readable) == 0);
    MUST(CALL(write, event, &count, sizeof count) == sizeof count);
    MUST(CALL(epoll_wait, epoll, &readable, 1, 0) == 1);
    MUST(CALL(read, event, &count, sizeof count) == sizeof count && count == 3);
    MUST(CALL(close, epoll) == 0 && CALL(close, event) == 0);
    int timer = CALL(timerfd_create, CLOCK_MONOTONIC, 0);
    MUST(CALL(timerfd_settime, timer, 0, &in_an_hour, NULL) == 0);
    MUST(CALL(close, timer) == 0);
}

static void small_things(void) {
    struct utsname names;
    struct rusage usage;
    struct timespec a_moment = {0, 20000000};
    int word = 1;
    MUST(CALL(futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL) == -1);
    MUST(CALL(futex, &word, FUTEX_WAKE_PRIVATE, 1) == 0);
    MUST(CALL(getrandom, bytes, 16, 0) == 16);
    MUST(CALL(prctl, PR_GET_DUMPABLE) == 1);
    MUST(CALL(getppid) > 0 && CALL(getpid) > 0 && CALL(uname, &names) == 0);
    MUST(CALL(getrusage, RUSAGE_SELF, &usage) == 0);
    MUST(CALL(sched_yield) == 0);
    MUST(CALL(nanosleep, &a_moment, NULL) == 0);
}

static void children(void) {
    static char *const arguments[] = {"fixed-calls", "child", NULL}, *const environment[] = {NULL};
    int status;
    pid_t child = CALL(clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        CALL(getppid);
        CALL(execve, "/bin/fixed-calls", arguments, environment);
        CALL(exit_group, 127);
    }
    MUST(child > 0 && CALL(wait4, child, &status, 0, NULL) == child && status == 0);
}

static void a_round(void) {
    static void (*const parts[])(void) = {files,       directories,    pipes,           unix_sockets, udp_sockets, tcp_sockets,
                                          mappings, deliver_signal, wait_for_events, small_things, children};
    CALL(sched_get_priority_max, SCHED_OTHER);
    for (size_t part = 0; part < sizeof parts / sizeof *parts && !failed; part++)
        parts[part]();
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "child"))
        CALL(exit_group, 0);
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    if (rounds <= 0) {
        fprintf(stderr, "usage: fixed-calls ROUNDS\n");
        return 2;
    }
    memset(bytes, 1, sizeof bytes);
    for (long done = 0; done < rounds; done++) {
        struct timespec pause = {0, 100000000};
        a_round();
        if (failed) {
            fprintf(stderr, "fixed-calls: round %ld failed at line %d\n", done, failed);
            return 1;
        }
        CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    printf("%ld rounds\n", rounds);
    return 0;
}
