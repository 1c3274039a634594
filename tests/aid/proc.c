/* proc.c - programs started by tests; see proc.h. */
#define _XOPEN_SOURCE 700 /* nftw() */
#include "tests/aid/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_MS 5000
#define BUS_MS 10000
#define TICK_MS 5

static char tmp_path[PATH_MAX];
static pid_t tmp_owner;

long long aid_now_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static const char *build_dir(void)
{
    const char *dir = getenv("BUILD");

    return dir && *dir ? dir : "build/gcc";
}

const char *aid_program(const char *name)
{
    static char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", build_dir(), name);
    return path;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void remove_tmpdir(void)
{
    if (getpid() == tmp_owner)
        (void)nftw(tmp_path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *aid_tmpdir(void)
{
    char root[PATH_MAX], made[PATH_MAX + 32];

    if (tmp_owner == getpid())
        return tmp_path;
    (void)snprintf(made, sizeof made, "%s/tmp", build_dir());
    if ((mkdir(made, 0777) < 0 && errno != EEXIST) || !realpath(made, root)) {
        (void)fprintf(stderr, "# no folder %s for temporary files: %s\n", made, strerror(errno));
        return NULL;
    }
    (void)snprintf(made, sizeof made, "%s/test-XXXXXX", root);
    if (strlen(made) >= sizeof tmp_path || !mkdtemp(made)) {
        (void)fprintf(stderr, "# no temporary folder %s: %s\n", made, strerror(errno));
        return NULL;
    }
    memcpy(tmp_path, made, strlen(made) + 1);
    tmp_owner = getpid();
    (void)atexit(remove_tmpdir);
    return tmp_path;
}

/* In the child: put fd onto target, or open path there when fd is -1. */
static void plug(int fd, const char *path, int flags, int target)
{
    if (fd < 0)
        fd = open(path, flags | O_CLOEXEC, 0666);
    if (fd < 0 || dup2(fd, target) < 0)
        _exit(126);
}

static void run_child(const char *const argv[], const struct aid_spawn_how *how, const int in[2],
                      const int out[2], pid_t parent)
{
    char *args[64] = {NULL};

    for (size_t i = 0; argv[i]; i++)
        if (i >= 63 || !(args[i] = strdup(argv[i])))
            _exit(126);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(126);
    for (size_t i = 0; how->env && how->env[i]; i++) {
        char *entry = strdup(how->env[i]);

        if (!entry || putenv(entry) != 0)
            _exit(126);
    }
    plug(in[0], "/dev/null", O_RDONLY, STDIN_FILENO);
    if (how->err_path)
        plug(-1, how->err_path, O_WRONLY | O_CREAT | O_APPEND, STDERR_FILENO);
    plug(out[1] < 0 ? STDERR_FILENO : out[1], NULL, 0, STDOUT_FILENO);
    (void)execvp(args[0], args);
    (void)fprintf(stderr, "# cannot run %s: %s\n", args[0], strerror(errno));
    _exit(127);
}

static void close_pair(const int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            (void)close(pair[i]);
}

pid_t aid_spawn_how(const char *const argv[], const struct aid_spawn_how *how)
{
    static const struct aid_spawn_how plain = {NULL, NULL, NULL, NULL};
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    pid_t parent = getpid(), pid;

    if (!how)
        how = &plain;
    if ((how->ret_in_fd && pipe(in) < 0) || (how->ret_out_fd && pipe(out) < 0)) {
        pid = -errno;
        close_pair(in);
        return pid;
    }
    for (int i = 0; i < 2; i++) {
        if (in[i] >= 0)
            (void)fcntl(in[i], F_SETFD, FD_CLOEXEC);
        if (out[i] >= 0)
            (void)fcntl(out[i], F_SETFD, FD_CLOEXEC);
    }
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0)
        run_child(argv, how, in, out, parent);
    if (pid < 0) {
        pid = -errno;
        close_pair(in);
        close_pair(out);
        return pid;
    }
    if (how->ret_in_fd) {
        (void)close(in[0]);
        *how->ret_in_fd = in[1];
    }
    if (how->ret_out_fd) {
        (void)close(out[1]);
        *how->ret_out_fd = out[0];
    }
    return pid;
}

pid_t aid_spawn(const char *const argv[], int *ret_out_fd)
{
    struct aid_spawn_how how = {.ret_out_fd = ret_out_fd};

    return aid_spawn_how(argv, &how);
}

int aid_wait_line_get(int fd, const char *text, int timeout_ms, char *line, size_t cap)
{
    long long end = aid_now_ms() + timeout_ms;
    char got[4096];
    size_t len = 0;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        long long left = end - aid_now_ms();
        char c;
        int r = poll(&p, 1, left > 0 ? (int)left : 0);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -ETIMEDOUT;
        if (read(fd, &c, 1) != 1)       /* byte by byte: what follows the line stays in the pipe */
            return -EPIPE;
        if (c != '\n') {
            if (len + 1 < sizeof got)
                got[len++] = c;
            continue;
        }
        got[len] = '\0';
        len = 0;
        if (strstr(got, text)) {
            if (line)
                (void)snprintf(line, cap, "%s", got);
            return 0;
        }
    }
}

int aid_wait_line(int fd, const char *text, int timeout_ms)
{
    return aid_wait_line_get(fd, text, timeout_ms, NULL, 0);
}

int aid_wait_exit(pid_t pid, int timeout_ms)
{
    long long end = aid_now_ms() + timeout_ms;
    struct timespec tick = {0, TICK_MS * 1000000L};
    int status;

    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);

        if (got == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (got < 0 && errno != EINTR)
            return -1;
        if (aid_now_ms() >= end)
            return -ETIMEDOUT;
        (void)nanosleep(&tick, NULL);
    }
}

int aid_kill(pid_t pid)
{
    if (pid <= 0)
        return -1;
    (void)kill(pid, SIGKILL);
    return aid_wait_exit(pid, STOP_MS);
}

int aid_stop(pid_t pid)
{
    int r;

    if (pid <= 0)
        return -1;
    (void)kill(pid, SIGTERM);
    r = aid_wait_exit(pid, STOP_MS);
    return r == -ETIMEDOUT ? aid_kill(pid) : r;
}

int aid_bus_start(struct aid_bus *bus)
{
    char listen[128];
    const char *argv[] = {"dbus-daemon", "--config-file=tests/aid/bus.conf", "--nofork",
                          "--nopidfile", "--nosyslog", "--print-address=1", listen, NULL};
    const char *tmp = aid_tmpdir();
    char log[PATH_MAX + 16];
    int out, r;
    struct aid_spawn_how how = {.ret_out_fd = &out, .err_path = log};

    if (!tmp)
        return -ENOENT;
    (void)snprintf(log, sizeof log, "%s/bus.log", tmp);
    /* Abstract: a path would have to fit 108 bytes wherever the project is checked out. */
    *bus = (struct aid_bus){0};
    (void)snprintf(listen, sizeof listen, "--address=unix:abstract=gasfitter-test-%ld-%lld",
                   (long)getpid(), aid_now_ms());
    bus->pid = aid_spawn_how(argv, &how);
    if (bus->pid < 0)
        return (int)bus->pid;
    r = aid_wait_line_get(out, "unix:", BUS_MS, bus->address, sizeof bus->address);
    (void)close(out);
    if (r < 0) {
        (void)fprintf(stderr, "# dbus-daemon did not start: %s; see %s\n", strerror(-r), log);
        aid_bus_stop(bus);
    }
    return r;
}

void aid_bus_stop(struct aid_bus *bus)
{
    if (bus->pid > 0)
        (void)aid_stop(bus->pid);
    *bus = (struct aid_bus){0};
}
