/* ui.c - curses behind a narrow face; see ui.h. */
#define _XOPEN_SOURCE 700   /* wcwidth(), and the wide characters of curses */
#define _XOPEN_SOURCE_EXTENDED 1
#include "tui/ui.h"

#include <curses.h>
#include <langinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "common/text.h"

#define ESC_MS 25
#define GREY_FIRST 232      /* of the 256 colours: 24 greys from here */
#define GREYS 24

/* A role's looks: in colour, and without. */
static const struct {
    short fg, bg;
    attr_t colour, mono;
} theme[] = {
    [ROLE_TEXT] = {-1, -1, A_NORMAL, A_NORMAL},
    [ROLE_TITLE] = {COLOR_WHITE, COLOR_BLUE, A_BOLD, A_REVERSE},
    [ROLE_HEAD] = {COLOR_CYAN, -1, A_BOLD, A_BOLD},
    [ROLE_CHOSEN] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
    [ROLE_FIELD] = {-1, -1, A_UNDERLINE, A_UNDERLINE},
    [ROLE_GOOD] = {COLOR_GREEN, -1, A_NORMAL, A_NORMAL},
    [ROLE_WARN] = {COLOR_YELLOW, -1, A_BOLD, A_BOLD},
    [ROLE_BAD] = {COLOR_RED, -1, A_BOLD, A_BOLD},
    [ROLE_KEY] = {COLOR_CYAN, -1, A_BOLD, A_BOLD},
    [ROLE_DIM] = {-1, -1, A_DIM, A_NORMAL},
};
#define N_ROLES (sizeof theme / sizeof theme[0])
#define PAIR(role) ((short)((role) + 1))
#define GREY_PAIR(upper, lower) ((short)((int)N_ROLES + 1 + (int)(upper) * GREYS + (int)(lower)))

static const char *const glyphs[][2] = {
    [GLYPH_DONE] = {"✓", "x"},      [GLYPH_NOW] = {"▸", ">"},
    [GLYPH_TODO] = {"·", "."},      [GLYPH_FAILED] = {"✗", "!"},
    [GLYPH_VLINE] = {"│", "|"},     [GLYPH_HLINE] = {"─", "-"},
    [GLYPH_FULL] = {"█", "#"},      [GLYPH_EMPTY] = {"░", "."},
    [GLYPH_MORE] = {"…", "~"},      [GLYPH_BULLET] = {"•", "*"},
    [GLYPH_CORNER_TL] = {"┌", "+"}, [GLYPH_CORNER_TR] = {"┐", "+"},
    [GLYPH_CORNER_BL] = {"└", "+"}, [GLYPH_CORNER_BR] = {"┘", "+"},
    [GLYPH_BAR1] = {"▂", "#"},      [GLYPH_BAR2] = {"▄", "#"},
    [GLYPH_BAR3] = {"▆", "#"},      [GLYPH_BAR4] = {"█", "#"},
};

/* What a fatal signal needs to give the terminal back; nothing else may be touched then. */
static struct {
    volatile sig_atomic_t armed;
    int fd;
    struct termios before;
    char restore[64];           /* end of the other screen, cursor on, plain letters */
} crash;

static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
#define N_FATAL (sizeof fatal / sizeof fatal[0])

static void on_fatal(int signo)
{
    if (crash.armed != 0) {
        crash.armed = 0;
        (void)!write(crash.fd, crash.restore, strlen(crash.restore));
        (void)tcsetattr(crash.fd, TCSANOW, &crash.before);
    }
    (void)raise(signo);         /* SA_RESETHAND: this time it ends the program */
}

static void append_capability(const char *name)
{
    const char *text = tigetstr(name);
    size_t n = strlen(crash.restore);

    if (text != NULL && text != (char *)-1 && strlen(text) < sizeof crash.restore - n)
        (void)gf_copy(crash.restore + n, sizeof crash.restore - n, text);
}

static void arm_crash(const struct ui_config *cfg, const struct termios *before)
{
    struct sigaction act = {.sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};

    crash.fd = fileno(cfg->out);
    crash.before = *before;
    crash.restore[0] = '\0';
    append_capability("sgr0");
    append_capability("cnorm");
    append_capability("rmcup");
    crash.armed = 1;
    for (size_t i = 0; i < N_FATAL; i++)
        (void)sigaction(fatal[i], &act, NULL);
}

static void disarm_crash(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};

    crash.armed = 0;
    for (size_t i = 0; i < N_FATAL; i++)
        (void)sigaction(fatal[i], &usual, NULL);
}

/* True when greys can be shown. */
static bool start_colours(void)
{
    (void)start_color();
    (void)use_default_colors();
    for (size_t i = 0; i < N_ROLES; i++)
        (void)init_pair(PAIR(i), theme[i].fg, theme[i].bg);
    if (COLORS < 256 || COLOR_PAIRS < (int)GREY_PAIR(GREYS - 1, GREYS - 1))
        return false;
    for (short up = 0; up < GREYS; up++)
        for (short low = 0; low < GREYS; low++)
            (void)init_pair(GREY_PAIR(up, low), (short)(GREY_FIRST + up),
                            (short)(GREY_FIRST + low));
    return true;
}

int ui_start(struct ui *ui, const struct ui_config *cfg, struct gf_fail *why)
{
    const char *no_color = getenv("NO_COLOR"),
               *term = cfg->term != NULL ? cfg->term : getenv("TERM");
    struct termios before = {0};
    SCREEN *screen;

    *ui = (struct ui){.in_fd = fileno(cfg->in)};
    (void)tcgetattr(fileno(cfg->out), &before);
    (void)set_escdelay(ESC_MS);
    screen = newterm(cfg->term, cfg->out, cfg->in);
    if (screen == NULL)
        return gf_fail(why, GF_E_USAGE, "terminal",
                       term != NULL ? term : "TERM is not set; gasfitter --plain needs none");
    ui->screen = screen;
    (void)set_term(screen);
    ui->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    ui->ascii = cfg->ascii || !ui->utf8;
    ui->colour = !cfg->no_color && (no_color == NULL || no_color[0] == '\0') && has_colors();
    arm_crash(cfg, &before);
    (void)raw();
    (void)noecho();
    (void)nonl();
    (void)keypad(stdscr, TRUE);
    (void)nodelay(stdscr, TRUE);
    (void)curs_set(1);
    ui->greys = ui->colour && start_colours();
    return 0;
}

void ui_stop(struct ui *ui)
{
    if (ui->screen == NULL)
        return;
    (void)endwin();
    disarm_crash();
    delscreen(ui->screen);
    *ui = (struct ui){.in_fd = -1};
}

void ui_suspend(struct ui *ui)
{
    (void)endwin();
    (void)raise(SIGTSTP);
    ui_redraw(ui);
}

int ui_key(struct ui *ui)
{
    wint_t c;
    int r;

    (void)ui;
    r = get_wch(&c);
    return r == ERR ? -1 : r == KEY_CODE_YES ? UI_KEY((int)c) : (int)c;
}

bool ui_begin(struct ui *ui)
{
    char text[160];

    getmaxyx(stdscr, ui->rows, ui->cols);
    (void)werase(stdscr);
    ui->cursor_y = ui->cursor_x = 0;
    if (ui->rows >= UI_ROWS_MIN && ui->cols >= UI_COLS_MIN)
        return true;
    (void)snprintf(text, sizeof text,
                   "Gasfitter needs a terminal of %d columns and %d rows; this one has %d and %d. "
                   "Make it larger.",
                   UI_COLS_MIN, UI_ROWS_MIN, ui->cols, ui->rows);
    (void)ui_wrap(ui, 0, 0, ui->cols, ui->rows, ROLE_TEXT, text);
    return false;
}

void ui_end(struct ui *ui)
{
    (void)move(ui->cursor_y, ui->cursor_x);
    (void)wnoutrefresh(stdscr);
    (void)doupdate();
}

void ui_redraw(struct ui *ui)
{
    (void)ui;
    (void)clearok(stdscr, TRUE);
}

/* The next character of text that went through gf_visible(), so it is well-formed; one that cannot
 * be shown is '?'. */
static wchar_t next_char(const struct ui *ui, const char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    wchar_t c = n == 1 ? p[0] : (wchar_t)(p[0] & (0xFF >> (n + 1)));

    for (size_t i = 1; i < n; i++)
        c = (wchar_t)(c << 6 | (p[i] & 0x3F));
    *at += n;
    return (n > 1 && !ui->utf8) || wcwidth(c) < 0 ? L'?' : c;
}

static attr_t looks(const struct ui *ui, enum role role)
{
    return ui->colour ? theme[role].colour | (attr_t)COLOR_PAIR(PAIR(role)) : theme[role].mono;
}

/* Draw from..to, at most width cells; cells used. */
static int draw_run(const struct ui *ui, int y, int x, int width, enum role role, const char *from,
                    const char *to)
{
    int used = 0;

    (void)attrset((int)looks(ui, role));
    (void)move(y, x);
    while (from < to) {
        wchar_t c = next_char(ui, &from);
        int w = wcwidth(c);

        if (used + w > width)
            break;
        (void)addnwstr(&c, 1);
        used += w;
    }
    (void)attrset(A_NORMAL);
    return used;
}

/* Cells of from..to. */
static int run_width(const struct ui *ui, const char *from, const char *to)
{
    int used = 0;

    while (from < to)
        used += wcwidth(next_char(ui, &from));
    return used;
}

int ui_text(const struct ui *ui, int y, int x, int width, enum role role, const char *text)
{
    char seen[UI_TEXT_MAX];
    const char *end;
    int used;

    if (width <= 0)
        return 0;
    gf_visible(seen, sizeof seen, text, strlen(text));
    end = seen + strlen(seen);
    if (run_width(ui, seen, end) <= width)
        return draw_run(ui, y, x, width, role, seen, end);
    used = draw_run(ui, y, x, width - 1, role, seen, end);
    end = ui_glyph(ui, GLYPH_MORE);
    return used + draw_run(ui, y, x + used, 1, role, end, end + strlen(end));
}

int ui_printf(const struct ui *ui, int y, int x, int width, enum role role, const char *format, ...)
{
    char text[UI_TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ui_text(ui, y, x, width, role, text);
}

void ui_more(const struct ui *ui, int y, int x, int width, size_t n, const char *key)
{
    (void)ui_printf(ui, y, x, width, ROLE_WARN, "%zu more%s%s", n, key[0] != '\0' ? ": " : "", key);
}

/* Where a line of at most `width` cells that begins at `line` ends: at the last space at which it
 * fits, or, without one, after as many characters as fit. */
static const char *line_end(const struct ui *ui, int width, const char *line)
{
    const char *end = line, *at = line;

    while (*at != '\0') {
        const char *word = at + strcspn(at + 1, " ") + 1;

        if (run_width(ui, line, word) > width)
            break;
        end = at = word;
    }
    while (end == line || (*end != '\0' && *end != ' ')) {
        at = end;
        (void)next_char(ui, &at);
        if (run_width(ui, line, at) > width)
            break;
        end = at;
    }
    return end;
}

int ui_wrap(const struct ui *ui, int y, int x, int width, int max_rows, enum role role,
            const char *text)
{
    char seen[UI_TEXT_MAX];
    const char *line = seen;
    int rows = 0;

    gf_visible(seen, sizeof seen, text, strlen(text));
    while (*line != '\0' && rows < max_rows) {
        const char *end = line_end(ui, width, line);

        if (end == line)
            break;              /* not even one character fits */
        if (rows == max_rows - 1 && *end != '\0')
            return rows + (ui_text(ui, y + rows, x, width, role, line) > 0);
        (void)draw_run(ui, y + rows, x, width, role, line, end);
        rows++;
        line = end + strspn(end, " ");
    }
    return rows;
}

/* Widths do not depend on the terminal but for characters that it cannot show, which are '?'
 * there. */
static const struct ui any_terminal = {.utf8 = true};

int ui_width(const char *text)
{
    char seen[UI_TEXT_MAX];

    gf_visible(seen, sizeof seen, text, strlen(text));
    return run_width(&any_terminal, seen, seen + strlen(seen));
}

int ui_rows(int width, const char *text)
{
    char seen[UI_TEXT_MAX];
    const char *line = seen;
    int rows = 0;

    gf_visible(seen, sizeof seen, text, strlen(text));
    while (*line != '\0') {
        const char *end = line_end(&any_terminal, width, line);

        if (end == line)
            break;
        rows++;
        line = end + strspn(end, " ");
    }
    return rows;
}

void ui_fill(const struct ui *ui, int y, int x, int width, enum role role)
{
    (void)attrset((int)looks(ui, role));
    (void)mvhline(y, x, ' ' | looks(ui, role), width);
    (void)attrset(A_NORMAL);
}

void ui_hline(const struct ui *ui, int y, int x, int width)
{
    for (int i = 0; i < width; i++)
        (void)ui_text(ui, y, x + i, 1, ROLE_DIM, ui_glyph(ui, GLYPH_HLINE));
}

void ui_vline(const struct ui *ui, int y, int x, int height)
{
    for (int i = 0; i < height; i++)
        (void)ui_text(ui, y + i, x, 1, ROLE_DIM, ui_glyph(ui, GLYPH_VLINE));
}

void ui_box(const struct ui *ui, int y, int x, int rows, int cols)
{
    for (int i = 0; i < rows; i++)
        ui_fill(ui, y + i, x, cols, ROLE_TEXT);
    ui_hline(ui, y, x, cols);
    ui_hline(ui, y + rows - 1, x, cols);
    ui_vline(ui, y, x, rows);
    ui_vline(ui, y, x + cols - 1, rows);
    (void)ui_text(ui, y, x, 1, ROLE_DIM, ui_glyph(ui, GLYPH_CORNER_TL));
    (void)ui_text(ui, y, x + cols - 1, 1, ROLE_DIM, ui_glyph(ui, GLYPH_CORNER_TR));
    (void)ui_text(ui, y + rows - 1, x, 1, ROLE_DIM, ui_glyph(ui, GLYPH_CORNER_BL));
    (void)ui_text(ui, y + rows - 1, x + cols - 1, 1, ROLE_DIM, ui_glyph(ui, GLYPH_CORNER_BR));
}

void ui_gauge(const struct ui *ui, int y, int x, int width, unsigned long part, unsigned long whole)
{
    unsigned long full = whole > 0 ? (part < whole ? part : whole) * (unsigned long)width / whole
                                   : 0;

    for (int i = 0; i < width; i++)
        (void)ui_text(ui, y, x + i, 1, ROLE_TEXT,
                      ui_glyph(ui, (unsigned long)i < full ? GLYPH_FULL : GLYPH_EMPTY));
}

const char *ui_glyph(const struct ui *ui, enum glyph g)
{
    return glyphs[g][ui->ascii ? 1 : 0];
}

/* Is a pixel of this grey white on a terminal without greys? Neighbours have other thresholds. */
static bool is_white(int y, int x, unsigned char grey)
{
    static const unsigned char threshold[2][4] = {{48, 176, 80, 208}, {240, 112, 144, 16}};

    return grey > threshold[y % 2][x % 4];
}

void ui_pixels(const struct ui *ui, int y, int x, unsigned char upper, unsigned char lower)
{
    static const char weight[] = " .:-=+*#%@";
    static const char *const halves[2][2] = {{" ", "▄"}, {"▀", "█"}};
    char c[2] = {weight[(upper + lower) / 2u * (sizeof weight - 1) / 256u], '\0'};

    if (ui->ascii) {
        (void)ui_text(ui, y, x, 1, ROLE_TEXT, c);
    } else if (!ui->greys) {
        (void)ui_text(ui, y, x, 1, ROLE_TEXT,
                      halves[is_white(2 * y, x, upper)][is_white(2 * y + 1, x, lower)]);
    } else {
        (void)attrset(0);
        (void)color_set(GREY_PAIR(upper * GREYS / 256u, lower * GREYS / 256u), NULL);
        (void)mvaddnwstr(y, x, L"▀", 1);
        (void)attrset(A_NORMAL);
    }
}

void ui_cursor(struct ui *ui, int y, int x)
{
    ui->cursor_y = y;
    ui->cursor_x = x;
}
