/*
 * Keeps every vCPU busy for a while: fork/exec/exit, pipe ping-pong, timers, files and mappings, one process of each
 * kind per vCPU. Each checks what it does. Usage: stress SECONDS [REST]; each process rests so many milliseconds after
 * each thing. Prints the work done and the failures; exits 1 if any.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct tally {
    long done, failed;
};

static time_t end;
static long rest_micros;

static int time_left(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec < end;
}

static int spawn_once(void) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* A child that sends each byte back; forked at the first use. */
static int ping_once(void) {
    static int to[2], back[2];
    static unsigned char value;
    unsigned char answer = 0;
    if (!to[1]) {
        if (pipe(to) || pipe(back))
            return 0;
        if (fork() == 0) {
            close(to[1]);
            while (read(to[0], &value, 1) == 1 && write(back[1], &value, 1) == 1)
                ;
            _exit(0);
        }
    }
    value++;
    return write(to[1], &value, 1) == 1 && read(back[0], &answer, 1) == 1 && answer == value;
}

static int timer_once(void) {
    unsigned long expirations = 0;
    struct itimerspec in_a_moment = {.it_value.tv_nsec = 200000};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    int fine = fd >= 0 && !timerfd_settime(fd, 0, &in_a_moment, NULL)
        && read(fd, &expirations, sizeof expirations) == sizeof expirations && expirations >= 1;
    close(fd);
    return fine;
}

static int file_once(void) {
    char path[64], *map;
    struct stat status;
    snprintf(path, sizeof path, "/tmp/stress-%d", getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    int fine = fd >= 0 && !ftruncate(fd, 65536) && pwrite(fd, path, sizeof path, 40000) == sizeof path;
    map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return 0;
    fine = fine && !memcmp(map + 40000, path, sizeof path) && !fstat(fd, &status) && status.st_size == 65536;
    memset(map, 0x5a, 65536);
    fine = fine && !mprotect(map, 65536, PROT_READ);
    munmap(map, 65536);
    close(fd);
    return !unlink(path) && fine;
}

static void work(int (*once)(void), struct tally *tally) {
    while (time_left()) {
        if (once())
            tally->done++;
        else
            tally->failed++;
        if (rest_micros)
            usleep(rest_micros);
    }
    _exit(0);
}

int main(int argc, char **argv) {
    static int (*const kinds[])(void) = {spawn_once, ping_once, timer_once, file_once};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    long workers = sysconf(_SC_NPROCESSORS_ONLN) * KINDS, started = 0;
    struct timespec now;
    struct tally total = {0, 0};
    rest_micros = argc > 2 ? strtol(argv[2], NULL, 10) * 1000 : 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: stress SECONDS [REST]\n");
        return 2;
    }
    struct tally *tallies =
        mmap(NULL, workers * sizeof *tallies, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED)
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    end = now.tv_sec + seconds;
    for (; started < workers; started++) {
        pid_t worker = fork();
        if (worker == 0)
            work(kinds[started % KINDS], &tallies[started]);
        if (worker < 0)
            total.failed++;
    }
    for (int status; wait(&status) > 0;)
        total.failed += status != 0;
    for (long i = 0; i < workers; i++) {
        total.done += tallies[i].done;
        total.failed += tallies[i].failed;
    }
    printf("%ld done %ld failed\n", total.done, total.failed);
    return total.failed != 0;
}
