#ifndef GF_TESTS_AID_SCREEN_H
#define GF_TESTS_AID_SCREEN_H
/*
 * A terminal in this process: a pty whose program end a test hands to curses, and libvterm behind
 * the other end, so that tests see what a person sees. Nothing waits without a bound.
 */
#include <stdbool.h>
#include <stdio.h>

struct screen {
    FILE *in, *out;             /* the program's two ends */
    int rows, cols;
    int master;
    unsigned marks;             /* sent so far */
    size_t bytes;               /* that came from the program */
    bool other;                 /* the other screen is shown */
    struct VTerm *vt;
    char tail[64];              /* the last bytes seen, to find a mark in */
    size_t n_tail;
};

/* Open one, and pin what curses looks at: LINES and COLUMNS, NO_COLOR, ESCDELAY. Fails the test
 * when it cannot. */
void screen_open(struct screen *s, int rows, int cols);
void screen_close(struct screen *s);

/* Take everything that the program wrote until now. */
void screen_sync(struct screen *s);

/* Type bytes, and wait until the program could read them. */
void screen_type(struct screen *s, const char *bytes);

/* Give the terminal another size, and tell the program (SIGWINCH). */
void screen_resize(struct screen *s, int rows, int cols);

/* The screen as text: rows without trailing spaces, each with a newline, then "cursor ROW,COL". To
 * be freed. */
char *screen_text(struct screen *s);

/* Is the text on the screen, inside one row? */
bool screen_shows(struct screen *s, const char *text);

/* Is any cell in a colour of its own; is the cell reversed? */
bool screen_is_coloured(struct screen *s);
bool screen_is_reverse(struct screen *s, int row, int col);

/* Compare the screen with tests/golden/NAME.txt; fails the test with the first row that differs.
 * With GENERATE=1 in the environment the file is written instead. golden_check() does it for any
 * text. */
void screen_golden(struct screen *s, const char *name);
void golden_check(const char *path, const char *text);

#endif
