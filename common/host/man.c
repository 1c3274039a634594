/* man.c - tables as roff; see man.h. */
#include "common/host/man.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static void put(FILE *out, const char *text, bool is_begin)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (is_begin && *p == ' ')
            continue;
        if (is_begin && (*p == '.' || *p == '\''))
            (void)fputs("\\&", out);
        if (*p == '\\')
            (void)fputs("\\e", out);
        else if (*p == '-')
            (void)fputs("\\-", out);
        else
            (void)fputc(*p, out);
        is_begin = *p == '\n';
    }
}

void man_text(FILE *out, const char *text)
{
    put(out, text, true);
}

void man_sentence(FILE *out, const char *what)
{
    const char first[2] = {(char)toupper((unsigned char)*what), '\0'};

    put(out, first, true);
    if (*what != '\0')
        put(out, what + 1, false);
}

/* The end of a row's sentence, which may have a stop of its own. */
static void stop(FILE *out, const char *what, const char *note)
{
    bool has_one = what[0] != '\0' && what[strlen(what) - 1] == '.' && note[0] == '\0';

    (void)fprintf(out, "%s%s\n", note, has_one ? "" : ".");
}

static void head(FILE *out, const char *text)
{
    (void)fputs(".TP\n.B ", out);
    put(out, text, false);
    (void)fputc('\n', out);
}

void man_row(FILE *out, const char *name, const char *what)
{
    head(out, name);
    man_sentence(out, what);
    stop(out, what, "");
}

void man_option(FILE *out, const char *name, const char *value, const char *what, const char *note)
{
    char text[96];

    (void)snprintf(text, sizeof text, "--%s%s%s", name, value != NULL ? " " : "",
                   value != NULL ? value : "");
    head(out, text);
    man_text(out, what);
    stop(out, what, note);
}
