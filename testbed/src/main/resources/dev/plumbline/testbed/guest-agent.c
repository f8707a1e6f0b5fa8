/*
 * Process 1 of a test guest and, as one child per virtio-serial port named plumbline.exec.N.of.COUNT, the guest's
 * end of the exec channel. A domain of Xen has no such ports: where the environment has `exec_port`, conversations come
 * over TCP connections to that port instead, with one child each.
 *
 * A conversation runs one shell command. Frames are [type u8][length u32, little endian][payload].
 * From the host:  the 16 bytes of `magic`, then R (16 bytes of nonce, then the command), I (stdin), E (end of stdin).
 * To the host:    S (the nonce: the command starts), O (stdout), D (stderr), A (still alive), Q (wait status u32),
 *                 B (this agent has just started, whatever ran before is gone).
 * Idle, the agent skips all bytes before `magic`, so that what a broken conversation left does no harm; the host
 * likewise skips all before its own nonce. When the host hangs up, the command's process group is killed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 5, NONCE = 16, CHUNK = 64 * 1024, IN_SIZE = 256 * 1024, OUT_SIZE = 512 * 1024, PIPE_SIZE = 1 << 20 };

static const char magic[17] = "PLUMBLINE-EXEC-1";

struct buffer {
    char *bytes;
    size_t length, size;
};

struct command {
    pid_t pid;
    int pidfd, in, out, err;
    int exited, status;
    size_t drain_out, drain_err; /* what may still be read after the exit: a full pipe, no more */
    int in_ended;
};

static struct buffer from_host = {.size = IN_SIZE}, to_host = {.size = OUT_SIZE}, to_stdin = {.size = IN_SIZE};
static struct command command = {-1, -1, -1, -1, -1, 0, 0, 0, 0, 0};

static void drop(struct buffer *b, size_t count) {
    memmove(b->bytes, b->bytes + count, b->length - count);
    b->length -= count;
}

static int room(const struct buffer *b, size_t count) {
    return b->size - b->length >= count;
}

static void put_frame_header(char *at, char type, uint32_t length) {
    at[0] = type;
    memcpy(at + 1, &length, sizeof length);
}

static void send_frame(char type, const void *payload, uint32_t length) {
    if (!room(&to_host, HEADER + length))
        return;
    put_frame_header(to_host.bytes + to_host.length, type, length);
    memcpy(to_host.bytes + to_host.length + HEADER, payload, length);
    to_host.length += HEADER + length;
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void end_command(void) {
    close_fd(&command.pidfd);
    close_fd(&command.in);
    close_fd(&command.out);
    close_fd(&command.err);
    command.pid = -1;
    to_stdin.length = 0;
}

static void kill_command(void) {
    if (command.pid < 0)
        return;
    kill(-command.pid, SIGKILL);
    if (!command.exited)
        waitpid(command.pid, NULL, 0);
    end_command();
    to_host.length = 0;
}

static void set_oom_score(const char *score) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, score, strlen(score)) < 0)
            perror("oom_score_adj");
        close(fd);
    }
}

static void exec_shell(const char *text, int in, int out, int err) {
    setsid();
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    signal(SIGPIPE, SIG_DFL);
    set_oom_score("0");
    execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
}

static void start_command(const char *nonce, const char *text) {
    int in[2], out[2], err[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
        exit(1);
    fcntl(out[1], F_SETPIPE_SZ, PIPE_SIZE);
    pid_t pid = fork();
    if (pid == 0)
        exec_shell(text, in[0], out[1], err[1]);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    if (pid < 0)
        exit(1);
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    command = (struct command){pid, syscall(SYS_pidfd_open, pid, 0), in[1], out[0], err[0], 0, 0, PIPE_SIZE, PIPE_SIZE, 0};
    send_frame('S', nonce, NONCE);
}

/* Takes one piece of a conversation from from_host; 0 when more bytes are needed. */
static int take_frame(void) {
    int idle = command.pid < 0;
    size_t lead = 0;
    if (idle) {
        char *start = memmem(from_host.bytes, from_host.length, magic, NONCE);
        if (!start) {
            if (from_host.length >= NONCE)
                drop(&from_host, from_host.length - NONCE + 1);
            return 0;
        }
        drop(&from_host, start - from_host.bytes);
        lead = NONCE;
    } else if (from_host.length && from_host.bytes[0] == magic[0]) {
        if (from_host.length < NONCE)
            return 0;
        kill_command(); /* a new conversation */
        return 1;
    }
    if (from_host.length < lead + HEADER)
        return 0;
    char type = from_host.bytes[lead];
    uint32_t length;
    memcpy(&length, from_host.bytes + lead + 1, sizeof length);
    if (length > CHUNK || (idle ? type != 'R' || length < NONCE : type != 'I' && type != 'E')) {
        kill_command();
        drop(&from_host, 1);
        return 1;
    }
    if (from_host.length < lead + HEADER + length)
        return 0;
    char *payload = from_host.bytes + lead + HEADER;
    if (type == 'R') {
        char *text = strndup(payload + NONCE, length - NONCE);
        start_command(payload, text);
        free(text);
    } else if (type == 'I') {
        if (!room(&to_stdin, length))
            return 0;
        memcpy(to_stdin.bytes + to_stdin.length, payload, length);
        to_stdin.length += length;
    } else {
        command.in_ended = 1;
    }
    drop(&from_host, lead + HEADER + length);
    return 1;
}

/* Moves what a pipe holds into frames; 1 when nothing more can come now. */
static int pump(int *fd, char type, size_t *drain) {
    while (*fd >= 0 && room(&to_host, HEADER + CHUNK + HEADER + NONCE)) {
        char *frame = to_host.bytes + to_host.length;
        size_t limit = command.exited && *drain < CHUNK ? *drain : CHUNK;
        ssize_t n = limit ? read(*fd, frame + HEADER, limit) : 0;
        if (n < 0)
            return 1;
        if (n == 0) {
            close_fd(fd);
            return 1;
        }
        put_frame_header(frame, type, n);
        to_host.length += HEADER + n;
        if (command.exited)
            *drain -= n;
    }
    return *fd < 0;
}

static void feed_stdin(void) {
    if (command.in >= 0 && to_stdin.length) {
        ssize_t n = write(command.in, to_stdin.bytes, to_stdin.length);
        if (n > 0)
            drop(&to_stdin, n);
        else if (n < 0 && errno != EAGAIN)
            close_fd(&command.in);
    }
    if (command.in < 0)
        to_stdin.length = 0;
    if (command.in_ended && !to_stdin.length)
        close_fd(&command.in);
}

static void step_command(void) {
    if (!command.exited && waitpid(command.pid, &command.status, WNOHANG) == command.pid)
        command.exited = 1;
    feed_stdin();
    int dry = pump(&command.out, 'O', &command.drain_out) & pump(&command.err, 'D', &command.drain_err);
    if (command.exited && dry && room(&to_host, HEADER + sizeof(uint32_t))) {
        uint32_t status = command.status;
        end_command();
        send_frame('Q', &status, sizeof status);
    }
}

static void step_port(int fd) {
    ssize_t n = read(fd, from_host.bytes + from_host.length, from_host.size - from_host.length);
    if (n > 0)
        from_host.length += n;
    while (take_frame())
        ;
    if (command.pid >= 0)
        step_command();
    while (to_host.length && (n = write(fd, to_host.bytes, to_host.length)) > 0)
        drop(&to_host, n);
}

static int host_connected(int fd) {
    struct pollfd state = {fd, POLLIN, 0};
    return poll(&state, 1, 0) <= 0 || !(state.revents & POLLHUP);
}

/*
 * Sleeps until the host connects; edge-triggered, because a port without a host is always readable. The kernel may tell
 * of a hang-up and the next connection only after it has passed on what the next connection sent. So a hang-up says
 * nothing of the bytes at hand, and is believed, for a command that runs, only when no connection follows it.
 */
static void await_host(int fd, int watch) {
    struct epoll_event event;
    while (!host_connected(fd)) {
        int patience_millis = command.pid < 0 ? -1 : 500;
        if (epoll_wait(watch, &event, 1, patience_millis) == 0)
            kill_command();
    }
}

/* Serves the host until it hangs up. */
static void converse(int fd) {
    struct timespec last = {0, 0}, now;
    for (;;) {
        short port_events = (room(&from_host, 1) ? POLLIN : 0) | (to_host.length ? POLLOUT : 0) | POLLRDHUP;
        int pipes = room(&to_host, HEADER + CHUNK + HEADER + NONCE);
        struct pollfd polled[] = {
            {fd, port_events, 0},
            {pipes ? command.out : -1, POLLIN, 0},
            {pipes ? command.err : -1, POLLIN, 0},
            {to_stdin.length ? command.in : -1, POLLOUT, 0},
            {command.exited ? -1 : command.pidfd, POLLIN, 0},
        };
        poll(polled, 5, command.pid >= 0 ? 1000 : -1);
        if (polled[0].revents & (POLLHUP | POLLRDHUP | POLLERR))
            return;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (command.pid >= 0 && now.tv_sec > last.tv_sec) {
            last = now;
            send_frame('A', "", 0);
        }
        step_port(fd);
    }
}

static void prepare(void) {
    signal(SIGPIPE, SIG_IGN);
    from_host.bytes = malloc(IN_SIZE);
    to_host.bytes = malloc(OUT_SIZE);
    to_stdin.bytes = malloc(IN_SIZE);
}

static void serve(const char *device) {
    prepare();
    int fd, watch = epoll_create1(EPOLL_CLOEXEC);
    while ((fd = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
        usleep(10000);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
    epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event);
    send_frame('B', "", 0);
    for (;;) {
        await_host(fd, watch);
        converse(fd);
    }
}

/* Serves one conversation after the other over each connection; the children are nobody's to wait for. */
static void serve_network(const char *port) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    int yes = 1, connection, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 16)) {
        perror(port);
        exit(1);
    }
    signal(SIGCHLD, SIG_IGN);
    while ((connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0 || errno != EBADF) {
        if (connection >= 0 && fork() == 0) {
            signal(SIGCHLD, SIG_DFL);
            prepare();
            converse(connection);
            kill_command();
            exit(0);
        }
        close_fd(&connection);
    }
    exit(1);
}

static void start_server(const char *device, pid_t *pid) {
    *pid = fork();
    if (*pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (*device == '/')
            serve(device);
        serve_network(device);
    }
}

/* Fills devices with the /dev paths of our ports; 0 until all have shown up, which they do one after the other. */
static int find_ports(char devices[][64], int limit) {
    int count = 0, expected = limit;
    struct dirent *entry;
    DIR *ports = opendir("/sys/class/virtio-ports");
    while (ports && count < limit && (entry = readdir(ports))) {
        char path[320], name[64] = "";
        snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
        FILE *file = fopen(path, "re");
        if (!file)
            continue;
        if (fgets(name, sizeof name, file) && sscanf(name, "plumbline.exec.%*d.of.%d", &expected) == 1)
            snprintf(devices[count++], 64, "/dev/%.50s", entry->d_name);
        fclose(file);
    }
    if (ports)
        closedir(ports);
    return count == expected ? count : 0;
}

/* What busybox's reboot, halt and poweroff ask process 1 for; a moment later, so that their exit status gets out. */
static void obey(int signal_number) {
    int how = signal_number == SIGTERM ? RB_AUTOBOOT : signal_number == SIGUSR2 ? RB_POWER_OFF : 0;
    if (!how)
        how = RB_HALT_SYSTEM;
    usleep(200000);
    sync();
    reboot(how);
}

int main(void) {
    enum { PORTS = 16 };
    char devices[PORTS][64];
    pid_t servers[PORTS];
    int count = 0;
    sigset_t waited;
    sigemptyset(&waited);
    sigaddset(&waited, SIGCHLD);
    sigaddset(&waited, SIGTERM);
    sigaddset(&waited, SIGUSR1);
    sigaddset(&waited, SIGUSR2);
    sigprocmask(SIG_BLOCK, &waited, NULL);
    set_oom_score("-1000");
    setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
    setenv("HOME", "/root", 1);
    const char *port = getenv("exec_port");
    if (port)
        count = snprintf(devices[0], sizeof devices[0], "%s", port) > 0;
    while (!count && !(count = find_ports(devices, PORTS)))
        usleep(10000);
    for (int i = 0; i < count; i++)
        start_server(devices[i], &servers[i]);
    for (;;) {
        int signal_number = sigwaitinfo(&waited, NULL);
        if (signal_number > 0 && signal_number != SIGCHLD)
            obey(signal_number);
        for (pid_t ended; (ended = waitpid(-1, NULL, WNOHANG)) > 0;)
            for (int i = 0; i < count; i++)
                if (servers[i] == ended)
                    start_server(devices[i], &servers[i]);
    }
}
