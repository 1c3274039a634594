/* api_yaml.c - docs/api.yaml, printed from the tables of routes and messages; see api.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/api.h"

#define MESSAGES_MAX 256
#define ERROR_SCHEMA "{$ref: '#/components/schemas/Error'}"

/* ---- values ---- */

/* A text between quotes: YAML reads JSON's. */
static void quoted(struct buf *b, const char *text)
{
    buf_add(b, "\"", 1);
    for (const char *p = text != NULL ? text : ""; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            buf_add(b, "\\", 1);
        buf_add(b, p, 1);
    }
    buf_add(b, "\"", 1);
}

/* "a|b|c" as [a, b, c]. */
static void list_of(struct buf *b, const char *words)
{
    buf_add(b, "[", 1);
    while (*words != '\0') {
        size_t n = strcspn(words, "|");

        buf_print(b, "\"%.*s\"", (int)n, words);
        words += n;
        if (*words == '|') {
            buf_text(b, ", ");
            words++;
        }
    }
    buf_add(b, "]", 1);
}

static void lengths(struct buf *b, const struct api_field *f)
{
    bool is_default = f->min == 0 && f->max == 0;
    int64_t unit = f->type == API_HEX ? 2 : 1, max = is_default ? 256 : f->max;

    /* Limits are of bytes; a character has one or more of them. */
    buf_print(b, ", minLength: %" PRId64 ", maxLength: %" PRId64,
              f->type == API_TEXT || f->type == API_LINES || f->type == API_SECRET
                  ? (int64_t)(f->min > 0 || is_default)
                  : (is_default ? 1 : f->min) * unit,
              max * unit);
}

static void schema(struct buf *b, const struct api_field *f)
{
    bool has_limits = f->min != 0 || f->max != 0;

    switch (f->type) {
    case API_TEXT:
    case API_LINES:
    case API_SECRET:
        buf_text(b, f->type == API_SECRET ? "type: string, format: password" : "type: string");
        lengths(b, f);
        break;
    case API_ID:
        buf_text(b, "type: string, pattern: '^[A-Za-z0-9._/-]*$'");
        lengths(b, f);
        break;
    case API_HEX:
        buf_text(b, "type: string, pattern: '^([0-9a-fA-F]{2})*$'");
        lengths(b, f);
        break;
    case API_INT:
        buf_text(b, "type: integer, format: int64");
        if (has_limits)
            buf_print(b, ", minimum: %" PRId64 ", maximum: %" PRId64, f->min, f->max);
        break;
    case API_BOOL:
        buf_text(b, "type: boolean");
        break;
    case API_UUID:
        buf_text(b, "type: string, format: uuid");
        break;
    case API_DATE:
        buf_text(b, "type: string, format: date");
        break;
    case API_WORD:
        buf_text(b, "type: string, enum: ");
        list_of(b, f->words);
        break;
    case API_OBJECT:
        buf_print(b, "allOf: [{$ref: '#/components/schemas/%s'}]", f->of->name);
        break;
    case API_LIST:
        buf_print(b, "type: array, items: {$ref: '#/components/schemas/%s'}", f->of->name);
        break;
    case API_TEXTS:
        buf_text(b, "type: array, items: {type: string, maxLength: 256}");
        break;
    case API_TYPES:
        break;
    }
    if ((f->type == API_LIST || f->type == API_TEXTS) && has_limits)
        buf_print(b, ", minItems: %" PRId64 ", maxItems: %" PRId64, f->min, f->max);
}

/* ---- messages ---- */

struct messages {
    const struct api_message *of[MESSAGES_MAX];
    size_t n;
};

/* Note a message and all that it holds. */
static void collect(struct messages *m, const struct api_message *message)
{
    if (message == NULL || m->n == MESSAGES_MAX)
        return;
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->of[i]->name, message->name) == 0)
            return;
    m->of[m->n++] = message;
    for (size_t i = 0; i < message->n; i++)
        collect(m, message->fields[i].of);
}

static int by_name(const void *a, const void *b)
{
    const struct api_message *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static void print_message(struct buf *b, const struct api_message *m)
{
    bool has_required = false;

    buf_print(b, "    %s:\n      type: object\n      additionalProperties: false\n", m->name);
    for (size_t i = 0; i < m->n; i++)
        if (!m->fields[i].is_optional) {
            buf_print(b, "%s\"%s\"", has_required ? ", " : "      required: [", m->fields[i].name);
            has_required = true;
        }
    buf_text(b, has_required ? "]\n" : "");
    if (m->n > 0)
        buf_text(b, "      properties:\n");
    for (size_t i = 0; i < m->n; i++) {
        buf_print(b, "        %s: {", m->fields[i].name);
        schema(b, &m->fields[i]);
        buf_text(b, ", description: ");
        quoted(b, m->fields[i].what);
        buf_text(b, "}\n");
    }
}

/* ---- routes ---- */

static void print_parameter(struct buf *b, const char *in, const struct api_field *f)
{
    buf_print(b, "        - {name: %s, in: %s, required: %s, description: ", f->name, in,
              f->is_optional ? "false" : "true");
    quoted(b, f->what);
    buf_text(b, ", schema: {");
    schema(b, f);
    buf_text(b, "}}\n");
}

static void print_parameters(struct buf *b, const struct api_route *r)
{
    static const struct api_field after = { .name = "after",
                                            .type = API_TEXT,
                                            .is_optional = true,
                                            .max = 127,
                                            .what = "what `next` of the page before said" },
                                  limit = { .name = "limit",
                                            .type = API_INT,
                                            .is_optional = true,
                                            .min = 1,
                                            .max = 200,
                                            .what = "items of a page; 50 unless said" };
    bool is_list = (r->flags & API_LIST_ROUTE) != 0;

    if (strchr(r->path, '{') != NULL || is_list || r->asks != NULL || (r->flags & API_SIGNED) != 0)
        buf_text(b, "      parameters:\n");
    for (const char *p = strchr(r->path, '{'); p != NULL; p = strchr(p + 1, '{')) {
        char name[64];
        struct api_field f = {
            .name = name, .type = API_ID, .min = 1, .max = 127, .what = "which one"
        };

        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1, "}"), p + 1);
        print_parameter(b, "path", &f);
    }
    for (size_t i = 0; r->asks != NULL && i < r->asks->n; i++)
        print_parameter(b, "query", &r->asks->fields[i]);
    if (is_list) {
        print_parameter(b, "query", &after);
        print_parameter(b, "query", &limit);
    }
    if ((r->flags & API_SIGNED) != 0)
        buf_text(b,
                 "        - {name: Gasm-Signature, in: header, required: true, description: \"of "
                 "the body, by the provider's secret\", schema: {type: string}}\n");
}

static void print_answer(struct buf *b, const struct api_route *r)
{
    buf_text(b, "        \"200\":\n          description: done\n          content:\n");
    if (r->gives_type != NULL) {
        buf_print(b, "            \"%s\": {schema: {type: string, format: binary}}\n",
                  r->gives_type);
        return;
    }
    buf_text(b, "            application/json:\n              schema: ");
    if (r->gives == NULL)
        buf_text(b, "{type: object, additionalProperties: false}\n");
    else if ((r->flags & API_LIST_ROUTE) != 0)
        buf_print(b,
                  "{type: object, additionalProperties: false, required: [items, next], "
                  "properties: {items: {type: array, items: {$ref: '#/components/schemas/%s'}}, "
                  "next: {type: string, nullable: true}}}\n",
                  r->gives->name);
    else
        buf_print(b, "{$ref: '#/components/schemas/%s'}\n", r->gives->name);
}

/* "409 NOT_NOW the account is not open|404 ...": those of one status together. */
static void print_errors(struct buf *b, const struct api_route *r)
{
    char seen[64] = "";

    for (const char *p = r->errors; p != NULL && *p != '\0';) {
        char status[4];
        size_t n = strcspn(p, "|");

        (void)snprintf(status, sizeof status, "%.3s", p);
        if (strstr(seen, status) == NULL && strlen(seen) + 5 < sizeof seen) {
            (void)strcat(strcat(seen, status), " ");
            buf_print(b, "        \"%s\":\n          description: \"", status);
            for (const char *q = p, *sep = ""; q != NULL; q = strchr(q, '|'), sep = "; ") {
                q += *q == '|';
                if (strncmp(q, status, 3) == 0 && q[3] == ' ')
                    buf_print(b, "%s%.*s", sep, (int)strcspn(q + 4, "|"), q + 4);
            }
            buf_text(b, "\"\n          content: {application/json: {schema: " ERROR_SCHEMA "}}\n");
        }
        p += n + (p[n] == '|');
    }
    buf_text(b, "        default: {$ref: '#/components/responses/Refused'}\n");
}

static void print_security(struct buf *b, const struct api_route *r)
{
    static const char *const words[] = {
        [API_STAFF] = "[{mutualTLS: []}]",
        [API_DEVICE] = "[{mutualTLS: []}]",
        [API_LOGGED_IN] = "[{bearer: []}]",
        [API_OPEN] = "[]",
    };
    size_t n = 0;

    buf_print(b, "      security: %s\n",
              (r->flags & API_SIGNED) != 0 ? "[{signature: []}]" : words[r->door]);
    buf_text(b, "      x-roles: [");
    for (size_t i = 0; i < API_ROLES; i++)
        if ((r->roles & (1u << i)) != 0)
            buf_print(b, "%s%s", n++ > 0 ? ", " : "", api_role_words[i]);
    buf_text(b, "]\n");
}

static void print_route(struct buf *b, const struct api_part *part, const struct api_route *r)
{
    bool is_get = strcmp(r->method, "GET") == 0;

    buf_print(b, "    %s:\n      tags: [%s]\n      operationId: \"%s", is_get ? "get" : "post",
              part->name, is_get ? "get" : "post");
    for (const char *p = r->path; *p != '\0'; p++)
        if (*p != '{' && *p != '}')
            buf_add(b, *p == '/' ? "_" : p, 1);
    buf_text(b, "\"\n      summary: ");
    quoted(b, r->what);
    buf_add(b, "\n", 1);
    print_security(b, r);
    print_parameters(b, r);
    if (r->takes != NULL)
        buf_print(b,
                  "      requestBody: {required: true, content: {application/json: {schema: {$ref: "
                  "'#/components/schemas/%s'}}}}\n",
                  r->takes->name);
    else if (r->content_type != NULL)
        buf_print(b,
                  "      requestBody: {required: true, content: {\"%s\": {schema: {type: string, "
                  "format: binary}}}}\n",
                  r->content_type);
    buf_text(b, "      responses:\n");
    print_answer(b, r);
    print_errors(b, r);
}

/* Paths in the order of the tables; a path's methods stand together. */
static void print_paths(struct buf *b)
{
    const char *before[MESSAGES_MAX];
    size_t n = 0;

    for (size_t p = 0; p < api_n_parts; p++)
        for (size_t i = 0; i < api_parts[p]->n; i++) {
            const char *path = api_parts[p]->routes[i].path;
            size_t k = 0;

            while (k < n && strcmp(before[k], path) != 0)
                k++;
            if (k < n || n == MESSAGES_MAX)
                continue;
            before[n++] = path;
            buf_print(b, "  \"%s\":\n", path);
            for (size_t j = i; j < api_parts[p]->n; j++)
                if (strcmp(api_parts[p]->routes[j].path, path) == 0)
                    print_route(b, api_parts[p], &api_parts[p]->routes[j]);
        }
}

static const char start[] =
    "# Printed from the tables in backend/api_*.c: GENERATE=1 and test_api_yaml write it.\n"
    "openapi: \"3.0.3\"\n"
    "info:\n"
    "  title: gasoffice\n"
    "  version: \"1\"\n"
    "  description: \"Head office: HTTPS, TLS 1.3 only. Staff's devices come by the main listener "
    "with their certificates, customers, providers and strangers by the public one. Unknown fields "
    "are refused; every error is an Error. Lists are pages: `next` of one is `after` of the "
    "following.\"\n"
    "paths:\n";

static const char end[] =
    "    Error:\n"
    "      type: object\n"
    "      additionalProperties: false\n"
    "      required: [\"error\", \"message\"]\n"
    "      properties:\n"
    "        error: {type: string, description: \"a word for programs\"}\n"
    "        message: {type: string, description: \"a sentence for people\"}\n"
    "        field: {type: string, description: \"the place in what was sent\"}\n"
    "  responses:\n"
    "    Refused:\n"
    "      description: \"400 not understood, at `field`; 401 log in first; 403 not by this device "
    "or role; 404 no such thing; 405, 413, 415 not so here; 409 contradicts what is registered; "
    "429 "
    "too often, see Retry-After; 500 a failure inside; 503 not now, nothing was taken\"\n"
    "      content: {application/json: {schema: " ERROR_SCHEMA "}}\n"
    "  securitySchemes:\n"
    "    mutualTLS: {type: http, scheme: mutual, description: \"a client certificate of this "
    "office's CA: TLS asks for it before any request\"}\n"
    "    bearer: {type: http, scheme: bearer, description: \"a session's token, from "
    "/v1/customer/login\"}\n"
    "    signature: {type: apiKey, in: header, name: Gasm-Signature, description: \"over the "
    "body\"}\n";

void api_print_yaml(struct buf *ret)
{
    struct messages *all = calloc(1, sizeof *all);

    if (all == NULL) {
        ret->bad = true;
        return;
    }
    for (size_t p = 0; p < api_n_parts; p++)
        for (size_t i = 0; i < api_parts[p]->n; i++) {
            collect(all, api_parts[p]->routes[i].takes);
            collect(all, api_parts[p]->routes[i].gives);
        }
    qsort(all->of, all->n, sizeof all->of[0], by_name);
    buf_text(ret, start);
    print_paths(ret);
    buf_text(ret, "components:\n  schemas:\n");
    for (size_t i = 0; i < all->n; i++)
        print_message(ret, all->of[i]);
    buf_text(ret, end);
    free(all);
}
