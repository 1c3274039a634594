/* panel.c - the meter on a terminal; see panel.h. */
#include "meter-core/port/host/panel.h"

#include <curses.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include "common/text.h"
#include "meter-core/port/host/words.h"

#define ESC 27
#define DIGITS_MAX 40               /* typed: 25, and what is put between them */
#define LCD_COL 2
#define FACT_COL 26
#define FACT2_COL 54
#define ACTION_ROW 8

struct gm_panel {
    SCREEN *screen;
    struct gm_stand *stand;
    struct gm_signals *signals;
    const struct gm_panel_events *events;
    char message[GM_ANSWER_MAX];    /* what the last key did */
    bool asking;                    /* for digits */
    char digits[DIGITS_MAX + 1];
    size_t digits_n;
    struct gf_source source;
};

/* ---- drawing ---- */

/* Text at a place, cut at the window's edge, foreign bytes as '?'. */
__attribute__((format(printf, 3, 4)))
static void put(int row, int col, const char *form, ...)
{
    char text[256];
    va_list args;

    va_start(args, form);
    (void)vsnprintf(text, sizeof text, form, args);
    va_end(args);
    for (char *p = text; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    if (col < COLS)
        (void)mvaddnstr(row, col, text, COLS - col);
}

static void draw_lcd(const struct gm_stand *s)
{
    static const char edge[] = "+------------------+";
    struct mc_lcd lcd;

    mc_meter_lcd(s->meter, &lcd);
    put(2, LCD_COL, "%s", edge);
    for (int i = 0; i < 2; i++) {
        put(3 + i, LCD_COL, "| %-*s |", MC_LCD_COLUMNS, lcd.line[i]);
        (void)mvchgat(3 + i, LCD_COL + 2, MC_LCD_COLUMNS, A_BOLD, 0, NULL);
    }
    put(5, LCD_COL, "%s", edge);
}

static void draw_facts(const struct gm_stand *s)
{
    gasm_Balance b = gasm_Balance_init_zero;
    gasm_Supply supply = gasm_Supply_init_zero;
    gasm_Identity who = gasm_Identity_init_zero;
    char locks[GM_LOCKS_TEXT], clock[40], rtc[21];

    mc_meter_balance(s->meter, &b);
    mc_meter_supply(s->meter, &supply);
    mc_meter_identity(s->meter, &who);
    gf_utc_text(who.clock_s < 0 ? 0 : who.clock_s, rtc);
    (void)snprintf(clock, sizeof clock, "%s%s", rtc, who.clock_valid ? "" : " (not set)");
    (void)attron(A_REVERSE);
    put(0, 0, " gasmeter %.*s  %-12s meter's time %-*s", GF_METER_ID_LEN,
        (const char *)who.meter_id, gm_life_word(b.state), COLS < 240 ? COLS : 240, clock);
    (void)attroff(A_REVERSE);
    put(2, FACT_COL, "valve     %s", gm_valve_word(b.valve));
    put(3, FACT_COL, "gas       %" PRId64 " l/h", gm_body_flow(s->body));
    put(4, FACT_COL, "index     %" PRIu64 " l", b.totals.index_l);
    put(5, FACT_COL, "residual  %" PRId64 " l", b.residual_l);
    put(2, FACT2_COL, "armed    %" PRIu32 " s", supply.armed_s);
    put(3, FACT2_COL, "watch    %" PRIu32 " s", supply.watch_s);
    put(4, FACT2_COL, "locks    %s", gm_locks_word(supply.locks, locks));
    put(5, FACT2_COL, "account  %" PRIu64 ", epoch %" PRIu32, b.account_no, who.active_epoch);
    put(6, LCD_COL, "link: %s; radio: %s", s->connected ? "connected" : "not connected", s->radio);
}

static void draw_actions(const struct gm_stand *s)
{
    size_t n;
    const struct gm_action *rows = gm_actions(&n);
    int row = ACTION_ROW;

    for (size_t i = 0; i < n; i++) {
        char value[40];

        if (rows[i].key == 0)
            continue;
        gm_action_value(s, &rows[i], value, sizeof value);
        put(row++, LCD_COL, "%c %c  %-12s%-20s %s", rows[i].key,
            rows[i].back != 0 ? rows[i].back : ' ', rows[i].name, value, rows[i].help);
    }
}

static void draw(const struct gm_panel *p)
{
    (void)erase();
    if (LINES < GM_PANEL_ROWS || COLS < GM_PANEL_COLS) {
        put(0, 0, "Make it larger: %dx%d.", GM_PANEL_COLS, GM_PANEL_ROWS);
    } else {
        draw_lcd(p->stand);
        draw_facts(p->stand);
        draw_actions(p->stand);
        put(LINES - 1, 0, "%s", p->message);
    }
    if (p->asking) {
        (void)move(LINES - 1, 0);
        (void)clrtoeol();
        put(LINES - 1, 0, "digits: %s", p->digits);
        put(LINES - 1, 50, " Enter types, Esc leaves");
        (void)move(LINES - 1, 8 + (int)p->digits_n);
    }
    (void)curs_set(p->asking ? 1 : 0);
    (void)refresh();
}

/* ---- keys ---- */

static void run_digits(struct gm_panel *p)
{
    char line[DIGITS_MAX + 8];
    int n = snprintf(line, sizeof line, "type %s", p->digits);

    (void)gm_action_line(p->stand, line, (size_t)n, p->message);
    p->asking = false;
    p->events->acted(p->events->ctx);
}

static void digit_key(struct gm_panel *p, int key)
{
    if (key == ESC) {
        p->asking = false;
    } else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
        run_digits(p);
    } else if (key == KEY_BACKSPACE || key == '\b' || key == 0x7F) {
        if (p->digits_n > 0)
            p->digits[--p->digits_n] = '\0';
    } else if (p->digits_n < DIGITS_MAX && key > 0 && key < 128 &&
               strchr("0123456789 -", key) != NULL) {
        p->digits[p->digits_n++] = (char)key;
        p->digits[p->digits_n] = '\0';
    }
}

static void action_key(struct gm_panel *p, int key)
{
    switch (gm_action_key(p->stand, key, p->message)) {
    case GM_KEY_DONE:
        p->events->acted(p->events->ctx);
        break;
    case GM_KEY_DIGITS:
        p->asking = true;
        p->digits_n = 0;
        p->digits[0] = '\0';
        break;
    case GM_KEY_QUIT:
        p->events->quit(p->events->ctx);
        break;
    case GM_KEY_UNKNOWN:
        (void)snprintf(p->message, sizeof p->message, "this key does nothing");
        break;
    }
}

static void resize(struct gm_panel *p)
{
    struct winsize size;

    if (!p->signals->resized)
        return;
    p->signals->resized = false;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        (void)resizeterm(size.ws_row, size.ws_col);
}

/* ---- the source ---- */

static size_t fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    (void)ctx;
    if (cap == 0)
        return 0;
    ret[0] = (struct gf_pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    return 1;
}

static int never(void *ctx)
{
    (void)ctx;
    return -1;
}

static void process(void *ctx, const struct gf_pollfd *events, size_t n)
{
    struct gm_panel *p = ctx;
    int key;

    resize(p);
    if (n > 0 && (events[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
        p->events->quit(p->events->ctx);        /* the terminal has gone */
    while ((key = getch()) != ERR) {
        if (key == KEY_RESIZE)
            continue;
        if (p->asking)
            digit_key(p, key);
        else
            action_key(p, key);
    }
    draw(p);
}

/* Asked before newterm(), which forgets memory when it fails. */
static bool is_known_terminal(void)
{
    int said;

    if (setupterm(NULL, STDOUT_FILENO, &said) != OK)
        return false;
    (void)del_curterm(cur_term);
    return true;
}

int gm_panel_new(struct gm_stand *stand, struct gm_signals *signals,
                 const struct gm_panel_events *events, struct gm_panel **ret, struct gf_fail *why)
{
    const char *term = getenv("TERM");
    struct gm_panel *p;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return gf_fail(why, GF_E_USAGE, "panel", "standard input and output are no terminal");
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return gf_fail(why, GF_E_MEMORY, "panel", "");
    p->stand = stand;
    p->signals = signals;
    p->events = events;
    p->source = (struct gf_source){p, fds, never, process};
    p->screen = is_known_terminal() ? newterm(NULL, stdout, stdin) : NULL;
    if (p->screen == NULL) {
        free(p);
        return gf_fail(why, GF_E_USAGE, "terminal", term != NULL ? term : "TERM is not set");
    }
    (void)set_escdelay(25);
    (void)cbreak();
    (void)noecho();
    (void)keypad(stdscr, TRUE);
    (void)nodelay(stdscr, TRUE);
    *ret = p;
    return 0;
}

struct gm_panel *gm_panel_free(struct gm_panel *p)
{
    if (p == NULL)
        return NULL;
    (void)endwin();
    delscreen(p->screen);
    free(p);
    return NULL;
}

const struct gf_source *gm_panel_source(struct gm_panel *p)
{
    return &p->source;
}
