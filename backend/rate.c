/* rate.c - token buckets in a table of sets; see rate.h. */
#include "backend/rate.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define SETS 1024
#define WAYS 4
#define NAME_MAX_LEN 79
#define WHOLE INT64_C(60000) /* parts of one: a minute's ms, so that refilling is whole numbers */

struct bucket {
    char name[NAME_MAX_LEN + 1];
    int64_t parts, at_ms;
};

struct rate {
    struct bucket buckets[SETS][WAYS];
};

struct rate *rate_new(void)
{
    return calloc(1, sizeof(struct rate));
}

struct rate *rate_free(struct rate *r)
{
    free(r);
    return NULL;
}

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *name)
{
    uint32_t h = UINT32_C(2166136261);

    for (; *name != '\0'; name++)
        h = (h ^ (uint8_t)*name) * UINT32_C(16777619);
    return h;
}

/* The bucket of a name; a fresh one is full. */
static struct bucket *find(struct rate *r, const char *name, const struct rate_rule *rule,
                           int64_t now_ms)
{
    char cut[NAME_MAX_LEN + 1];
    struct bucket *set, *oldest;

    (void)gf_copy(cut, sizeof cut, name);
    set = oldest = r->buckets[hash(cut) % SETS];
    for (size_t i = 0; i < WAYS; i++) {
        if (strcmp(set[i].name, cut) == 0)
            return &set[i];
        if (set[i].name[0] == '\0' || set[i].at_ms < oldest->at_ms)
            oldest = &set[i];
    }
    *oldest = (struct bucket){ .parts = (int64_t)rule->burst * WHOLE, .at_ms = now_ms };
    memcpy(oldest->name, cut, sizeof cut);
    return oldest;
}

int rate_take(struct rate *r, const char *name, const struct rate_rule *rule, int64_t now_ms)
{
    const int64_t full = (int64_t)rule->burst * WHOLE;
    struct bucket *b;
    int64_t passed_ms;

    if (rule->per_minute == 0)
        return 0;
    b = find(r, name, rule, now_ms);
    passed_ms = now_ms - b->at_ms;
    if (passed_ms > full / rule->per_minute)
        b->parts = full;
    else if (passed_ms > 0)
        b->parts += passed_ms * rule->per_minute;
    if (b->parts > full)
        b->parts = full;
    b->at_ms = now_ms;
    if (b->parts >= WHOLE) {
        b->parts -= WHOLE;
        return 0;
    }
    return (int)(((WHOLE - b->parts) / rule->per_minute + 999) / 1000) + 1;
}
