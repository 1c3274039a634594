/*
 * actions.h - everything that can be done to a meter by hand, as one table: a row is a command of
 * the control socket (control.h), a key of the panel (panel.h), or both.
 *
 * A command is a line: the row's name, and its argument after one or more spaces. The answer is one
 * line: "ok", "ok ..." or "error WHERE: what". A command that is refused has done nothing.
 */
#ifndef GF_METER_ACTIONS_H
#define GF_METER_ACTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meter-core/port/host/body.h"

#define GM_LINE_MAX 255         /* bytes of a command line, at most */
#define GM_ANSWER_MAX 1024      /* of an answer, with the NUL */

/* The meter and what is around it. */
struct gm_stand {
    struct mc_meter *meter;
    struct gm_body *body;
    bool connected;             /* a central is there */
    char radio[120];            /* what the radio last said of itself */
};

enum gm_kind {
    GM_PUSH,                    /* no argument */
    GM_SWITCH,                  /* one of two words */
    GM_NUMBER,
    GM_CLOCK,
    GM_DIGITS,                  /* of a token */
    GM_TELL,                    /* tells something, changes nothing */
    GM_QUIT
};

struct gm_action {
    const char *name;
    enum gm_kind kind;
    const char *off, *on;       /* of a switch: the words */
    int64_t min, max, step;     /* of a number: range, and what a key changes it by */
    const char *unit;           /* of a number: as the argument is called */
    const char *shown;          /* its key in the status, when that is not its name */
    char key, back;             /* keys; back takes away what key adds; 0: none */
    const char *help;
    int64_t (*get)(const struct gm_stand *s);
    void (*set)(struct gm_stand *s, int64_t value);
    void (*tell)(const struct gm_stand *s, const char *argument, char *ret, size_t cap);
};

/* All rows; *ret_n is their number. */
const struct gm_action *gm_actions(size_t *ret_n);

/* The argument as help and documentation write it ("on|off", "0..5000 MV"); empty without one. */
void gm_action_argument(const struct gm_action *a, char *ret, size_t cap);

/* What stands there now: "on", "3600", a time; empty for a row that holds nothing. */
void gm_action_value(const struct gm_stand *s, const struct gm_action *a, char *ret, size_t cap);

/* Do what the line says (without its newline; n bytes, any bytes). The answer goes to ret, without
 * a newline. True when the line asked for the end of the connection. */
bool gm_action_line(struct gm_stand *s, const char *line, size_t n, char ret[static GM_ANSWER_MAX]);

enum gm_key_result {
    GM_KEY_UNKNOWN,
    GM_KEY_DONE,                /* ret holds what was done: an answer as above */
    GM_KEY_DIGITS,              /* ask for digits, then gm_action_line("type ...") */
    GM_KEY_QUIT
};

/* A key of the panel. */
enum gm_key_result gm_action_key(struct gm_stand *s, int key, char ret[static GM_ANSWER_MAX]);

#endif
