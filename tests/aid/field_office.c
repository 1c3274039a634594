/* field_office.c - a head office in this process that answers item by item; see field_world.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "common/proof.h"
#include "common/text.h"
#include "tests/aid/field_world.h"

#define ANSWER_MS 30
#define VERDICTS_MAX 128  /* of one answer */

static const uint8_t device[GF_UUID_LEN] = "laptop of a test";

/* What stands for a signature: a hash that only this office and its verifier make. */
static void sign(const struct field_office *o, const uint8_t *msg, size_t n, const char *secret,
                 uint8_t ret[static 32])
{
    struct gf_span parts[] = {{(const uint8_t *)secret, strlen(secret)}, {msg, n}};
    int code = o->meter->ports.crypto->sha256(o->meter->ports.crypto->ctx, parts, 2, ret);

    assert(code == 0);
}

static int verify(void *ctx, const uint8_t *msg, size_t msg_len, const uint8_t *sig, size_t sig_len)
{
    struct field_office *o = ctx;
    uint8_t right[32];

    o->verified++;
    sign(o, msg, msg_len, "office", right);
    return sig_len == sizeof right && memcmp(sig, right, sizeof right) == 0 ? 0 : GF_E_ACK_BAD;
}

static void bind(void *ctx, const struct office_events *events)
{
    struct field_office *o = ctx;

    if (!o->fate->dead)
        o->events = events;
}

static int post_sync(void *ctx, const uint8_t *body, size_t n)
{
    struct field_office *o = ctx;

    if (o->fate->dead || o->posted)
        return GF_E_NOT_NOW;
    assert(n <= sizeof o->body);
    memcpy(o->body, body, n);
    o->body_n = n;
    o->posted = true;
    o->due_ms = o->meter->mono_ms + ANSWER_MS;
    return 0;
}

static void device_id(void *ctx, uint8_t ret[static 16])
{
    (void)ctx;
    memcpy(ret, device, sizeof device);
}

/* An event is delivered unless the program died before it. */
static void deliver(struct field_office *o, int code, const char *detail, const uint8_t *body,
                    size_t n)
{
    if (o->fate->dead || o->events == NULL)
        return;
    if (++o->fate->events == o->fate->before_event) {
        o->fate->dead = true;
        return;
    }
    o->events->done(o->events->ctx, code, detail, body, n);
    if (o->fate->events == o->fate->after_event)
        o->fate->dead = true;
}

static void cancel(void *ctx)
{
    struct field_office *o = ctx;

    if (o->posted)
        o->due_ms = -1;
}

struct field_office *field_office_new(struct aid_world *meter, struct field_fate *fate)
{
    struct field_office *o = calloc(1, sizeof *o);

    assert(o != NULL);
    o->meter = meter;
    o->fate = fate;
    o->port = (struct office_port){o, bind, post_sync, cancel, verify, device_id};
    return o;
}

/* ---- what it does with a request ---- */

static struct field_item *find(struct field_office *o, const uint8_t *id)
{
    for (size_t i = 0; i < o->n_items; i++)
        if (memcmp(o->items[i].id, id, GF_UUID_LEN) == 0)
            return &o->items[i];
    return NULL;
}

const struct field_item *field_office_item(const struct field_office *o, sync_ItemKind kind,
                                           size_t n)
{
    for (size_t i = 0; i < o->n_items; i++)
        if (o->items[i].item.kind == kind && n-- == 0)
            return &o->items[i];
    return NULL;
}

static sync_VerdictKind judge(struct field_office *o, struct field_item *it, sync_Verdict *v)
{
    if (it->verdict == sync_VerdictKind_APPLIED)
        return sync_VerdictKind_DUPLICATE;
    if (o->hold > 0) {
        o->hold--;
        gf_copy(v->reason, sizeof v->reason, "waits for another record");
        return sync_VerdictKind_HELD;
    }
    if (it->item.kind == sync_ItemKind_APPLICATION && o->conflict != NULL) {
        gf_copy(v->field, sizeof v->field, o->conflict);
        gf_copy(v->reason, sizeof v->reason, "differs from what is registered");
        return sync_VerdictKind_CONFLICT;
    }
    return sync_VerdictKind_APPLIED;
}

static void put(pb_ostream_t *out, const sync_Down *down)
{
    bool ok = pb_encode_ex(out, sync_Down_fields, down, PB_ENCODE_DELIMITED);

    assert(ok);
    (void)ok;
}

static void sign_certificate(struct field_office *o, sync_Certificate *c)
{
    uint8_t msg[16 + sizeof c->text];
    struct gf_writer w = {msg, sizeof msg, 0, false};

    gf_wr(&w, "gasm certificate", 16);
    gf_wr(&w, c->text, strlen(c->text));
    assert(!w.bad);
    c->signature.size = 32;
    sign(o, msg, w.n, "office", c->signature.bytes);
}

static void take_item(struct field_office *o, const sync_Up_item_t *bytes, sync_Verdict *v)
{
    struct gf_span part = {bytes->bytes, bytes->size};
    pb_istream_t in = pb_istream_from_buffer(bytes->bytes, bytes->size);
    struct field_item *it, fresh = {.sent = 0};
    bool ok = pb_decode(&in, sync_Item_fields, &fresh.item);

    assert(ok);
    memcpy(fresh.id, fresh.item.id, GF_UUID_LEN);
    ok = o->meter->ports.crypto->sha256(o->meter->ports.crypto->ctx, &part, 1, fresh.hash) == 0;
    assert(ok);
    (void)ok;
    it = find(o, fresh.id);
    if (it == NULL) {
        assert(o->n_items < FIELD_ITEMS);
        it = &o->items[o->n_items++];
        *it = fresh;
    }
    assert(memcmp(it->hash, fresh.hash, sizeof fresh.hash) == 0);
    it->sent++;
    v->kind = judge(o, it, v);
    if (v->kind != sync_VerdictKind_DUPLICATE)
        it->verdict = v->kind;
    memcpy(v->id, it->id, sizeof v->id);
    memcpy(v->item_hash, it->hash, sizeof v->item_hash);
    v->office_ms = o->meter->utc_ms;
}

/* One signature over all verdicts, each with its path. */
static void put_verdicts(struct field_office *o, const sync_Verdict *verdicts, uint32_t n,
                         pb_ostream_t *out)
{
    const struct mc_crypto *c = o->meter->ports.crypto;
    const struct gf_hash_port h = {c->ctx, c->sha256};
    struct gf_digest nodes[GF_PROOF_NODES(VERDICTS_MAX)];
    sync_Down down = {.which_body = sync_Down_verdict_tag};
    uint8_t msg[GF_ACK_MESSAGE], signature[32];
    int code = 0;

    for (uint32_t i = 0; i < n && code == 0; i++) {
        const struct gf_ack ack = {verdicts[i].id, verdicts[i].item_hash,
                                   (uint8_t)verdicts[i].kind, verdicts[i].office_ms};

        code = gf_ack_leaf(&h, &ack, &nodes[i]);
    }
    if (n == 0)
        return;
    if (code == 0)
        code = gf_proof_build(&h, nodes, n);
    assert(code > 0);
    gf_ack_message(device, n, &nodes[code - 1], msg);
    sign(o, msg, sizeof msg, o->forge ? "somebody" : "office", signature);
    for (uint32_t i = 0; i < n; i++) {
        sync_Verdict *v = &down.body.verdict;

        *v = verdicts[i];
        v->leaf = i;
        v->leaves = n;
        v->path.size = (pb_size_t)gf_proof_path(nodes, n, i, v->path.bytes);
        v->signature.size = sizeof signature;
        memcpy(v->signature.bytes, signature, sizeof signature);
        if (o->spoil != NULL)
            o->spoil(v);
        put(out, &down);
    }
}

/* The certificate is due when the job is done, its application agreed to, and no receipt is
 * missing. */
static bool certificate_due(const struct field_office *o)
{
    const struct field_item *done = field_office_item(o, sync_ItemKind_JOB_DONE, 0);
    const struct field_item *at;
    bool applied = false;
    sync_JobDone body;
    uint64_t receipts = 0;

    if (done == NULL)
        return false;
    for (size_t i = 0; (at = field_office_item(o, sync_ItemKind_APPLICATION, i)) != NULL; i++)
        applied = applied || at->verdict == sync_VerdictKind_APPLIED;
    while (field_office_item(o, sync_ItemKind_RECEIPT, receipts) != NULL)
        receipts++;
    pb_istream_t in = pb_istream_from_buffer(done->item.payload.bytes, done->item.payload.size);
    return pb_decode(&in, sync_JobDone_fields, &body) && applied &&
           receipts >= body.last_receipt_seq;
}

/* Read the request, take its items, write the whole answer. */
static void work(struct field_office *o)
{
    pb_istream_t in = pb_istream_from_buffer(o->body, o->body_n);
    pb_ostream_t out = pb_ostream_from_buffer(o->answer, sizeof o->answer);
    sync_Down down = {.which_body = sync_Down_end_tag};
    uint32_t items = 0;
    static sync_Up up;
    static sync_Verdict verdicts[VERDICTS_MAX];

    o->posts++;
    while (in.bytes_left > 0) {
        bool ok = pb_decode_ex(&in, sync_Up_fields, &up, PB_DECODE_DELIMITED);

        assert(ok);
        (void)ok;
        if (up.which_body == sync_Up_head_tag) {
            o->head = up.body.head;
        } else if (o->only_verdicts == 0 || items < o->only_verdicts) {
            assert(items < VERDICTS_MAX);
            verdicts[items] = (sync_Verdict){.kind = sync_VerdictKind_VERDICT_NONE};
            take_item(o, &up.body.item, &verdicts[items++]);
        }
    }
    put_verdicts(o, verdicts, items, &out);
    if (certificate_due(o) && o->head.cursor == 0 && o->n_changes == 0) {
        sync_Down c = {
            .which_body = sync_Down_certificate_tag,
            .body.certificate = {.number = "CERT-1", .text = "Meter in service\nAccount 1001\n"}};

        memcpy(c.body.certificate.job_id,
               field_office_item(o, sync_ItemKind_JOB_DONE, 0)->item.job_id, GF_UUID_LEN);
        sign_certificate(o, &c.body.certificate);
        put(&out, &c);
        o->head.cursor = 1;
    }
    while (o->head.cursor < o->n_changes) {
        put(&out, &o->changes[o->head.cursor++]);
        if (o->drip)
            break;
    }
    down.body.end = (sync_End){.cursor = o->head.cursor, .office_ms = o->meter->utc_ms,
                               .more = o->more_for_ever || o->head.cursor < o->n_changes,
                               .items = items};
    put(&out, &down);
    o->answer_n = out.bytes_written;
}

void field_office_step(struct field_office *o)
{
    if (!o->posted || (o->due_ms >= 0 && o->meter->mono_ms < o->due_ms))
        return;
    o->posted = false;
    if (o->due_ms < 0) {
        deliver(o, GF_E_CANCELLED, "cancelled", NULL, 0);
    } else if (o->away) {
        deliver(o, GF_E_OFFICE_AWAY, "no route to host", NULL, 0);
    } else if (o->revoked) {
        deliver(o, GF_E_REVOKED, "revoked", (const uint8_t *)"{\"error\":\"revoked\"}", 19);
    } else {
        work(o);
        if (o->script != NULL)
            deliver(o, 0, "", o->script, o->script_n);
        else if (o->cut && o->cut_at < o->answer_n)
            deliver(o, o->cut_seems_whole ? 0 : GF_E_OFFICE_AWAY, "broke off", o->answer,
                    o->cut_at);
        else
            deliver(o, 0, "", o->answer, o->answer_n);
    }
}

void field_office_bury(struct field_office *o)
{
    if (o->posted && !o->away && !o->revoked)
        work(o);
    o->posted = false;
    o->events = NULL;
}
