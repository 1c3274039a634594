/* api_check.c - bodies and queries against the tables of messages; see api.h. */
#include "backend/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/office_register.h"
#include "common/text.h"

#define WHOLE_MAX INT64_C(9007199254740991) /* 2^53 - 1: exact in every language's numbers */
#define TEXT_MAX_DEFAULT 256
#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200

/* Where in the body: "steps[2].from_l". */
struct place {
    char text[64];
};

static struct place place_field(const struct place *in, const char *name)
{
    struct place at = { { 0 } };

    (void)snprintf(at.text, sizeof at.text, "%.40s%s%.20s", in->text,
                   in->text[0] != '\0' ? "." : "", name);
    return at;
}

static struct place place_element(const struct place *in, size_t i)
{
    struct place at = { { 0 } };

    (void)snprintf(at.text, sizeof at.text, "%.40s[%zu]", in->text, i);
    return at;
}

/* ---- values ---- */

/* No control character but line ends where they may be. jansson has seen to the UTF-8. */
static bool is_visible(const char *text, size_t n, bool with_lines)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_c1 = c == 0xC2 && i + 1 < n && (unsigned char)text[i + 1] < 0xA0;

        if ((c < 0x20 && !(with_lines && (c == '\n' || c == '\r'))) || c == 0x7F || is_c1)
            return false;
    }
    return true;
}

static void limits(const struct api_field *f, int64_t *min, int64_t *max)
{
    bool is_default = f->min == 0 && f->max == 0;

    *min = f->min;
    *max = f->max;
    if (!is_default)
        return;
    if (f->type == API_INT) {
        *min = -WHOLE_MAX;
        *max = WHOLE_MAX;
    } else if (f->type == API_LIST || f->type == API_TEXTS) {
        *max = WHOLE_MAX;
    } else {
        *min = 1;
        *max = TEXT_MAX_DEFAULT;
    }
}

static int refuse(struct gf_fail *why, int code, const struct place *at, const char *what)
{
    return gf_fail(why, code, at->text, what);
}

static int out_of(struct gf_fail *why, int code, const struct place *at, const char *unit,
                  int64_t min, int64_t max)
{
    char what[160];

    (void)snprintf(what, sizeof what, "%s: %lld to %lld", unit, (long long)min, (long long)max);
    return refuse(why, code, at, what);
}

static bool is_date(const char *text)
{
    int64_t s;

    return ho_date_parse(text, &s) == 0;
}

static bool is_hex(const char *text, size_t n)
{
    return n % 2 == 0 && strspn(text, "0123456789abcdefABCDEF") == n;
}

/* One of "a|b|c". */
static bool is_word(const char *words, const char *text)
{
    size_t n = strlen(text);

    for (const char *at = words; n > 0 && at != NULL && *at != '\0';) {
        size_t k = strcspn(at, "|");

        if (k == n && memcmp(at, text, n) == 0)
            return true;
        at += k + (at[k] == '|');
    }
    return false;
}

static int check_text(const struct api_field *f, const json_t *v, const struct place *at,
                      struct gf_fail *why)
{
    const char *text = json_string_value(v);
    size_t n = json_string_length(v);
    uint8_t id[GF_UUID_LEN];
    int64_t min, max;
    char what[160];

    if (text == NULL)
        return refuse(why, GF_E_FORMAT, at, "a text is wanted here");
    limits(f, &min, &max);
    switch (f->type) {
    case API_UUID:
        return gf_uuid_parse(text, id) == 0 ? 0 : refuse(why, GF_E_FORMAT, at, "not a UUID");
    case API_DATE:
        return is_date(text) ? 0 : refuse(why, GF_E_FORMAT, at, "not a date as 2026-11-22");
    case API_WORD:
        (void)snprintf(what, sizeof what, "one of %s", f->words);
        return is_word(f->words, text) ? 0 : refuse(why, GF_E_FORMAT, at, what);
    case API_HEX:
        if (!is_hex(text, n))
            return refuse(why, GF_E_FORMAT, at, "not bytes in hex");
        return (int64_t)n / 2 >= min && (int64_t)n / 2 <= max
                   ? 0
                   : out_of(why, GF_E_RANGE, at, "bytes in hex", min, max);
    case API_ID:
        if ((int64_t)n < min || (int64_t)n > max)
            return out_of(why, GF_E_RANGE, at, "characters", min, max);
        return n == 0 || ho_is_id(text, n)
                   ? 0
                   : refuse(why, GF_E_FORMAT, at, "letters, digits, and . _ - / only");
    case API_TEXT:
    case API_SECRET:
    case API_LINES:
        if ((int64_t)n < min || (int64_t)n > max)
            return out_of(why, GF_E_RANGE, at, "bytes of text", min, max);
        return is_visible(text, n, f->type == API_LINES)
                   ? 0
                   : refuse(why, GF_E_FORMAT, at, "a character that cannot be seen");
    case API_INT:
    case API_BOOL:
    case API_OBJECT:
    case API_LIST:
    case API_TEXTS:
    case API_TYPES:
        break;
    }
    return refuse(why, GF_E_BUG, at, "the table's type");
}

static int check_message(const struct api_message *message, const json_t *body,
                         const struct place *at, struct gf_fail *why);

static int check_list(const struct api_field *f, const json_t *v, const struct place *at,
                      struct gf_fail *why)
{
    static const struct api_field element = { .type = API_TEXT, .min = 0, .max = 256 };
    int64_t min, max;
    int r = 0;

    if (!json_is_array(v))
        return refuse(why, GF_E_FORMAT, at, "a list is wanted here");
    limits(f, &min, &max);
    if ((int64_t)json_array_size(v) < min || (int64_t)json_array_size(v) > max)
        return out_of(why, GF_E_RANGE, at, "elements", min, max);
    for (size_t i = 0; r == 0 && i < json_array_size(v); i++) {
        struct place here = place_element(at, i);

        r = f->type == API_LIST ? check_message(f->of, json_array_get(v, i), &here, why)
                                : check_text(&element, json_array_get(v, i), &here, why);
    }
    return r;
}

static int check_value(const struct api_field *f, const json_t *v, const struct place *at,
                       struct gf_fail *why)
{
    int64_t min, max;

    switch (f->type) {
    case API_INT:
        limits(f, &min, &max);
        if (!json_is_integer(v))
            return refuse(why, GF_E_FORMAT, at, "a whole number is wanted here");
        return json_integer_value(v) >= min && json_integer_value(v) <= max
                   ? 0
                   : out_of(why, GF_E_RANGE, at, "a whole number", min, max);
    case API_BOOL:
        return json_is_boolean(v) ? 0 : refuse(why, GF_E_FORMAT, at, "true or false");
    case API_OBJECT:
        return check_message(f->of, v, at, why);
    case API_LIST:
    case API_TEXTS:
        return check_list(f, v, at, why);
    case API_TEXT:
    case API_ID:
    case API_UUID:
    case API_HEX:
    case API_DATE:
    case API_WORD:
    case API_SECRET:
    case API_LINES:
    case API_TYPES:
        break;
    }
    return check_text(f, v, at, why);
}

static const struct api_field *find_field(const struct api_message *message, const char *name)
{
    for (size_t i = 0; message != NULL && i < message->n; i++)
        if (strcmp(message->fields[i].name, name) == 0)
            return &message->fields[i];
    return NULL;
}

static int check_message(const struct api_message *message, const json_t *body,
                         const struct place *at, struct gf_fail *why)
{
    const char *name;
    json_t *v;
    int r = 0;

    if (!json_is_object(body))
        return refuse(why, GF_E_FORMAT, at, "an object is wanted here");
    json_object_foreach((json_t *)(uintptr_t)body, name, v)
    {
        struct place here = place_field(at, name);

        if (find_field(message, name) == NULL)
            return refuse(why, GF_E_FORMAT, &here, "there is no such field");
    }
    for (size_t i = 0; r == 0 && i < message->n; i++) {
        const struct api_field *f = &message->fields[i];
        struct place here = place_field(at, f->name);

        v = json_object_get(body, f->name);
        if (v != NULL)
            r = check_value(f, v, &here, why);
        else if (!f->is_optional)
            r = refuse(why, GF_E_FORMAT, &here, "this field is missing");
    }
    return r;
}

int api_check(const struct api_message *message, const json_t *body, struct gf_fail *why)
{
    const struct place top = { { 0 } };
    struct gf_fail found = { 0 };
    int r = check_message(message, body, &top, &found);

    return r == 0 ? 0
                  : gf_fail(why, r, found.where[0] != '\0' ? found.where : "body", found.detail);
}

/* ---- bodies ---- */

/* How deep the brackets of a text go. Looked at before anything recurses over it. */
static bool is_shallow(struct gf_span body)
{
    bool in_string = false;
    size_t depth = 0;

    for (size_t i = 0; i < body.n; i++) {
        uint8_t c = body.p[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '[' || c == '{') && ++depth > API_DEPTH_MAX)
            return false;
        else if (!in_string && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return true;
}

json_t *api_decode(struct gf_span body, struct gf_fail *why)
{
    json_error_t at;
    char what[160];

    if (!is_shallow(body)) {
        (void)gf_fail(why, GF_E_FORMAT, "body", "brackets inside brackets, too deep");
        return NULL;
    }

    json_t *json = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &at);
    if (json == NULL) {
        bool is_twice = json_error_code(&at) == json_error_duplicate_key;

        (void)snprintf(what, sizeof what, "%s at line %d, column %d",
                       is_twice ? "a field stands twice" : "this is not JSON", at.line, at.column);
        (void)gf_fail(why, GF_E_FORMAT, "body", what);
    }
    return json;
}

/* ---- queries ---- */

bool api_unescape(const char *from, size_t n, char *ret, size_t cap)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        char digits[3] = { 0 };
        uint8_t byte = (uint8_t)from[i];

        if (from[i] == '%') {
            if (n - i < 3)
                return false;
            memcpy(digits, from + i + 1, 2);
            if (gf_unhex(digits, &byte, 1) != 0)
                return false;
            i += 2;
        }
        if (byte == 0 || k + 1 >= cap)
            return false;
        ret[k++] = (char)byte;
    }
    ret[k] = '\0';
    return true;
}

/* Nothing in it that is not UTF-8, or cannot be seen. */
static bool is_clean(const char *text)
{
    char seen[256];

    gf_visible(seen, sizeof seen, text, strlen(text));
    return strcmp(seen, text) == 0;
}

/* A parameter's text as the JSON that its field wants; NULL when it is not UTF-8. */
static json_t *query_value(const struct api_field *f, const char *text)
{
    int64_t whole;

    if (f->type == API_INT && gf_parse_int(text, -WHOLE_MAX, WHOLE_MAX, &whole) == 0)
        return json_integer(whole);
    if (f->type == API_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return json_boolean(text[0] == 't');
    return json_string(text);
}

static int take_parameter(const char *name, const char *value, const struct api_message *message,
                          json_t *into, struct gf_fail *why)
{
    const struct api_field *f = find_field(message, name);
    json_t *json = f != NULL ? query_value(f, value) : NULL;
    int r = 0;

    if (f == NULL)
        r = gf_fail(why, GF_E_FORMAT, name, "there is no such parameter");
    else if (json_object_get(into, name) != NULL)
        r = gf_fail(why, GF_E_FORMAT, name, "this parameter stands twice");
    else if (json == NULL)
        r = gf_fail(why, GF_E_FORMAT, name, "this is not UTF-8");
    else
        r = json_object_set(into, name, json) == 0 ? 0 : gf_fail(why, GF_E_MEMORY, "query", "");
    json_decref(json);
    return r;
}

json_t *api_decode_query(const char *query, const struct api_message *message, bool is_list,
                         char *after, int *limit, struct gf_fail *why)
{
    static const struct api_message none = { .name = "none" };
    json_t *json = json_object();
    char name[64], value[256];
    int64_t whole = LIMIT_DEFAULT;
    int r = json != NULL ? 0 : gf_fail(why, GF_E_MEMORY, "query", "");

    if (is_list)
        after[0] = '\0';
    for (const char *at = query != NULL ? query : ""; r == 0 && *at != '\0';) {
        size_t n = strcspn(at, "&"), k = strcspn(at, "=&");

        if (!api_unescape(at, k, name, sizeof name)
            || !api_unescape(at + k + (k < n), n - k - (k < n), value, sizeof value))
            r = gf_fail(why, GF_E_FORMAT, "query", "a parameter is too long, or not escaped well");
        else if (is_list && strcmp(name, "after") == 0)
            r = gf_copy(after, 128, value) && is_clean(value)
                    ? 0
                    : gf_fail(why, GF_E_FORMAT, "after", "not what `next` of a page said");
        else if (is_list && strcmp(name, "limit") == 0)
            r = gf_parse_int(value, 1, LIMIT_MAX, &whole) == 0
                    ? 0
                    : gf_fail(why, GF_E_RANGE, "limit", "a whole number: 1 to 200");
        else
            r = take_parameter(name, value, message, json, why);
        at += n + (at[n] == '&');
    }
    if (r == 0)
        r = api_check(message != NULL ? message : &none, json, why);
    if (is_list)
        *limit = (int)whole;
    if (r == 0)
        return json;
    json_decref(json);
    return NULL;
}
