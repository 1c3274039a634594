/* list.h - a list's cursor and which of its rows are in the window. */
#ifndef GF_TUI_LIST_H
#define GF_TUI_LIST_H

#include <stddef.h>

enum move { MOVE_UP, MOVE_DOWN, MOVE_PAGE_UP, MOVE_PAGE_DOWN, MOVE_FIRST, MOVE_LAST };

struct list {
    size_t n, at, top;          /* rows; the chosen one; the first in the window */
    size_t rows;                /* height of the window when it was last drawn */
};

/* The list has n rows now; the cursor stays inside. */
void list_size(struct list *l, size_t n);

void list_move(struct list *l, enum move how);

/* The window is `rows` high: scroll so that the cursor is in it, and no row is left empty without
 * need. */
void list_window(struct list *l, size_t rows);

/* The same where the window's first row is for a hint when top > 0, and its last when the list goes on after
 * top + rows; `rows` is at least 3. l->rows is what is left for the list. Each hint stands for two rows or more. */
void list_window_hinted(struct list *l, size_t rows);

#endif
