/* list.c - moving in lists; see list.h. */
#include "tui/list.h"

void list_size(struct list *l, size_t n)
{
    l->n = n;
    if (l->at >= n)
        l->at = n > 0 ? n - 1 : 0;
}

void list_move(struct list *l, enum move how)
{
    size_t last = l->n > 0 ? l->n - 1 : 0, page = l->rows > 1 ? l->rows - 1 : 1;

    switch (how) {
    case MOVE_UP:
        l->at -= l->at > 0;
        break;
    case MOVE_DOWN:
        l->at += l->at < last;
        break;
    case MOVE_PAGE_UP:
        l->at = l->at > page ? l->at - page : 0;
        break;
    case MOVE_PAGE_DOWN:
        l->at = last - l->at > page ? l->at + page : last;
        break;
    case MOVE_FIRST:
        l->at = 0;
        break;
    case MOVE_LAST:
        l->at = last;
        break;
    }
}

void list_window(struct list *l, size_t rows)
{
    l->rows = rows;
    if (l->at < l->top)
        l->top = l->at;
    if (rows > 0 && l->at >= l->top + rows)
        l->top = l->at - rows + 1;
    if (l->top + rows > l->n)
        l->top = l->n > rows ? l->n - rows : 0;
}

void list_window_hinted(struct list *l, size_t rows)
{
    list_window(l, l->n <= rows ? rows : rows - 2);
    if (l->n <= rows)
        return;
    if (l->top <= 1) {
        l->top = 0;
        l->rows++;
    } else if (l->top + l->rows + 1 >= l->n) {
        l->rows++;
        l->top = l->n - l->rows;
    }
}
