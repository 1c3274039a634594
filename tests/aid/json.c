/* json.c - JSON text for test vectors; see json.h. */
#include "tests/aid/json.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *out;
static char *text;
static size_t text_n;
static int depth;
static bool is_first;

static void put_string(const char *s)
{
    (void)fputc('"', out);
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            (void)fputc('\\', out);
        (void)fputc(*s, out);
    }
    (void)fputc('"', out);
}

static void put_name(const char *name)
{
    (void)fprintf(out, "%s%*s", is_first ? "\n" : ",\n", depth * 2, "");
    is_first = false;
    if (name != NULL) {
        put_string(name);
        (void)fputs(": ", out);
    }
}

void aid_json_begin(const char *about)
{
    free(text);
    text = NULL;
    out = open_memstream(&text, &text_n);
    if (out == NULL)
        abort();
    (void)fputc('{', out);
    depth = 1;
    is_first = true;
    aid_json_text("about", about);
}

void aid_json_open(const char *name, char bracket)
{
    put_name(name);
    (void)fputc(bracket, out);
    depth++;
    is_first = true;
}

void aid_json_close(char bracket)
{
    depth--;
    (void)fprintf(out, "\n%*s%c", depth * 2, "", bracket);
    is_first = false;
}

void aid_json_text(const char *name, const char *s)
{
    put_name(name);
    put_string(s);
}

void aid_json_number(const char *name, int64_t v)
{
    put_name(name);
    (void)fprintf(out, "%" PRId64, v);
}

void aid_json_hex(const char *name, const void *p, size_t n)
{
    const uint8_t *b = p;

    put_name(name);
    (void)fputc('"', out);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(out, "%02x", b[i]);
    (void)fputc('"', out);
}

const char *aid_json_end(void)
{
    aid_json_close('}');
    (void)fputc('\n', out);
    (void)fclose(out);
    return text;
}
