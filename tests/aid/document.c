/* document.c - printed sections of documents; see document.h. */
#include "tests/aid/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CAP (1u << 18)
/* How a section is marked: in Markdown, in a man page. */
static const struct mark {
    const char *begin, *close, *end;
} marks[] = {
    { "<!-- printed: ", " -->\n", "<!-- end -->\n" },
    { ".\\\" printed: ", "\n", ".\\\" end\n" },
};

static size_t load(const char *path, char *ret)
{
    FILE *f = fopen(path, "r");
    size_t n;

    assert_non_null(f);
    n = fread(ret, 1, CAP - 1, f);
    assert_int_equal(fclose(f), 0);
    assert_true(n < CAP - 1);
    ret[n] = '\0';
    return n;
}

/* Where the marker of a section ends. */
static const char *after_mark(const char *at, const struct mark *m, const char *name)
{
    size_t n = strlen(name), before = strlen(m->begin);

    at = strstr(at, m->begin);
    if (at == NULL || strncmp(at + before, name, n) != 0 ||
        strncmp(at + before + n, m->close, strlen(m->close)) != 0)
        fail_msg("the next section should be \"%s\": %.40s", name, at == NULL ? "(none)" : at);
    return at + before + n + strlen(m->close);
}

/* The document as it should be, from the one that is there. */
static void compose(const char *stored, const struct aid_section *sections, size_t n, FILE *f)
{
    const struct mark *m = &marks[strncmp(stored, ".", 1) == 0];
    const char *at = stored;

    for (size_t i = 0; i < n; i++) {
        const char *body = after_mark(at, m, sections[i].name);
        const char *end = strstr(body, m->end);

        assert_non_null(end);
        (void)fwrite(at, 1, (size_t)(body - at), f);
        sections[i].print(f);
        at = end;
    }
    assert_null(strstr(at, m->begin));
    (void)fputs(at, f);
}

void aid_document_settle(const char *path, const struct aid_section *sections, size_t n)
{
    static char stored[CAP], now[CAP];
    FILE *f = fmemopen(now, sizeof now, "w");
    size_t len;

    assert_non_null(f);
    (void)load(path, stored);
    compose(stored, sections, n, f);
    len = (size_t)ftell(f);
    assert_int_equal(fclose(f), 0);
    assert_true(len < CAP - 1);
    if (getenv("GENERATE") != NULL) {
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(now, 1, len, f), len);
        assert_int_equal(fclose(f), 0);
        (void)load(path, stored);
    }
    assert_string_equal(stored, now);
}

void aid_document_dump(FILE *f, const uint8_t *p, size_t from, size_t n)
{
    for (size_t at = from; at < from + n; at += 16) {
        fprintf(f, "%05zx ", at);
        for (size_t i = at; i < from + n && i < at + 16; i++)
            fprintf(f, " %02x", p[i]);
        fputc('\n', f);
    }
}
