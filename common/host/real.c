/* real.c - the machine behind the ports; see real.h. */
#include "common/host/real.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static unsigned clock_rate = 1;

static int64_t read_clock(clockid_t id, int64_t rate)
{
    struct timespec t;

    (void)clock_gettime(id, &t);        /* cannot fail for these two clocks */
    return (int64_t)t.tv_sec * 1000 * rate + (int64_t)t.tv_nsec * rate / 1000000;
}

static int64_t real_utc_ms(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME, 1);
}

static int64_t real_mono_ms(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC, clock_rate);
}

const struct gf_clock *gf_real_clock(void)
{
    static const struct gf_clock c = {NULL, real_utc_ms, real_mono_ms};
    return &c;
}

void gf_real_clock_rate(unsigned rate)
{
    clock_rate = rate > 0 ? rate : 1;
}

int gf_real_wait_ms(int mono_ms)
{
    return mono_ms <= 0 ? mono_ms : (int)(((unsigned)mono_ms + clock_rate - 1) / clock_rate);
}

static int real_fill(void *ctx, uint8_t *buf, size_t n)
{
    (void)ctx;
    for (size_t got = 0; got < n;) {
        ssize_t k = getrandom(buf + got, n - got, 0);

        if (k < 0 && errno != EINTR)
            return GF_E_RANDOM;
        got += k > 0 ? (size_t)k : 0;
    }
    return 0;
}

const struct gf_random *gf_real_random(void)
{
    static const struct gf_random r = {NULL, real_fill};
    return &r;
}

/* Fill *why from errno and the path. */
static int file_fail(struct gf_fail *why, const char *path)
{
    char detail[sizeof why->detail];
    int code = errno == ENOSPC || errno == EDQUOT ? GF_E_DISK_FULL : GF_E_FILE;

    (void)snprintf(detail, sizeof detail, "%.100s: %s", path, strerror(errno));
    return gf_fail(why, code, "file", detail);
}

int gf_file_read(const char *path, uint8_t *ret, size_t cap, struct gf_fail *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t k = -1;
    uint8_t beyond;

    if (fd < 0)
        return file_fail(why, path);
    while (n < cap && ((k = read(fd, ret + n, cap - n)) > 0 || (k < 0 && errno == EINTR)))
        n += k > 0 ? (size_t)k : 0;
    if (n == cap && (k = read(fd, &beyond, 1)) > 0) {
        (void)close(fd);
        return gf_fail(why, GF_E_SPACE, "file", path);
    }
    if (k < 0) {
        int r = file_fail(why, path);
        (void)close(fd);
        return r;
    }
    (void)close(fd);
    return n <= INT_MAX ? (int)n : gf_fail(why, GF_E_SPACE, "file", path);
}

/* Make a rename in the folder of `path` last. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;

    if (n >= sizeof folder)
        return -1;
    memcpy(folder, path, n);
    folder[n] = '\0';

    int fd = open(slash == NULL ? "." : n == 0 ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;

    int r = fsync(fd);
    (void)close(fd);
    return r;
}

int gf_file_write(const char *path, const void *p, size_t n, unsigned mode, struct gf_fail *why)
{
    char fresh[PATH_MAX];
    const char *from = p;
    size_t put = 0;

    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
        return gf_fail(why, GF_E_SPACE, "file", path);

    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return file_fail(why, path);
    while (put < n) {
        ssize_t k = write(fd, from + put, n - put);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            break;
        put += (size_t)k;
    }

    bool written = put == n && fdatasync(fd) == 0;
    int r = written ? 0 : file_fail(why, path);
    (void)close(fd);
    if (written && (rename(fresh, path) != 0 || sync_folder(path) != 0))
        r = file_fail(why, path);
    if (r != 0)
        (void)unlink(fresh);
    return r;
}

int gf_report(const char *program, const struct gf_fail *why)
{
    const struct gf_err_row *row = gf_err_row(why->code);

    (void)fprintf(stderr, "%s: E%03d %s", program, -row->code, row->what);
    if (why->where[0] != '\0' || why->detail[0] != '\0')
        (void)fprintf(stderr, " (%s%s%s)", why->where, why->where[0] != '\0' && why->detail[0] != '\0' ? ": " : "",
                      why->detail);
    (void)fprintf(stderr, ". To do: %s.\n", row->todo);
    return row->exit_status;
}

void gf_std_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}
