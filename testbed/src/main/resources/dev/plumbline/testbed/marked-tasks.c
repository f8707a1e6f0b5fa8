/*
 * Pairs of processes that each repeat one kind of system call which no other pair makes and which blocks, beside
 * processes that only compute, so that tasks are switched all the time; each moves itself from CPU to CPU now and then.
 * Processes bear the names of their kinds. Usage: marked-tasks SECONDS. Prints how often each kind went its way.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOVE_EVERY = 16, NANOS = 300000 };

/* What both processes of a pair know; `side` is 0 for one and 1 for the other. */
static int side, ends[2][2], queue;
static _Atomic unsigned *word;
static time_t end;

static int pipes(void) {
    char byte = 0;
    return write(ends[1 - side][1], &byte, 1) == 1 && read(ends[side][0], &byte, 1) == 1;
}

static int unix_sockets(void) {
    char byte = 0;
    return send(ends[0][side], &byte, 1, 0) == 1 && recv(ends[0][side], &byte, 1, 0) == 1;
}

static int eventfds(void) {
    unsigned long one = 1;
    return write(ends[0][1 - side], &one, sizeof one) == sizeof one && read(ends[0][side], &one, sizeof one) == sizeof one;
}

static int messages(void) {
    struct {
        long type;
        char text[8];
    } message = {2 - side, "mark"};
    return !msgsnd(queue, &message, sizeof message.text, 0)
        && msgrcv(queue, &message, sizeof message.text, 1 + side, 0) == sizeof message.text;
}

static int futexes(void) {
    struct timespec timeout = {0, NANOS};
    syscall(SYS_futex, word, FUTEX_WAIT, 0, &timeout, NULL, 0);
    return 1;
}

static int timers(void) {
    unsigned long expirations;
    struct itimerspec soon = {.it_value.tv_nsec = NANOS};
    return !timerfd_settime(ends[0][side], 0, &soon, NULL)
        && read(ends[0][side], &expirations, sizeof expirations) == sizeof expirations;
}

static int polls(void) {
    return poll(NULL, 0, 1) == 0;
}

static int sleeps(void) {
    struct timespec moment = {0, NANOS};
    return syscall(SYS_nanosleep, &moment, NULL) == 0;
}

static int signals(void) {
    struct timespec timeout = {0, NANOS};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    return sigtimedwait(&set, NULL, &timeout) < 0;
}

static int advice(void) {
    static char *map;
    if (!map)
        map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    map[0] = map[40960] = 1;
    sched_yield();
    return !madvise(map, 65536, MADV_DONTNEED);
}

static int computing(void) {
    for (volatile int i = 0; i < 100000; i++)
        ;
    return 1;
}

static const struct {
    const char *name;
    int (*once)(void);
} kinds[] = {
    {"mark-pipe", pipes},   {"mark-unix", unix_sockets}, {"mark-eventfd", eventfds}, {"mark-message", messages},
    {"mark-futex", futexes}, {"mark-timer", timers},      {"mark-poll", polls},       {"mark-sleep", sleeps},
    {"mark-signal", signals}, {"mark-advice", advice},     {"mark-compute", computing},
};

static int prepare(int (*once)(void)) {
    if (once == pipes)
        return pipe(ends[0]) || pipe(ends[1]);
    if (once == unix_sockets)
        return socketpair(AF_UNIX, SOCK_STREAM, 0, ends[0]);
    if (once == messages)
        return (queue = msgget(IPC_PRIVATE, 0600)) < 0;
    for (int i = 0; i < 2 && once == eventfds; i++)
        ends[0][i] = eventfd(0, 0);
    for (int i = 0; i < 2 && once == timers; i++)
        ends[0][i] = timerfd_create(CLOCK_MONOTONIC, 0);
    return 0;
}

static void work(int kind, _Atomic long *done) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct timespec now;
    prctl(PR_SET_NAME, kinds[kind].name);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (long i = 0;; i++) {
        if (i % MOVE_EVERY == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET((i / MOVE_EVERY + side + kind) % cpus, &one);
            sched_setaffinity(0, sizeof one, &one);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec >= end || !kinds[kind].once())
            break;
        atomic_fetch_add(done, 1);
    }
    pause(); /* the other one of a pair may wait for an answer: both are ended from outside */
}

int main(int argc, char **argv) {
    enum { KINDS = sizeof kinds / sizeof *kinds };
    pid_t pids[2 * KINDS];
    struct timespec now;
    long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: marked-tasks SECONDS\n");
        return 2;
    }
    _Atomic long *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    word = (_Atomic unsigned *)(done + KINDS);
    clock_gettime(CLOCK_MONOTONIC, &now);
    end = now.tv_sec + seconds;
    for (int kind = 0; kind < KINDS; kind++) {
        if (prepare(kinds[kind].once))
            return 1;
        for (side = 0; side < 2; side++)
            if ((pids[2 * kind + side] = fork()) == 0)
                work(kind, &done[kind]);
    }
    sleep(seconds + 1);
    for (int i = 0; i < 2 * KINDS; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    msgctl(queue, IPC_RMID, NULL);
    for (int kind = 0; kind < KINDS; kind++)
        printf("%s %ld\n", kinds[kind].name, done[kind]);
    return 0;
}
