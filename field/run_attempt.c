/* run_attempt.c - another attempt in words; see run.h. */
#include <stdio.h>

#include "field/run.h"

char *run_attempt_text(const struct run_view *v, char *ret, size_t cap)
{
    char most[16] = "", next[32] = "";

    ret[0] = '\0';
    if (v->attempt < 2)
        return ret;
    if (v->attempts > 0)
        snprintf(most, sizeof most, " of %d", v->attempts);
    if (v->attempt_in_ms > 0)
        snprintf(next, sizeof next, ", next in %d.%d s", (int)((v->attempt_in_ms + 99) / 1000),
                 (int)((v->attempt_in_ms + 99) / 100 % 10));
    snprintf(ret, cap, "attempt %d%s, %s%s", v->attempt, most, v->attempt_why, next);
    return ret;
}
