/* screen.c - a terminal in this process; see screen.h. */
#define _XOPEN_SOURCE 700
#include "tests/aid/screen.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vterm.h>

#include <cmocka.h>

#include "tests/aid/proc.h"

#define WAIT_MS 5000
#define GOLDEN_MAX 65536

/* Answers of the terminal (cursor position, device attributes) go back to the program. */
static void on_output(const char *p, size_t n, void *user)
{
    const struct screen *s = user;

    (void)!write(s->master, p, n);
}

static int on_property(VTermProp prop, VTermValue *value, void *user)
{
    struct screen *s = user;

    if (prop == VTERM_PROP_ALTSCREEN)
        s->other = value->boolean != 0;
    return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property};

void screen_open(struct screen *s, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    int slave;

    *s = (struct screen){.rows = rows, .cols = cols, .master = -1};
    (void)unsetenv("LINES");
    (void)unsetenv("COLUMNS");
    (void)unsetenv("NO_COLOR");
    assert_int_equal(openpty(&s->master, &slave, NULL, NULL, &size), 0);
    s->in = fdopen(slave, "r");
    s->out = fdopen(dup(slave), "w");
    assert_non_null(s->in);
    assert_non_null(s->out);
    s->vt = vterm_new(rows, cols);
    assert_non_null(s->vt);
    vterm_set_utf8(s->vt, 1);
    vterm_output_set_callback(s->vt, on_output, s);
    vterm_screen_set_callbacks(vterm_obtain_screen(s->vt), &callbacks, s);
    vterm_screen_enable_altscreen(vterm_obtain_screen(s->vt), 1);
    vterm_screen_reset(vterm_obtain_screen(s->vt), 1);
}

void screen_close(struct screen *s)
{
    if (s->vt != NULL)
        vterm_free(s->vt);
    if (s->in != NULL)
        (void)fclose(s->in);
    if (s->out != NULL)
        (void)fclose(s->out);
    if (s->master >= 0)
        (void)close(s->master);
    *s = (struct screen){.master = -1};
}

/* True when the mark is among the last bytes. */
static bool take(struct screen *s, const char *bytes, size_t n, const char *mark)
{
    (void)vterm_input_write(s->vt, bytes, n);
    s->bytes += n;
    for (size_t i = 0; i < n; i++) {
        if (s->n_tail == sizeof s->tail - 1) {
            memmove(s->tail, s->tail + 1, s->n_tail - 1);
            s->n_tail--;
        }
        s->tail[s->n_tail++] = bytes[i];
        s->tail[s->n_tail] = '\0';
        if (strstr(s->tail, mark) != NULL)
            return true;
    }
    return false;
}

/* The kernel hands a pty's bytes over by and by, but in order: a mark behind them says that all are
 * there. It is a title string that terminals ignore. */
void screen_sync(struct screen *s)
{
    char mark[32], bytes[4096];
    bool found = false;
    int n = snprintf(mark, sizeof mark, "\033]777;mark %u\007", ++s->marks);

    (void)fflush(s->out);
    assert_int_equal(write(fileno(s->out), mark, (size_t)n), n);
    while (!found) {
        struct pollfd p = {.fd = s->master, .events = POLLIN};
        ssize_t got;

        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        got = read(s->master, bytes, sizeof bytes);
        assert_true(got > 0);
        found = take(s, bytes, (size_t)got, mark);
    }
    s->bytes -= (size_t)n;
}

void screen_type(struct screen *s, const char *bytes)
{
    size_t n = strlen(bytes);
    int there = 0;

    assert_int_equal(write(s->master, bytes, n), n);
    for (long long end = aid_now_ms() + WAIT_MS; there < (int)n;) {
        assert_true(aid_now_ms() < end);
        assert_int_equal(ioctl(fileno(s->in), FIONREAD, &there), 0);
    }
}

void screen_resize(struct screen *s, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

    s->rows = rows;
    s->cols = cols;
    assert_int_equal(ioctl(s->master, TIOCSWINSZ, &size), 0);
    vterm_set_size(s->vt, rows, cols);
    (void)raise(SIGWINCH);
}

static size_t put_utf8(char *to, uint32_t c)
{
    size_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

    to[0] = (char)(uint8_t)(more == 0 ? c : (0xFF00u >> (more + 1) & 0xFF) | c >> (6 * more));
    for (size_t i = 1; i <= more; i++)
        to[i] = (char)(uint8_t)(0x80 | (c >> (6 * (more - i)) & 0x3F));
    return more + 1;
}

/* One row without trailing spaces; returns its bytes. */
static size_t row_text(struct screen *s, int row, char *to)
{
    size_t n = 0, kept = 0;

    for (int col = 0; col < s->cols; col++) {
        VTermScreenCell cell;

        (void)vterm_screen_get_cell(vterm_obtain_screen(s->vt), (VTermPos){row, col}, &cell);
        if (cell.chars[0] == (uint32_t)-1)
            continue;           /* the second half of a wide character */
        if (cell.chars[0] == 0)
            to[n++] = ' ';
        for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i] != 0; i++)
            n += put_utf8(to + n, cell.chars[i]);
        if (cell.chars[0] != 0 && cell.chars[0] != ' ')
            kept = n;
    }
    to[kept] = '\0';
    return kept;
}

char *screen_text(struct screen *s)
{
    char *text = malloc((size_t)s->rows * ((size_t)s->cols * 4 * VTERM_MAX_CHARS_PER_CELL + 1) +
                        40);
    VTermPos at;
    size_t n = 0;

    assert_non_null(text);
    for (int row = 0; row < s->rows; row++) {
        n += row_text(s, row, text + n);
        text[n++] = '\n';
    }
    vterm_state_get_cursorpos(vterm_obtain_state(s->vt), &at);
    (void)snprintf(text + n, 40, "cursor %d,%d\n", at.row, at.col);
    return text;
}

bool screen_shows(struct screen *s, const char *text)
{
    char *all = screen_text(s);
    bool found = strstr(all, text) != NULL;

    free(all);
    return found;
}

bool screen_is_coloured(struct screen *s)
{
    VTermScreenCell cell;

    for (int row = 0; row < s->rows; row++)
        for (int col = 0; col < s->cols; col++) {
            (void)vterm_screen_get_cell(vterm_obtain_screen(s->vt), (VTermPos){row, col}, &cell);
            if (!VTERM_COLOR_IS_DEFAULT_FG(&cell.fg) || !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg))
                return true;
        }
    return false;
}

bool screen_is_reverse(struct screen *s, int row, int col)
{
    VTermScreenCell cell;

    (void)vterm_screen_get_cell(vterm_obtain_screen(s->vt), (VTermPos){row, col}, &cell);
    return cell.attrs.reverse != 0;
}

void golden_check(const char *path, const char *text)
{
    static char wanted[GOLDEN_MAX];
    const char *generate = getenv("GENERATE");
    FILE *f = fopen(path, generate != NULL && generate[0] == '1' ? "w" : "r");
    size_t n, line = 1, at = 0;

    if (f == NULL)
        fail_msg("%s cannot be opened; GENERATE=1 makes it", path);
    if (generate != NULL && generate[0] == '1') {
        n = fwrite(text, 1, strlen(text), f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(n, strlen(text));
        return;
    }
    n = fread(wanted, 1, sizeof wanted - 1, f);
    wanted[n] = '\0';
    (void)fclose(f);
    if (strcmp(wanted, text) == 0)
        return;
    for (; wanted[at] == text[at]; at++)
        line += text[at] == '\n';
    (void)fprintf(stderr, "# %s differs from line %zu on; this is:\n%s", path, line, text);
    fail_msg("%s line %zu", path, line);
}

void screen_golden(struct screen *s, const char *name)
{
    char path[128], *text = screen_text(s);

    (void)snprintf(path, sizeof path, "tests/golden/%s.txt", name);
    golden_check(path, text);
    free(text);
}
