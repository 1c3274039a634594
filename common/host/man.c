/* man.c - tables as roff; see man.h. */
#include "common/host/man.h"

#include <ctype.h>
#include <stdbool.h>

void man_text(FILE *out, const char *text)
{
    bool is_begin = true;

    for (const char *p = text; *p != '\0'; p++) {
        if (is_begin && *p == ' ' && p != text)
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

void man_row(FILE *out, const char *head, const char *what, const char *note)
{
    const char *end = what;

    while (*end != '\0')
        end++;
    (void)fputs(".TP\n.B ", out);
    man_text(out, head);
    (void)fputc('\n', out);
    (void)fputc(toupper((unsigned char)*what), out);
    man_text(out, *what != '\0' ? what + 1 : what);
    (void)fputs(note, out);
    (void)fputs(end > what && end[-1] == '.' && note[0] == '\0' ? "\n" : ".\n", out);
}

void man_option(FILE *out, const char *name, const char *value, const char *what, const char *note)
{
    char head[96];

    (void)snprintf(head, sizeof head, "--%s%s%s", name, value != NULL ? " " : "",
                   value != NULL ? value : "");
    man_row(out, head, what, note);
}
