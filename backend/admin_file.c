/* admin_file.c - long work that a person can watch and end, files that are read more than once; see
 * admin.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/admin.h"
#include "common/bytes.h"
#include "common/host/real.h"

#define TELL_EVERY_MS 1000
#define CHUNK 65536

static int64_t now_ms(const struct admin *a)
{
    return a->ports->clock->mono_ms(a->ports->clock->ctx);
}

int admin_watch(struct admin_watch *w, struct admin *a, const char *what, int64_t all,
                struct gf_fail *why)
{
    sigset_t ends, *before = malloc(sizeof *before);

    *w = (struct admin_watch){
        .a = a, .what = what, .all = all, .signals = -1, .mask = before, .told_mono_ms = now_ms(a)
    };
    if (before == NULL)
        return gf_fail(why, GF_E_MEMORY, "signals", "");
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &ends, before) != 0)
        return gf_fail(why, GF_E_BUG, "signals", strerror(errno));
    w->is_watching = true;
    w->signals = signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
    return w->signals >= 0 ? 0 : gf_fail(why, GF_E_BUG, "signals", strerror(errno));
}

bool admin_watch_tell(struct admin_watch *w, int64_t done)
{
    struct signalfd_siginfo signal;
    FILE *err = w->a->err;

    if (read(w->signals, &signal, sizeof signal) == (ssize_t)sizeof signal)
        return false;
    if (isatty(fileno(err)) != 1 || now_ms(w->a) - w->told_mono_ms < TELL_EVERY_MS)
        return true;
    w->told_mono_ms = now_ms(w->a);
    w->has_told = true;
    if (w->all > 0)
        (void)fprintf(err, "\r%lld of %lld %s ", (long long)done, (long long)w->all, w->what);
    else
        (void)fprintf(err, "\r%lld %s ", (long long)done, w->what);
    (void)fflush(err);
    return true;
}

void admin_watch_end(struct admin_watch *w)
{
    struct signalfd_siginfo signal;

    if (w->has_told)
        (void)fputc('\n', w->a->err);
    /* one that came too late to end anything is not to end what follows */
    while (w->signals >= 0 && read(w->signals, &signal, sizeof signal) > 0)
        ;
    if (w->signals >= 0)
        (void)close(w->signals);
    if (w->is_watching)
        (void)sigprocmask(SIG_SETMASK, w->mask, NULL);
    free(w->mask);
    *w = (struct admin_watch){ .a = w->a, .signals = -1 };
}

/* ---- files ---- */

static int file_fail(const char *path, const char *reason, struct gf_fail *why)
{
    char detail[160];

    (void)snprintf(detail, sizeof detail, "%.100s: %s", path, reason);
    return gf_fail(why, GF_E_FILE, "file", detail);
}

/* Wait until there is something to read: 0, or GF_E_CANCELLED. */
static int wait_for(struct admin_watch *w, int fd, struct gf_fail *why)
{
    struct pollfd of[2] = { { .fd = fd, .events = POLLIN },
                            { .fd = w->signals, .events = POLLIN } };

    while (poll(of, 2, -1) < 0 && errno == EINTR)
        ;
    return of[1].revents == 0 ? 0 : gf_fail(why, GF_E_CANCELLED, "import", "nothing was imported");
}

/* All that comes from fd to `to`. */
static int copy(struct admin_watch *w, const char *path, int fd, FILE *to, struct gf_fail *why)
{
    char *chunk = malloc(CHUNK);
    ssize_t n = 1;
    int r = chunk != NULL ? 0 : gf_fail(why, GF_E_MEMORY, "file", path);

    while (r == 0 && n > 0 && (r = wait_for(w, fd, why)) == 0)
        if ((n = read(fd, chunk, CHUNK)) < 0)
            r = file_fail(path, strerror(errno), why);
        else if (fwrite(chunk, 1, (size_t)n, to) != (size_t)n || (n == 0 && fflush(to) != 0))
            r = gf_fail(why, GF_E_DISK_FULL, "copy of the input", strerror(errno));
    free(chunk);
    return r;
}

/* A file without a name in the office's folder. NULL when it cannot be made. */
static FILE *nameless(const struct admin *a)
{
    char path[4096];
    FILE *f = NULL;

    if (snprintf(path, sizeof path, "%s/input.XXXXXX", a->dir) >= (int)sizeof path)
        return NULL;

    int fd = mkstemp(path);
    if (fd < 0)
        return NULL;
    (void)unlink(path); /* its space is free when it is closed, however this program ends */
    if ((f = fdopen(fd, "w+")) == NULL)
        (void)close(fd);
    return f;
}

int admin_open(struct admin_watch *w, const char *path, FILE **ret, struct gf_fail *why)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *from = is_input ? w->a->in : fopen(path, "rbe"), *to;
    struct stat st;
    int r;

    if (from == NULL)
        return file_fail(path, strerror(errno), why);
    if (fstat(fileno(from), &st) != 0 || S_ISDIR(st.st_mode)) {
        if (!is_input)
            (void)fclose(from); /* nothing was read */
        return file_fail(path, "this is a folder", why);
    }
    if (!is_input && S_ISREG(st.st_mode)) {
        *ret = from;
        return 0;
    }
    to = nameless(w->a);
    r = to != NULL ? copy(w, path, fileno(from), to, why)
                   : gf_fail(why, GF_E_FILE, "copy of the input", strerror(errno));
    if (!is_input)
        (void)fclose(from); /* was only read */
    if (r != 0 && to != NULL)
        (void)fclose(to); /* has no name */
    else if (r == 0)
        *ret = to;
    return r;
}

int admin_key_file(const char *path, const char *name, uint8_t ret[static HO_KEY_LEN],
                   struct gf_fail *why)
{
    char text[2 * HO_KEY_LEN + 8];
    struct gf_fail read = { 0 };
    int n = gf_file_read(path, (uint8_t *)text, sizeof text - 1, &read), r = GF_E_FORMAT;

    if (n < 0 && n != GF_E_SPACE)
        return gf_fail(why, n, read.where, read.detail);
    if (n >= 0) {
        text[n] = '\0';
        text[strcspn(text, " \t\r\n")] = '\0';
        r = gf_unhex(text, ret, HO_KEY_LEN);
    }
    gf_wipe(text, sizeof text);
    return r == 0 ? 0 : gf_fail(why, r, name, "the file has to hold 64 hex digits");
}

/* ---- databases ---- */

/* The next byte of a URL's part, percent-escapes decoded; *at moves behind it. */
static char next_byte(const char **at)
{
    uint8_t byte;

    if (**at == '%' && strlen(*at) >= 3) {
        const char hex[] = { (*at)[1], (*at)[2], '\0' };

        if (gf_unhex(hex, &byte, 1) == 0) {
            *at += 3;
            return (char)byte;
        }
    }
    return *(*at)++;
}

/* Is the parameter's name, up to its '=', this word when it is decoded, as libpq decodes it? */
static bool is_parameter(const char *at, const char *word)
{
    const char *end = at + strcspn(at, "=&");

    while (at < end && *word != '\0' && next_byte(&at) == *word)
        word++;
    return at == end && *word == '\0';
}

/* postgresql://user:password@host/name, or ?password=... (or sslpassword, of a client's key) */
static bool has_password(const char *url)
{
    const char *host = strstr(url, "://"), *at = strchr(url, '?');

    if (host != NULL) {
        const char *user, *colon;

        host += 3;
        user = memchr(host, '@', strcspn(host, "/?"));
        colon = user != NULL ? memchr(host, ':', (size_t)(user - host)) : NULL;
        if (colon != NULL)
            return true;
    }
    for (; at != NULL; at = strchr(at, '&'))
        if (at++, is_parameter(at, "password") || is_parameter(at, "sslpassword"))
            return true;
    return false;
}

/* A file that holds a password is its owner's alone. 0 or a failure. */
static int check_mode(const char *path, struct gf_fail *why)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return gf_fail(why, GF_E_FILE, path, strerror(errno));
    return (st.st_mode & 077) == 0 ? 0
                                   : gf_fail(why, GF_E_FILE, path,
                                             "others may read the password in it: chmod 600");
}

int admin_db(const struct admin_args *args, char space[static ADMIN_DB_URL_MAX], const char **ret,
             struct gf_fail *why)
{
    const char *file = admin_value(args, "db-file");

    *ret = admin_value(args, "db");
    if (file == NULL)
        return *ret == NULL || !has_password(*ret)
                   ? 0
                   : gf_fail(why, GF_E_USAGE, "--db",
                             "a password on a command line is everybody's to read: say "
                             "--db-file, or use PGPASSFILE");
    if (*ret != NULL)
        return gf_fail(why, GF_E_USAGE, "--db-file", "--db says the database already");

    int n = gf_file_read(file, (uint8_t *)space, ADMIN_DB_URL_MAX - 1, why);
    if (n < 0)
        return n;
    space[n] = '\0';
    space[strcspn(space, "\r\n")] = '\0';
    *ret = space;
    return has_password(space) ? check_mode(file, why) : 0;
}
