#ifndef GF_TESTS_AID_PROC_H
#define GF_TESTS_AID_PROC_H
/*
 * Programs started by tests: a private bus, the project's own programs, temporary folders.
 *
 * Every program is started in the project's root folder (the tests' current directory), dies with
 * the test (PR_SET_PDEATHSIG), and is stopped by its process id. Nothing waits without a bound.
 * The environment variable BUILD names the build tree; "build/gcc" when it is not set.
 */
#include <stddef.h>
#include <sys/types.h>

/* A private D-Bus. address is for --bus options and DBUS_SYSTEM_BUS_ADDRESS. */
struct aid_bus {
    pid_t pid;
    char address[200];
};

/* How to start a program; all zero is right for most. */
struct aid_spawn_how {
    const char *const *env; /* "NAME=value" strings added to the environment, ended by NULL */
    int *ret_in_fd;         /* a pipe to its stdin; NULL: /dev/null */
    int *ret_out_fd;        /* a pipe from its stdout; NULL: it writes to our stderr */
    const char *err_path;   /* a file to which its stderr is appended; NULL: ours */
};

/*
 * Start dbus-daemon with tests/aid/bus.conf on an address of its own, and wait until it listens.
 * 0, or -errno with a line on stderr.
 */
int aid_bus_start(struct aid_bus *bus);

/* Stop it; a bus that was never started (all zero) is fine. */
void aid_bus_stop(struct aid_bus *bus);

/*
 * Start argv[0] (searched in PATH when it has no slash), ended by NULL. ret_out_fd, when not NULL,
 * gets the reading end of its stdout; the caller closes it and reads it before 64 KiB pile up.
 * Returns its process id, or -errno.
 */
pid_t aid_spawn(const char *const argv[], int *ret_out_fd);

/* The same with everything else that can be said; how may be NULL. */
pid_t aid_spawn_how(const char *const argv[], const struct aid_spawn_how *how);

/*
 * Read lines from fd until one contains text. Lines before it are thrown away, bytes after it stay
 * in the pipe. line, when not NULL, gets that line without its newline, cut at cap.
 * 0; -ETIMEDOUT when timeout_ms have passed; -EPIPE when the stream ended first.
 */
int aid_wait_line(int fd, const char *text, int timeout_ms);
int aid_wait_line_get(int fd, const char *text, int timeout_ms, char *line, size_t cap);

/*
 * Stop a program: SIGTERM, after five seconds SIGKILL, and wait for its end. pid <= 0 is fine.
 * Returns its exit code, 128 + signal when a signal ended it, -1 when it was not our child.
 */
int aid_stop(pid_t pid);

/* The same with SIGKILL at once: for tests of what survives. */
int aid_kill(pid_t pid);

/* Wait until it ends by itself. As aid_stop(), or -ETIMEDOUT and it goes on running. */
int aid_wait_exit(pid_t pid, int timeout_ms);

/*
 * The folder of this test process for its files, made on first use under $BUILD/tmp, absolute,
 * and removed with everything in it when the process exits. NULL with a line on stderr.
 */
const char *aid_tmpdir(void);

/* Path of a program in the build tree: "build/gcc/virtual-bluez". Kept until the next call. */
const char *aid_program(const char *name);

/* Milliseconds of a clock that only goes forward, for bounds of waits. */
long long aid_now_ms(void);

#endif
