/* talk_show.h - a meter's answer as names and values: the one description of answers, from which
 * faces print lines for people, or JSON.
 */
#ifndef GF_FIELD_TALK_SHOW_H
#define GF_FIELD_TALK_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meter-core/proto/meter.pb.h"

enum talk_kind {
    TALK_NUMBER,
    TALK_YES,           /* `number` is 0 or 1 */
    TALK_WORDS,         /* `text` */
    TALK_TIME,          /* `text`: "2026-11-22T08:00:00Z" */
    TALK_HEX,           /* `text`: hex digits */
};

#define TALK_VALUE_MAX 800      /* longest text: a certificate's hex digits, with its NUL */
#define TALK_COLUMNS 8          /* most values of one entry */

struct talk_value {
    const char *name;           /* "residual_l": units are in it; static */
    enum talk_kind kind;
    int64_t number;
    const char *text;           /* valid during the call */
};

struct talk_sink {
    void *ctx;
    void (*value)(void *ctx, const struct talk_value *v);
    /* One entry of a list, all its values; `list` names it ("entries"). */
    void (*entry)(void *ctx, const char *list, const struct talk_value *values, size_t n);
};

/* Tell everything in the answer's body and its receipt. `monthly`: what a history's periods are
 * (talk_monthly()). */
void talk_show(const gasm_Response *answer, bool monthly, const struct talk_sink *sink);

#endif
