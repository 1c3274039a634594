/* actions.h - everything a key can do, in one table: bindings, bottom bar, help, palette and
 * docs/keys.md come from it. */
#ifndef GF_TUI_ACTIONS_H
#define GF_TUI_ACTIONS_H

#include <stddef.h>
#include <stdio.h>

struct app;

/* Where the app is; a view says what holds at the moment, or-ed. */
enum where {
    IN_ANY = 1,                 /* always set */
    IN_HOME = 2,
    IN_LIST = 4,                /* something to move in */
    IN_RUN = 8,                 /* a procedure is on the screen */
    IN_STOPPED = 16,            /* ... and stopped by a failure */
    IN_PURGE = 32,              /* ... and gas flows */
    IN_SCAN = 64,
    IN_TEXT = 128,              /* letters go into a field, so they are no commands */
    IN_QUESTION = 256,          /* a question of a procedure is open */
    IN_CONFIRM = 512,           /* yes or no */
    IN_FINISHED = 1024,         /* a procedure is at its end */
    IN_PALETTE = 2048,
    IN_SUB = 4096,              /* a view above another one */
    IN_METER = 8192,            /* the page of one meter */
};

struct action {
    const char *id, *title;     /* "sync-now", "Send and fetch now" */
    const char *keys;           /* names, apart by spaces; the first is shown */
    unsigned where;             /* one of these must hold */
    const char *bar;            /* word on the bottom bar; NULL: not there */
    const char *help;           /* a sentence */
    void (*fn)(struct app *a);
};

/* The table; *ret_n is its length. */
const struct action *actions(size_t *ret_n);

/* The action of a key where the app is, or NULL. */
const struct action *action_of_key(int key, unsigned where);

/* The action with this id, or NULL. */
const struct action *action_find(const char *id);

/* Print docs/keys.md. */
void actions_print(FILE *out);

#endif
