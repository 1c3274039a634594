/* csv.c - comma-separated values; see csv.h. */
#include "backend/csv.h"

#include <string.h>

#include "common/text.h"

/* GF_E_FORMAT at a place. A line may begin with a byte that continues no character: column 1
 * too. */
static int refuse_at(unsigned line, unsigned column, const char *name, const char *reason,
                     struct gf_fail *why)
{
    char where[sizeof why->where], detail[sizeof why->detail];

    (void)snprintf(where, sizeof where, "line %u, column %u", line,
                   column > 0 ? column : 1);
    (void)snprintf(detail, sizeof detail, "%s%s%s", name, name[0] != '\0' ? ": " : "", reason);
    return gf_fail(why, GF_E_FORMAT, where, detail);
}

int csv_refuse(const struct csv *c, size_t i, const char *reason, struct gf_fail *why)
{
    return refuse_at(c->line, c->columns[i], c->names[i], reason, why);
}

static int here(const struct csv *c, const char *reason, struct gf_fail *why)
{
    return refuse_at(c->at_line, c->at_column, "", reason, why);
}

/* The next byte, counted: a column is a character, so bytes that continue one do not count. */
static int next_byte(struct csv *c)
{
    int b = getc_unlocked(c->in); /* one thread: a lock a byte would be a third of the time */

    if (b != EOF && (b & 0xC0) != 0x80)
        c->at_column++;
    return b;
}

/* How a value ended. */
enum ended { BY_COMMA = 1, BY_LINE, BY_FILE };

/* A CR was read: LF has to follow. */
static int after_cr(struct csv *c, struct gf_fail *why)
{
    return next_byte(c) == '\n' ? BY_LINE : here(c, "a carriage return without a line feed", why);
}

/* What ends a value: 0 when b does not. */
static int ends(struct csv *c, int b, struct gf_fail *why)
{
    return b == ','    ? BY_COMMA
           : b == '\n' ? BY_LINE
           : b == EOF  ? BY_FILE
           : b == '\r' ? after_cr(c, why)
                       : 0;
}

/* One byte more of a value. False: it may not stand there. */
static bool add_byte(struct csv *c, char *value, size_t *n, int b, struct gf_fail *why)
{
    if (b < ' ' || b == 0x7F)
        (void)here(c, "a control character", why);
    else if (*n + 1 == CSV_VALUE_MAX)
        (void)here(c, "a value of more than 255 bytes", why);
    else {
        value[(*n)++] = (char)b;
        return true;
    }
    return false;
}

static int read_plain(struct csv *c, char *value, int b, struct gf_fail *why)
{
    size_t n = 0;
    int end;

    for (; (end = ends(c, b, why)) == 0; b = next_byte(c)) {
        if (b == '"')
            return here(c, "a quote inside a value that does not begin with one", why);
        if (!add_byte(c, value, &n, b, why))
            return GF_E_FORMAT;
    }
    value[n] = '\0';
    return end;
}

static int read_quoted(struct csv *c, char *value, struct gf_fail *why)
{
    size_t n = 0;
    int b, end;

    for (;;) {
        b = next_byte(c);
        if (b == EOF)
            return here(c, "the closing quote is missing", why);
        if (b == '"' && (b = next_byte(c)) != '"')
            break;
        if (b == '\n' || b == '\r')
            return here(c, "a line break inside a value", why);
        if (!add_byte(c, value, &n, b, why))
            return GF_E_FORMAT;
    }
    value[n] = '\0';
    if ((end = ends(c, b, why)) == 0)
        return here(c, "something follows the closing quote", why);
    return end;
}

/* No control character is left, so what is made visible is what is not UTF-8. */
static bool is_text(const char *value)
{
    char seen[CSV_VALUE_MAX];

    gf_visible(seen, sizeof seen, value, strlen(value));
    return strcmp(seen, value) == 0;
}

static int read_value(struct csv *c, size_t i, int b, struct gf_fail *why)
{
    c->columns[i] = c->at_column;

    int end = b == '"' ? read_quoted(c, c->values[i], why) : read_plain(c, c->values[i], b, why);
    if (end > 0 && !is_text(c->values[i]))
        return refuse_at(c->line, c->columns[i], c->names[i], "bytes that are not UTF-8", why);
    return end;
}

int csv_next(struct csv *c, struct gf_fail *why)
{
    int end = BY_COMMA, b;
    size_t n = 0;

    c->line = c->at_line;
    c->at_column = 0;
    b = next_byte(c);
    if (b == EOF)
        return ferror(c->in) != 0 ? gf_fail(why, GF_E_FILE, "csv", "reading failed") : 0;
    if (b == '\n' || b == '\r')
        return here(c, "an empty line", why);
    for (;;) {
        if (n == c->n)
            return here(c, "more values than the header has", why);
        if ((end = read_value(c, n++, b, why)) < 0)
            return end;
        if (end != BY_COMMA)
            break;
        b = next_byte(c);
    }
    if (ferror(c->in) != 0)
        return gf_fail(why, GF_E_FILE, "csv", "reading failed");
    if (n < c->n)
        return here(c, "fewer values than the header has", why);
    c->at_line++;
    return 1;
}

int csv_open(struct csv *c, FILE *in, const char *const *names, size_t n, struct gf_fail *why)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t got = 0;
    int b;

    *c = (struct csv){ .in = in, .names = names, .n = n, .at_line = 1 };
    while (got < 3 && (b = getc_unlocked(in)) == (unsigned char)mark[got])
        got++;
    if (got > 0 && got < 3)
        return refuse_at(1, 1, "", "bytes that are not UTF-8", why);
    if (got == 0)
        (void)ungetc(b, in); /* one byte can always be put back */

    int r = csv_next(c, why);
    if (r <= 0)
        return r < 0 ? r : refuse_at(1, 1, "", "the file is empty", why);
    for (size_t i = 0; i < n; i++)
        if (strcmp(c->values[i], names[i]) != 0)
            return csv_refuse(c, i, "the header has another name here", why);
    return 0;
}
