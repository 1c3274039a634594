/* text.h - strict numbers, visible text, dates without a time zone database. Freestanding. */
#ifndef GF_TEXT_H
#define GF_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Copy `from` cut to cap - 1 bytes; true when all of it fitted. */
_Bool gf_copy(char *to, size_t cap, const char *from);

/* Copy n bytes that came from outside with every control character, and every byte that is not well-formed UTF-8,
 * as '?', cut to cap - 1 bytes at a character's end. For screens and logs. */
void gf_visible(char *to, size_t cap, const char *from, size_t n);

/* A decimal number, the whole text, no sign but '-', no space: 0, GF_E_FORMAT, or GF_E_RANGE outside min..max. */
int gf_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret);

/* UTC seconds as "2026-11-22T08:00:00Z" (21 bytes with the NUL); years 1970..9999. */
void gf_utc_text(int64_t utc_s, char ret[static 21]);

/* The other way: exactly that shape. 0 or GF_E_FORMAT. */
int gf_utc_parse(const char *text, int64_t *ret_utc_s);

/* v in decimal; returns ret. For freestanding code that has no printf. */
char *gf_dec(int64_t v, char ret[static 21]);

#endif
