/* input.h - one line of text that is being typed: its characters, the cursor in it, how it is
 * drawn. */
#ifndef GF_TUI_INPUT_H
#define GF_TUI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#include "tui/ui.h"

#define INPUT_CHARS 160
#define INPUT_BYTES (INPUT_CHARS * 4 + 1)

struct input {
    wchar_t text[INPUT_CHARS];
    size_t n, at;               /* characters; cursor before text[at] */
};

/* A key for the field: true when it was one of its own (text, arrows, Home, End, Backspace, Delete,
 * Ctrl-U clears). A full field takes no more. */
bool input_key(struct input *in, int key);

/* Empty it. */
void input_clear(struct input *in);

/* Its text as UTF-8; returns ret. */
char *input_text(const struct input *in, char ret[static INPUT_BYTES]);

/* Draw it in `width` cells, scrolled so that the cursor is seen, and put the terminal's cursor
 * there. */
void input_draw(const struct input *in, struct ui *ui, int y, int x, int width);

#endif
