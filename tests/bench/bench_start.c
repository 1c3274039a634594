/* bench_start.c - from starting gasfitter to the worklist on its screen, beside a program that
 * draws one frame with bare curses on the same kind of terminal, and beside the passphrase's scrypt
 * alone.
 *
 * With --floor this program is that other one.
 */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "db/db.h"
#include "tests/bench/bench.h"

#define ROUNDS 7
#define ROWS 24
#define COLS 80
#define BOUND_MS 30000

/* ---- the floor ---- */

static int draw_one_frame(void)
{
    (void)initscr();
    (void)raw();
    (void)noecho();
    for (int row = 0; row < ROWS - 1; row++)
        (void)mvprintw(row, 0, "  row %-70d", row);
    (void)mvaddstr(ROWS - 1, 0, BENCH_JOB);
    (void)refresh();
    return pause(); /* until the bench ends it */
}

/* ---- a program on a terminal ---- */

static pid_t start_on_pty(const char *const argv[], int *ret_master)
{
    struct winsize size = {.ws_row = ROWS, .ws_col = COLS};
    pid_t parent = getpid(), pid = forkpty(ret_master, NULL, NULL, &size);
    char *args[16] = {NULL};

    if (pid != 0)
        return pid;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(126);
    for (size_t i = 0; argv[i] != NULL && i < 15; i++)
        args[i] = strdup(argv[i]);
    (void)execv(args[0], args);
    _exit(127);
}

/* Read until the mark has been seen (NULL: until the program has closed its terminal). */
static bool read_until(int master, const char *mark)
{
    static char seen[65536];
    long long end = aid_now_ms() + BOUND_MS;
    size_t n = 0;

    for (;;) {
        struct pollfd p = {.fd = master, .events = POLLIN};
        long long left = end - aid_now_ms();
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        ssize_t got;

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        got = read(master, seen + n, sizeof seen - 1 - n);
        if (got <= 0)
            return mark == NULL;
        n += (size_t)got;
        seen[n] = '\0';
        if (mark != NULL && strstr(seen, mark) != NULL)
            return true;
        if (mark == NULL || n > sizeof seen / 2)
            n = 0;
    }
}

/* Milliseconds from before its start until the mark is on its terminal; then it is ended. */
static double time_to_frame(const char *const argv[])
{
    double start = bench_now_us(), ms;
    int master;
    pid_t pid = start_on_pty(argv, &master);

    bench_need(pid > 0, argv[0]);
    bench_need(read_until(master, BENCH_JOB), "the first frame");
    ms = (bench_now_us() - start) / 1e3;
    (void)kill(pid, SIGTERM);
    bench_need(read_until(master, NULL) && aid_wait_exit(pid, BOUND_MS) >= 0,
               "the end of the program");
    (void)close(master);
    return ms;
}

/* Milliseconds of one guess at the passphrase, as db_open() makes it. */
static double scrypt_alone(void)
{
    static const uint8_t salt[16] = "sixteen bytes...";
    uint8_t key[32];
    double start = bench_now_us();

    bench_need(EVP_PBE_scrypt(BENCH_PASSPHRASE, strlen(BENCH_PASSPHRASE), salt, sizeof salt,
                              DB_SCRYPT_N, 8, 1, UINT64_C(256) << 20, key, sizeof key) == 1,
               "scrypt");
    return (bench_now_us() - start) / 1e3;
}

/* Both laptops, the bare frame and scrypt, in turn. */
struct times {
    double whole[ROUNDS], cheap[ROUNDS], bare[ROUNDS], guess[ROUNDS];
};

static double time_of_app(const struct bench_world *w)
{
    const char *const app[] = {
        aid_program("gasfitter"), "--data", w->laptop, "--passphrase-file", w->passphrase,
        "--bus", w->bus.address, NULL,
    };

    return time_to_frame(app);
}

/* The medians of both, and of their ratio in each round. */
static void row(const char *what, const double *ours, const double *peer)
{
    double a[ROUNDS], b[ROUNDS], ratio[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++) {
        a[i] = ours[i];
        b[i] = peer[i];
        ratio[i] = a[i] / b[i];
    }
    bench_row(what, "ms", bench_quantile(a, ROUNDS, 0.5), bench_quantile(b, ROUNDS, 0.5),
              bench_quantile(ratio, ROUNDS, 0.5));
}

int main(int argc, char **argv)
{
    struct bench_world w = {.mtu = 247, .rate = 1, .purge_l = 10, .parts = BENCH_WITH_OFFICE};
    struct bench_world cheap = w;
    const char *const floor[] = {argv[0], "--floor", NULL};
    struct times t;

    if (argc == 2 && strcmp(argv[1], "--floor") == 0)
        return draw_one_frame();
    cheap.cheap_scrypt = true;
    bench_world_start(&w);
    bench_world_start(&cheap);
    for (size_t i = 0; i < ROUNDS; i++) {
        t.whole[i] = time_of_app(&w);
        t.cheap[i] = time_of_app(&cheap);
        t.bare[i] = time_to_frame(floor);
        t.guess[i] = scrypt_alone();
    }
    bench_world_stop(&cheap);
    bench_world_stop(&w);
    row("start to the worklist, against one bare curses frame", t.whole, t.bare);
    row("the same with scrypt at N = 16", t.cheap, t.bare);
    row("scrypt alone, against the whole start", t.guess, t.whole);
    return 0;
}
