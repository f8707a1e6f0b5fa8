/*
 * A fixed mix of system calls: open a directory, getdents64, close, stat, getppid.
 * Usage: syscall-loop ITERATIONS, or syscall-loop SECONDSs ("5s"). Prints iterations and microseconds per iteration.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static int iterate(void) {
    char entries[4096];
    struct stat status;
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return -1;
    while (syscall(SYS_getdents64, fd, entries, sizeof entries) > 0)
        ;
    close(fd);
    if (stat("/init", &status))
        return -1;
    syscall(SYS_getppid);
    return 0;
}

int main(int argc, char **argv) {
    char *unit = "";
    long amount = argc > 1 ? strtol(argv[1], &unit, 10) : 0;
    if (amount <= 0) {
        fprintf(stderr, "usage: syscall-loop ITERATIONS | SECONDSs\n");
        return 2;
    }
    long done = 0;
    double start = seconds_now();
    double end = *unit == 's' ? start + amount : 0;
    while (end ? seconds_now() < end : done < amount) {
        if (iterate()) {
            perror("syscall-loop");
            return 1;
        }
        done++;
    }
    printf("%ld iterations %.3f microseconds each\n", done, (seconds_now() - start) * 1e6 / done);
    return 0;
}
