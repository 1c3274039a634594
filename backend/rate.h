/* rate.h - token buckets by name: how often somebody may ask. One thread. */
#ifndef GF_RATE_H
#define GF_RATE_H

#include <stdint.h>

/* So many in a row, then so many a minute. per_minute 0: as often as they like. */
struct rate_rule {
    uint32_t per_minute, burst;
};

struct rate;

/* NULL when out of memory. A fixed size: of names that are seen too seldom to matter the oldest
 * give way, so that a crowd of names costs no memory. */
struct rate *rate_new(void);
struct rate *rate_free(struct rate *r); /* NULL is fine; returns NULL */

/* Take one: 0, or the seconds (1 or more) until there is one again. now_ms is monotonic. */
int rate_take(struct rate *r, const char *name, const struct rate_rule *rule, int64_t now_ms);

#endif
