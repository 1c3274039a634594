/* ui.h - the terminal: start and stop of curses, roles instead of colours, text by cells, glyphs
 * with an ASCII set.
 *
 * Everything is drawn on the whole screen each time; curses sends what differs. All text is UTF-8
 * and may come from outside: control characters and broken bytes show as '?'. Coordinates are
 * cells; nothing is kept between two draws.
 */
#ifndef GF_TUI_UI_H
#define GF_TUI_UI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/err.h"

#define UI_ROWS_MIN 24
#define UI_COLS_MIN 80
#define UI_TEXT_MAX 512     /* bytes of one text that is drawn */

/* What a text means; looks come from the theme. Every role is told apart without colour, by its
 * attribute or by a sign or word in the text. */
enum role {
    ROLE_TEXT, ROLE_TITLE, ROLE_HEAD, ROLE_CHOSEN, ROLE_FIELD, ROLE_GOOD, ROLE_WARN, ROLE_BAD,
    ROLE_KEY, ROLE_DIM,
};

enum glyph {
    GLYPH_DONE, GLYPH_NOW, GLYPH_TODO, GLYPH_FAILED, GLYPH_VLINE, GLYPH_HLINE, GLYPH_FULL,
    GLYPH_EMPTY, GLYPH_MORE, GLYPH_BULLET, GLYPH_CORNER_TL, GLYPH_CORNER_TR, GLYPH_CORNER_BL,
    GLYPH_CORNER_BR, GLYPH_BAR1, GLYPH_BAR2, GLYPH_BAR3, GLYPH_BAR4,
};

struct ui_config {
    FILE *in, *out;             /* the terminal's two ends */
    const char *term;           /* of terminfo; NULL: $TERM */
    bool no_color, ascii;       /* of the command line; NO_COLOR and the locale count too */
};

struct ui {
    void *screen;               /* SCREEN of curses; NULL: not started */
    int in_fd;
    bool colour, utf8, ascii;
    bool greys;                 /* the terminal shows 24 of them, before and behind */
    int rows, cols;             /* as of the last ui_begin() */
    int cursor_y, cursor_x;     /* where the focus is */
};

/* Take the terminal: other screen, raw keys, colours. Restored by ui_stop(), and when a fatal
 * signal comes. 0, or GF_E_USAGE when curses knows no such terminal. One at a time. */
int ui_start(struct ui *ui, const struct ui_config *cfg, struct gf_fail *why);
void ui_stop(struct ui *ui);

/* Give the terminal back, stop the program as Ctrl-Z does, and take it again when it goes on. */
void ui_suspend(struct ui *ui);

/* Keys: characters as their code point, others as UI_KEY(KEY_...) of curses. */
#define UI_KEY(code) (0x110000 + (code))

/* The next key that was typed; -1 when there is none. Never blocks, but for 25 ms after Esc. */
int ui_key(struct ui *ui);

/* Start a drawing; false when the screen is too small, and says so on it. Then ui_end() sends
 * it. */
bool ui_begin(struct ui *ui);
void ui_end(struct ui *ui);

/* Forget what is on the terminal, so that the next drawing sends all of it. */
void ui_redraw(struct ui *ui);

/* Text in one line, at most `width` cells; what does not fit is cut and ends with the glyph for
 * "more". Returns the cells used. */
int ui_text(const struct ui *ui, int y, int x, int width, enum role role, const char *text);

/* The same with a format. */
int ui_printf(const struct ui *ui, int y, int x, int width, enum role role, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* A row that tells how many more there are, and the key that goes there ("": none does). */
void ui_more(const struct ui *ui, int y, int x, int width, size_t n, const char *key);

/* Text broken at spaces into lines of `width` cells, at most max_rows of them. Returns the rows
 * used. */
int ui_wrap(const struct ui *ui, int y, int x, int width, int max_rows, enum role role,
            const char *text);

/* Cells that the text takes; rows that ui_wrap() would use for it. */
int ui_width(const char *text);
int ui_rows(int width, const char *text);

/* Fill a line with spaces in a role; a line of the glyph. */
void ui_fill(const struct ui *ui, int y, int x, int width, enum role role);
void ui_hline(const struct ui *ui, int y, int x, int width);
void ui_vline(const struct ui *ui, int y, int x, int height);

/* An empty box with a frame. */
void ui_box(const struct ui *ui, int y, int x, int rows, int cols);

/* A bar of `width` cells that is `part` of `whole` full. */
void ui_gauge(const struct ui *ui, int y, int x, int width, unsigned long part,
              unsigned long whole);

/* One glyph in the set that this terminal shows: a static string. */
const char *ui_glyph(const struct ui *ui, enum glyph g);

/* Two pixels above each other in one cell, grey 0..255: the preview of a picture. Without enough
 * colours each is black or white, in a pattern whose density is the grey; in ASCII the cell is a
 * character whose weight is their mean. */
void ui_pixels(const struct ui *ui, int y, int x, unsigned char upper, unsigned char lower);

/* Say where the focus is; the terminal's cursor goes there when the drawing is sent. */
void ui_cursor(struct ui *ui, int y, int x);

#endif
