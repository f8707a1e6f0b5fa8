/*
 * Runs a shell command in a domain of Xen, from dom0: domain-exec [-w SECONDS] [-s SECONDS] NAME COMMAND
 * Standard input, both outputs and the exit status are the command's; 128 plus the number of the signal that ended it.
 * What goes wrong on the way is told in one line on standard error, with status 254 if the domain is gone and 255 else.
 * -w is how long to wait for a domain that boots, -s how long for one that says nothing.
 *
 * The other end is guest-agent.c, which describes the frames. All domains have the same address: the interface of
 * dom0 that bears the domain's name tells them apart. Ending this program ends the command.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 5, NONCE = 16, CHUNK = 32 * 1024, LARGEST = 64 * 1024, PORT = 7007, GONE = 254, FAILED = 255 };

static const char magic[17] = "PLUMBLINE-EXEC-1", address[] = "169.254.77.2";
static const char *domain;
static unsigned interface;

static void __attribute__((noreturn, format(printf, 2, 3))) fail(int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "domain-exec: domain %s ", domain);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(status);
}

static int64_t now_millis(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A connection, or -1 with errno. Short-winded: what is sent before the domain's end is ready is lost. */
static int attempt(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = inet_addr(address)};
    int error = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof error;
    interface = if_nametoindex(domain);
    if (!interface || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, domain, strlen(domain)))
        error = ENODEV;
    else if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno == EINPROGRESS) {
        struct pollfd connecting = {fd, POLLOUT, 0};
        if (poll(&connecting, 1, 300) == 1)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        else
            error = ETIMEDOUT;
    }
    if (!error)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

/* Waits for a domain that is busy, or, with `booting`, for one that is not there yet. */
static int connected(int booting, int64_t limit_millis) {
    int64_t start = now_millis();
    for (;;) {
        int fd = attempt();
        if (fd >= 0)
            return fd;
        int error = errno, too_late = now_millis() - start >= limit_millis;
        if (error == ENODEV && (too_late || !booting))
            fail(GONE, "is gone: dom0 has no interface of its name");
        if (too_late)
            fail(FAILED, "does not answer: %s", strerror(error));
        usleep(20000);
    }
}

/* Waits until the domain has something to say or takes something; the interface goes and comes with the domain. */
static int await(int fd, short events, int in, int64_t *heard, int64_t silence_millis) {
    struct pollfd polled[] = {{fd, events, 0}, {in, POLLIN, 0}};
    poll(polled, 2, 500);
    if (polled[0].revents & ~POLLOUT)
        *heard = now_millis();
    if (if_nametoindex(domain) != interface)
        fail(GONE, "is gone: it ended or rebooted while the command ran");
    if (now_millis() - *heard > silence_millis)
        fail(FAILED, "has not answered for %lld s: it is paused, dead or too busy", (long long)silence_millis / 1000);
    return (polled[0].revents & POLLOUT ? 1 : 0) | (polled[0].revents & ~POLLOUT ? 2 : 0) | (polled[1].revents ? 4 : 0);
}

static void write_all(int fd, const char *bytes, size_t length) {
    while (length) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0)
            exit(FAILED);
        bytes += n;
        length -= n;
    }
}

/* Takes the frames that are whole; how many bytes they were. Ends the program with the command. */
static size_t take_frames(const char *bytes, size_t length) {
    size_t taken = 0;
    uint32_t payload;
    while (length - taken >= HEADER) {
        const char *frame = bytes + taken;
        memcpy(&payload, frame + 1, sizeof payload);
        if (payload > LARGEST)
            fail(FAILED, "sent a frame of %u bytes, which no agent does", payload);
        if (length - taken < HEADER + payload)
            break;
        if (*frame == 'O' || *frame == 'D')
            write_all(*frame == 'O' ? 1 : 2, frame + HEADER, payload);
        if (*frame == 'Q' && payload == sizeof(uint32_t)) {
            uint32_t status;
            memcpy(&status, frame + HEADER, sizeof status);
            exit(status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
        }
        taken += HEADER + payload;
    }
    return taken;
}

static size_t put_frame(char *at, char type, uint32_t length) {
    at[0] = type;
    memcpy(at + 1, &length, sizeof length);
    return HEADER + length;
}

static size_t put_command(char *at, const char *command) {
    memcpy(at, magic, NONCE);
    if (getrandom(at + NONCE + HEADER, NONCE, 0) != NONCE)
        fail(FAILED, "cannot be talked to: no random bytes");
    memcpy(at + NONCE + HEADER + NONCE, command, strlen(command));
    return NONCE + put_frame(at + NONCE, 'R', NONCE + strlen(command));
}

static void converse(int fd, const char *command, int64_t silence_millis) {
    static char out[2 * LARGEST], in[2 * LARGEST];
    size_t sent = 0, to_send = put_command(out, command), received = 0;
    int input_ended = 0;
    int64_t heard = now_millis();
    for (;;) {
        int sending = sent < to_send;
        int ready = await(fd, POLLIN | (sending ? POLLOUT : 0), sending || input_ended ? -1 : 0, &heard, silence_millis);
        if (ready & 1) {
            ssize_t n = write(fd, out + sent, to_send - sent);
            sent += n > 0 ? n : 0;
        }
        if (ready & 4) {
            ssize_t n = read(0, out + HEADER, CHUNK);
            input_ended = n <= 0;
            to_send = put_frame(out, input_ended ? 'E' : 'I', input_ended ? 0 : n);
            sent = 0;
        }
        if (ready & 2) {
            ssize_t n = read(fd, in + received, sizeof in - received);
            if (n == 0 || (n < 0 && errno != EAGAIN))
                fail(FAILED, "closed the connection");
            received += n > 0 ? n : 0;
            size_t taken = take_frames(in, received);
            memmove(in, in + taken, received - taken);
            received -= taken;
        }
    }
}

int main(int count, char **arguments) {
    int64_t boot_millis = 0, silence_millis = 30000;
    for (int option; (option = getopt(count, arguments, "+w:s:")) != -1;) {
        if (option == '?')
            return 2;
        *(option == 'w' ? &boot_millis : &silence_millis) = 1000LL * atoi(optarg);
    }
    if (count - optind != 2 || strlen(arguments[optind + 1]) > LARGEST - NONCE) {
        fputs("domain-exec: usage: domain-exec [-w SECONDS] [-s SECONDS] NAME COMMAND, the latter up to 64 KiB\n", stderr);
        return 2;
    }
    domain = arguments[optind];
    signal(SIGPIPE, SIG_IGN);
    int fd = connected(boot_millis > 0, boot_millis ? boot_millis : silence_millis);
    converse(fd, arguments[optind + 1], silence_millis);
}
