/* office_http.c - answers: JSON, errors, pages of lists; see office_http.h and api.h. */
#include "backend/office_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/api.h"
#include "backend/json_out.h"
#include "backend/log.h"
#include "common/text.h"

#define PAGE_ROOM 16000 /* bytes that most pages do with */
#define RETRY_S 5 /* when the database cannot be used */

static void answer_json(struct http_response *ret, int status, json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

    buf_clear(&ret->body);
    ret->status = text != NULL ? status : 500;
    ret->content_type = "application/json";
    buf_text(&ret->body,
             text != NULL ? text : "{\"error\":\"memory\",\"message\":\"out of memory\"}");
    if (text != NULL)
        gf_wipe(text, strlen(text));
    free(text);
    json_decref(json);
}

void ho_answer_error(struct http_response *ret, int status, const char *error, const char *message,
                     const char *field)
{
    char seen[HO_TEXT_MAX], where[64];
    json_t *json;

    gf_visible(seen, sizeof seen, message, strlen(message));
    if (field == NULL)
        json = json_pack("{s:s, s:s}", "error", error, "message", seen);
    else {
        gf_visible(where, sizeof where, field, strlen(field));
        json = json_pack("{s:s, s:s, s:s}", "error", error, "message", seen, "field", where);
    }
    answer_json(ret, status, json);
}

void ho_answer_fail(struct office *o, struct http_response *ret)
{
    const struct gf_err_row *row = gf_err_row(o->fail.code);
    bool is_store = row->exit_status == 7 || o->fail.code == GF_E_NOT_NOW;
    char message[HO_TEXT_MAX];

    log_event(o->watch.log, LOG_ERROR, "failure",
              LOG_VALUES(LOG_I("code", -row->code), LOG_T("what", row->what),
                         LOG_T("where", o->fail.where), LOG_T("detail", o->fail.detail)));
    (void)snprintf(message, sizeof message,
                   "head office cannot answer now: %s; nothing was taken, try later", row->what);
    ho_answer_error(ret, is_store ? 503 : 500, row->name, message, NULL);
    ret->retry_after_s = is_store ? RETRY_S : 0;
}

/* ---- what handlers answer with ---- */

void api_answer(struct api_call *c, int status, json_t *json)
{
    answer_json(c->ret, status, json);
}

void api_refuse(struct api_call *c, int status, const char *error, const char *field,
                const char *message)
{
    ho_answer_error(c->ret, status, error, message, field);
}

/* The status of a failure that is the caller's; 0 when it is this office's. A database that is busy
 * says NOT_NOW too, and is no fault of the caller's. */
static int caller_status(const struct gf_fail *fail)
{
    static const struct {
        int code, status;
    } rows[] = {
        { GF_E_FORMAT, 400 },       { GF_E_RANGE, 400 },     { GF_E_SPACE, 400 },
        { GF_E_METER_ID, 400 },     { GF_E_SIGNATURE, 400 }, { GF_E_PROOF, 400 },
        { GF_E_UNREGISTERED, 404 }, { GF_E_NO_JOB, 404 },    { GF_E_REVOKED, 403 },
        { GF_E_NOT_NOW, 409 },      { GF_E_MISMATCH, 409 },  { GF_E_JOB_STATE, 409 },
        { GF_E_TICKET, 409 },       { GF_E_REFUSED, 409 },   { GF_E_ID_MISMATCH, 409 },
    };

    if (fail->code == GF_E_NOT_NOW && strcmp(fail->where, "database") == 0)
        return 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == fail->code)
            return rows[i].status;
    return 0;
}

void api_fail(struct api_call *c)
{
    const struct gf_fail *fail = &c->o->fail;
    const struct gf_err_row *row = gf_err_row(fail->code);
    int status = caller_status(fail);

    if (status == 0)
        ho_answer_fail(c->o, c->ret);
    else
        ho_answer_error(c->ret, status, row->name,
                        fail->detail[0] != '\0' ? fail->detail : row->what,
                        fail->where[0] != '\0' ? fail->where : NULL);
}

/* ---- lists ---- */

struct buf *api_begin(struct api_call *c, int status)
{
    buf_clear(&c->ret->body);
    c->ret->status = status;
    c->ret->content_type = "application/json";
    return &c->ret->body;
}

void api_list_begin(struct api_list *l)
{
    *l = (struct api_list){ 0 };
}

/* The answer's bytes, begun when the first of them is written. */
static struct buf *list_body(struct api_call *c, struct api_list *l)
{
    if (!l->has_begun) {
        (void)buf_room(&c->ret->body, PAGE_ROOM);
        buf_text(api_begin(c, 200), "{\"items\":[");
    }
    l->has_begun = true;
    return &c->ret->body;
}

struct buf *api_list_next(struct api_call *c, struct api_list *l, const char *key)
{
    struct buf *b = list_body(c, l);

    l->more = l->n == c->limit;
    if (l->more)
        return NULL;
    l->n++;
    (void)gf_copy(l->last, sizeof l->last, key);
    json_comma(b);
    return b;
}

static int add_bytes(const char *from, size_t n, void *to)
{
    buf_add(to, from, n);
    return 0;
}

bool api_list_add(struct api_call *c, struct api_list *l, const char *key, json_t *item)
{
    struct buf *b = api_list_next(c, l, key);
    bool ok = b != NULL && json_dump_callback(item, add_bytes, b, JSON_COMPACT) == 0;

    if (b != NULL && !ok)
        b->bad = true; /* answered as want of memory */
    json_decref(item);
    return ok;
}

void api_list_end(struct api_call *c, struct api_list *l, struct odb_query *q, int r)
{
    struct buf *b;

    odb_end(q);
    if (r < 0) {
        if (c->o->fail.code == 0)
            (void)ho_db_fail(c->o);
        api_fail(c);
        return;
    }
    b = list_body(c, l);
    buf_text(b, "],\"next\":");
    if (l->more)
        json_text(b, l->last, strlen(l->last));
    else
        buf_text(b, "null");
    buf_text(b, "}");
}
