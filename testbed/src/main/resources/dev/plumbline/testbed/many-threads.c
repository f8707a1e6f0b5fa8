/*
 * Starts processes named many-P (P = 0, 1, ...), each with further threads named many-P-T (T = 1, 2, ...), that sleep
 * until killed. Usage: many-threads PROCESSES THREADS, where THREADS counts each process's first thread. Prints
 * "ready" when all run, and stays as their parent, so that killing its process group ends them all.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { LIMIT = 9999 }; /* so that names fit in the kernel's 15 characters */

static pthread_barrier_t all_named;

struct name {
    char text[32];
};

static void *sleeper(void *argument) {
    prctl(PR_SET_NAME, ((struct name *)argument)->text);
    pthread_barrier_wait(&all_named);
    for (;;)
        pause();
    return NULL;
}

static int start_threads(int process, int threads) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    pthread_barrier_init(&all_named, NULL, threads);
    for (int t = 1; t < threads; t++) {
        pthread_t thread;
        struct name *name = malloc(sizeof *name);
        snprintf(name->text, sizeof name->text, "many-%d-%d", process, t);
        if (pthread_create(&thread, &small, sleeper, name))
            return -1;
    }
    char own[32];
    snprintf(own, sizeof own, "many-%d", process);
    prctl(PR_SET_NAME, own);
    pthread_barrier_wait(&all_named);
    return 0;
}

int main(int argc, char **argv) {
    int processes = argc > 2 ? atoi(argv[1]) : 0, threads = argc > 2 ? atoi(argv[2]) : 0;
    int ready[2];
    char failed;
    if (processes <= 0 || threads <= 0 || processes > LIMIT || threads > LIMIT || pipe(ready)) {
        fprintf(stderr, "usage: many-threads PROCESSES THREADS (1 to %d each)\n", LIMIT);
        return 2;
    }
    for (int p = 0; p < processes; p++) {
        if (fork() == 0) {
            failed = start_threads(p, threads) != 0;
            if (write(ready[1], &failed, 1) != 1 || failed)
                _exit(1);
            for (;;)
                pause();
        }
        if (read(ready[0], &failed, 1) != 1 || failed) {
            fprintf(stderr, "many-threads: process %d could not start its threads\n", p);
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
