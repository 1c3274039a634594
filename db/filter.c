/* filter.c - words that must occur in a job, in any order and either case; see store.h.
 *
 * Bodies of jobs are sealed, so the words are looked for here and not in SQL.
 */
#include <ctype.h>
#include <string.h>
#include <wctype.h>

#include "db/store.h"

/* Next character of UTF-8 text, in lower case; a byte that is not UTF-8 counts as a character of
 * its own. */
static uint32_t next_folded(const struct db *db, const uint8_t **at)
{
    const uint8_t *p = *at;
    uint32_t c = *p++;
    int more = c >= 0xF8 ? 0 : c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;

    if (c < 0x80) {
        *at = p;
        return (uint32_t)tolower((int)c);
    }
    uint32_t v = c & (0x3Fu >> more);
    for (int i = 0; i < more; i++) {
        if ((p[i] & 0xC0) != 0x80)
            more = 0;
        else
            v = v << 6 | (p[i] & 0x3Fu);
    }
    *at = p + more;
    if (more == 0)
        return 0xDC00 + c;      /* no character of UTF-8 has this number */
    return db->letters != (locale_t)0 ? (uint32_t)towlower_l((wint_t)v, db->letters) : v;
}

void db_filter_make(const struct db *db, const char *text, struct db_filter *ret)
{
    const uint8_t *at = (const uint8_t *)(text != NULL ? text : "");
    size_t n = 0;

    while (*at != '\0' && n < FILTER_MAX) {
        uint32_t c = next_folded(db, &at);

        if (c > ' ')
            ret->words[n++] = c;
        else if (n > 0 && ret->words[n - 1] != 0)
            ret->words[n++] = 0;
    }
    ret->words[n] = ret->words[n + 1] = 0;
}

/* Append a field and a line's end, which no word contains. */
static size_t add(const struct db *db, uint32_t *hay, size_t n, const char *text)
{
    for (const uint8_t *at = (const uint8_t *)text; *at != '\0';)
        hay[n++] = next_folded(db, &at);
    hay[n++] = '\n';
    return n;
}

static bool occurs(const uint32_t *hay, size_t n, const uint32_t *word, size_t len)
{
    for (size_t i = 0; i + len <= n; i++)
        if (memcmp(hay + i, word, len * sizeof *word) == 0)
            return true;
    return false;
}

bool db_filter_match(const struct db *db, const struct db_filter *f, const sync_Job *job)
{
    const char *fields[] = {job->number,      job->meter_id,      job->address,
                            job->customer_no, job->customer_name, job->customer_phone};
    uint32_t hay[sizeof job->number + sizeof job->meter_id + sizeof job->address +
                 sizeof job->customer_no + sizeof job->customer_name + sizeof job->customer_phone];
    size_t n = 0, len;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        n = add(db, hay, n, fields[i]);
    for (const uint32_t *word = f->words; *word != 0; word += len + 1) {
        for (len = 0; word[len] != 0;)
            len++;
        if (!occurs(hay, n, word, len))
            return false;
    }
    return true;
}
