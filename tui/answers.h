/* answers.h - an answers file: what an operator would have typed, one line for each question.
 *
 *     # comment
 *     ventilation = yes
 *     presence = yes
 *
 * The name is a question's id in the procedure's table, or `presence` (confirmed for as long as a
 * purge runs). White space around name and value is dropped; the value goes to the line's end.
 */
#ifndef GF_TUI_ANSWERS_H
#define GF_TUI_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "field/procedure.h"

#define ANSWERS_MAX 64
#define ANSWERS_FILE_MAX 16384

struct answer {
    unsigned line;              /* 1 first */
    char name[24], value[160];
};

struct answers {
    char name[48]; /* of the file, without folders, for messages; empty when there is none */
    size_t n;
    struct answer rows[ANSWERS_MAX];
};

/* Read the file's text (n bytes). 0, or GF_E_FORMAT with file, line and reason: no "=", no name,
 * too long, a name given twice (both lines), a control character. *ret is not to be used then. */
int answers_parse(const char *path, const char *text, size_t n, struct answers *ret,
                  struct gf_fail *why);

/* The row for a question, or NULL. */
const struct answer *answers_find(const struct answers *a, const char *name);

/* Every name must be a question of the procedure, or "presence" with the value "yes" or "no". 0 or
 * GF_E_ANSWER with file, line and name. */
int answers_check(const struct answers *a, const struct procedure *p, struct gf_fail *why);

/* `detail` with file and line of a row before it, into why; returns code. A NULL row names the file
 * only. */
int answers_fail(const struct answers *a, const struct answer *row, int code, const char *detail,
                 struct gf_fail *why);

#endif
