/* office_sync.c - the stream of a sync request, and its answer; see office_sync.h and sync.proto. */
#include "backend/office_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pb_common.h>
#include <pb_decode.h>

#include "backend/office_http.h"
#include "common/text.h"
#include "meter-core/pb.h"

#define SCHEMA 1

void ho_touch(struct ho_sync *s, const struct ho_order *order)
{
    for (size_t at = 0; at + GF_UUID_LEN <= s->touched.n; at += GF_UUID_LEN)
        if (memcmp(s->touched.p + at, order->id, GF_UUID_LEN) == 0)
            return;
    buf_add(&s->touched, order->id, GF_UUID_LEN);
}

/* ---- the stream ---- */

int ho_stream_next(struct gf_reader *r, struct gf_span *ret)
{
    size_t n = 0;

    if (r->left == 0)
        return 0;
    for (unsigned shift = 0;; shift += 7) {
        const uint8_t *byte = gf_rd(r, 1);

        if (byte == NULL || shift > 14) /* three bytes are enough for HO_MESSAGE_MAX */
            return GF_E_FORMAT;
        n |= (size_t)(*byte & 0x7F) << shift;
        if ((*byte & 0x80) == 0)
            break;
    }

    const uint8_t *p = n > 0 && n <= HO_MESSAGE_MAX ? gf_rd(r, n) : NULL;
    if (p == NULL)
        return GF_E_FORMAT;
    *ret = (struct gf_span){ p, n };
    return 1;
}

/* Which body an Up message has: its tag, with the body's bytes; 0 when it has not exactly one that
 * is known. */
static uint32_t up_body(struct gf_span message, struct gf_span *ret)
{
    pb_istream_t in = pb_istream_from_buffer(message.p, message.n);
    uint32_t found = 0, tag;
    pb_wire_type_t type;
    bool is_end;

    while (pb_decode_tag(&in, &type, &tag, &is_end)) {
        uint32_t n;

        if (type != PB_WT_STRING || (tag != sync_Up_head_tag && tag != sync_Up_item_tag)) {
            if (!pb_skip_field(&in, type))
                return 0;
            continue;
        }
        if (found != 0 || !pb_decode_varint32(&in, &n) || n > in.bytes_left)
            return 0;
        found = tag;
        *ret = (struct gf_span){ message.p + (message.n - in.bytes_left), n };
        if (!pb_read(&in, NULL, n))
            return 0;
    }
    return is_end ? found : 0;
}

/* Judge the whole stream before anything is done. False: where (the message, and the byte that it
 * begins at, from 0) and *reason say what is wrong. */
static bool check_stream(struct ho_sync *s, char where[static 40], const char **reason)
{
    struct gf_reader r = { s->body.p, s->body.n, false };
    struct gf_span message, body;
    unsigned n = 0;

    *reason = NULL;
    while (*reason == NULL) {
        size_t at = s->body.n - r.left;
        int got = ho_stream_next(&r, &message);
        uint32_t tag = got == 1 ? up_body(message, &body) : 0;

        if (got == 0)
            break;
        n++;
        (void)snprintf(where, 40, "message %u, byte %zu", n, at);
        if (got != 1)
            *reason = "the length of a message is wrong, or the stream was cut";
        else if (tag == 0)
            *reason = "this message is neither a head nor an item";
        else if ((tag == sync_Up_head_tag) != (n == 1))
            *reason = "the head has to come first, and once";
        else if (n == 1 && mc_pb_decode(sync_SyncHead_fields, body, &s->head) < 0)
            *reason = "the head cannot be decoded";
        else if (n == 1 && s->head.schema != SCHEMA)
            *reason = "head office speaks schema 1 only: update gasfitter";
        else if (n > HO_ITEMS_MAX + 1)
            *reason = "too many items at once: send at most 1000";
    }
    if (n == 0)
        *reason = "there is no head";
    return *reason == NULL;
}

/* ---- the answer ---- */

/* As a varint; returns its bytes. */
static size_t put_varint(uint8_t *ret, size_t v)
{
    size_t n = 0;

    for (; n == 0 || v > 0; v >>= 7)
        ret[n++] = (uint8_t)((v & 0x7F) | (v > 0x7F ? 0x80 : 0));
    return n;
}

/* Tag and length stand before the body that they are of, and the message's length before both: so
 * the body is encoded once, where an encoder of whole messages does it again for the length. */
int ho_down(struct office *o, struct ho_sync *s, const sync_Down *down)
{
    uint8_t bytes[sync_Down_size], inner[12], outer[12];
    pb_field_iter_t body;

    if (!pb_field_iter_begin_const(&body, sync_Down_fields, down)
        || !pb_field_iter_find(&body, down->which_body))
        return ho_fail(o, GF_E_BUG, "answer", "a message has no body");

    int n = mc_pb_encode(body.submsg_desc, body.pData, bytes, sizeof bytes);
    if (n < 0)
        return ho_fail(o, n, "answer", "a message is too long");

    size_t inner_n = put_varint(inner, (size_t)body.tag << 3 | PB_WT_STRING);
    inner_n += put_varint(inner + inner_n, (size_t)n);
    buf_add(s->out, outer, put_varint(outer, inner_n + (size_t)n));
    buf_add(s->out, inner, inner_n);
    buf_add(s->out, bytes, (size_t)n);
    gf_wipe(bytes, (size_t)n); /* a ticket's key may have been in it */
    return s->out->bad ? ho_fail(o, GF_E_MEMORY, "answer", "") : 0;
}

/* What the head says of the laptop. Its sequence going back means that it was restored from an old
 * copy. */
static int take_head(struct office *o, struct ho_sync *s)
{
    char id[GF_UUID_TEXT];

    gf_uuid_text(s->device.id, id);
    if (s->head.last_seq < s->device.claimed_seq
        && ho_log(o, s->device.staff_no, "sequence went back",
                  "%s made %llu records, says %llu now", id,
                  (unsigned long long)s->device.claimed_seq, (unsigned long long)s->head.last_seq)
               != 0)
        return o->fail.code;
    return 0;
}

/* What is known of the laptop from now on: what its head said, and where its chain ends. */
static int put_device(struct office *o, const struct ho_sync *s)
{
    char version[sizeof s->head.version];

    gf_visible(version, sizeof version, s->head.version, strlen(s->head.version));
    if (odb_exec(o->db,
                 "UPDATE device SET claimed_seq = ?3, cursor_no = ?4, seen_at_ms = ?5, version = "
                 "?6, chain_seq = ?7, chain_hash = ?8 WHERE org_id = ?1 AND device_id = ?2",
                 ODB(ODB_B(s->device.id, GF_UUID_LEN), ODB_I(s->head.last_seq & INT64_MAX),
                     ODB_I(s->head.cursor & INT64_MAX), ODB_I(ho_now_ms(o)), ODB_T(version),
                     ODB_I(s->device.chain_seq), ODB_B(s->device.chain_hash, 32)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

/* For each order that something happened to: its certificate if it is due, and a line in the change
 * feed. */
static int follow_up(struct office *o, struct ho_sync *s)
{
    struct ho_order order;

    if (s->touched.bad)
        return ho_fail(o, GF_E_MEMORY, "sync", "");
    for (size_t at = 0; at + GF_UUID_LEN <= s->touched.n; at += GF_UUID_LEN) {
        int r = ho_find_order(o, s->touched.p + at, &order);

        if (r == 1)
            r = ho_certify(o, &order);
        if (r >= 0)
            r = ho_changed(o, &order);
        if (r < 0)
            return r;
    }
    return 0;
}

/* May be run again from its begin, when the database asks for that. */
static int take_all(struct office *o, void *ctx)
{
    struct ho_sync *s = ctx;
    struct gf_reader r = { s->body.p, s->body.n, false };
    struct gf_span message, body;
    struct ho_verdict verdict;
    struct ho_item item;
    int code;

    s->device = s->before;
    buf_clear(s->out);
    buf_clear(&s->touched);
    buf_clear(&s->said);
    ho_receipt_forget(&s->receipts);
    s->has_order = s->has_gap = false;
    s->n_rows = 0;
    code = take_head(o, s);
    if (code == 0)
        code = ho_look_for_strays(o, s);
    while (code == 0 && ho_stream_next(&r, &message) == 1) {
        if (up_body(message, &body) != sync_Up_item_tag)
            continue;
        code = ho_take_item(o, s, body, &item, &verdict);
        if (code == 0)
            ho_say(o, s, &item, &verdict);
    }
    if (code == 0)
        code = ho_store_rows(o, s);
    if (code == 0)
        code = ho_receipt_settle(o, &s->receipts);
    if (code == 0)
        code = put_device(o, s);
    if (code == 0)
        code = ho_sign_verdicts(o, s);
    if (code == 0)
        code = follow_up(o, s);
    return code == 0 ? ho_add_changes(o, s) : code;
}

/* What collides undoes everything: then once more, item by item. */
static int take_request(struct office *o, struct ho_sync *s)
{
    int r = ho_transaction(o, take_all, s);

    if (r != GF_E_MISMATCH)
        return r;
    s->is_careful = true;
    o->fail = (struct gf_fail){ 0 };
    return ho_transaction(o, take_all, s);
}

void ho_route_sync(struct office *o, const struct http_request *request,
                   const struct ho_device *device, struct http_response *ret)
{
    struct ho_sync *s = calloc(1, sizeof *s);
    const char *reason;
    char where[40] = "";

    if (s == NULL) {
        (void)ho_fail(o, GF_E_MEMORY, "sync", "");
        ho_answer_fail(o, ret);
        return;
    }
    s->before = *device;
    s->body = request->body;
    s->out = &ret->body;
    if (!check_stream(s, where, &reason))
        ho_answer_error(ret, 400, "format", reason, where);
    else if (take_request(o, s) < 0)
        ho_answer_fail(o, ret);
    else {
        ret->status = 200;
        ret->content_type = "application/x-protobuf";
        ho_count_verdicts(o, s);
    }
    buf_free(&s->touched);
    buf_free(&s->said);
    ho_receipt_forget(&s->receipts);
    free(s);
}
