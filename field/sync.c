/* sync.c - brings the outbox home and fetches what changed; see sync.h.
 *
 * A round is one post after another: records in the order of their sequence, at most BATCH at a
 * time, until all were sent once and head office has no more to tell. A record that head office
 * holds is sent again in a later round, not in the same one.
 *
 * An answer may end anywhere. Verdicts carry a proof each and count as they are read; changes
 * and the cursor count only with the end of the answer, in one transaction.
 */
#include "field/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "common/bytes.h"
#include "common/proof.h"
#include "common/text.h"
#include "common/version.h"
#include "meter-core/crypto.h"

#define SCHEMA 1
#define BATCH 100                   /* records in one post */
#define BODY_MAX (256u * 1024)      /* bytes of one post */
#define POSTS_MAX 10000             /* in one round: nobody is held for ever */
#define POST_MS 180000              /* for one answer */
#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS 300000
#define LOOK_MS 30000               /* after a good round: is anything waiting? */
#define FETCH_MS 300000             /* after a good round: has anything changed at head office? */

struct sync {
    const struct field_ports *ports;
    struct office_events events;
    struct sync_view view;
    uint64_t ended, wanted_round;   /* rounds that have ended; the one that sync_now() asked for */
    bool again;                     /* another round is wanted after the present one */
    bool posted;                    /* an answer is awaited */
    bool went_back;                 /* in this round: head office asked for what it had */
    uint64_t after_seq;             /* records up to here were sent in this round */
    size_t batch_n;                 /* records in the post under way */
    unsigned posts, failures;
    int64_t next_mono, post_until;  /* mono */
    int64_t good_mono;              /* mono: end of the last good round */
    uint8_t device[GF_UUID_LEN];
    sync_Verdict proved;            /* the last one whose signature was checked, and held */
    struct gf_digest proved_root;
    uint8_t body[BODY_MAX];
    struct outbox_row rows[BATCH];
};

static int64_t mono(const struct sync *s)
{
    return s->ports->clock->mono_ms(s->ports->clock->ctx);
}

/* ---- a round ends ---- */

/* Half of the time is certain, half is chance, so that laptops do not come back all at once. */
static int64_t retry_ms(struct sync *s)
{
    int64_t ms = RETRY_FIRST_MS;
    uint16_t chance = 0;

    for (unsigned i = 1; i < s->failures && ms < RETRY_LAST_MS; i++)
        ms *= 2;
    if (ms > RETRY_LAST_MS)
        ms = RETRY_LAST_MS;
    (void)s->ports->random->fill(s->ports->random->ctx, (uint8_t *)&chance, sizeof chance);
    return ms / 2 + ms / 2 * chance / UINT16_MAX;
}

static void read_counts(struct sync *s)
{
    struct outbox_counts counts;

    if (s->ports->store->outbox_counts(s->ports->store->ctx, &counts) >= 0)
        s->view.counts = counts;
}

static void end_round(struct sync *s, int code, const char *where, const char *detail)
{
    s->ended++;
    s->posted = false;
    s->view.fail = (struct gf_fail){0};
    read_counts(s);
    if (code == 0) {
        s->failures = 0;
        s->view.last_ok_at_ms = s->ports->clock->utc_ms(s->ports->clock->ctx);
        s->view.phase = SYNC_IDLE;
        s->good_mono = mono(s);
        s->next_mono = s->good_mono + LOOK_MS;
        return;
    }
    (void)gf_fail(&s->view.fail, code, where, detail);
    if (code == GF_E_REVOKED) {
        s->view.phase = SYNC_REVOKED;
        s->next_mono = INT64_MAX;
    } else if (code == GF_E_CANCELLED) {
        s->view.phase = SYNC_IDLE;
        s->next_mono = INT64_MAX;
    } else {
        s->failures++;
        s->view.phase = SYNC_WAITING;
        s->next_mono = mono(s) + retry_ms(s);
    }
}

/* ---- a post ---- */

static bool put(pb_ostream_t *out, const sync_Up *up)
{
    return pb_encode_ex(out, sync_Up_fields, up, PB_ENCODE_DELIMITED);
}

static int make_head(struct sync *s, sync_Up *up)
{
    const struct store_port *store = s->ports->store;
    struct outbox_counts counts;
    int code = store->outbox_counts(store->ctx, &counts);

    *up = (sync_Up){.which_body = sync_Up_head_tag};
    if (code >= 0)
        code = store->cursor(store->ctx, &up->body.head.cursor);
    if (code < 0)
        return code;
    up->body.head.schema = SCHEMA;
    up->body.head.laptop_utc_ms = s->ports->clock->utc_ms(s->ports->clock->ctx);
    up->body.head.last_seq = counts.last_seq;
    gf_copy(up->body.head.version, sizeof up->body.head.version, GF_VERSION);
    return 0;
}

/* The body: head and the next records. Its length, or GF_E_*. */
static int make_body(struct sync *s, size_t *ret_n)
{
    pb_ostream_t out = pb_ostream_from_buffer(s->body, sizeof s->body);
    sync_Up up;
    int code = make_head(s, &up), n;

    if (code < 0)
        return code;
    n = s->ports->store->outbox_next(s->ports->store->ctx, s->after_seq, s->rows, BATCH);
    if (n < 0)
        return n;
    if (!put(&out, &up))
        return GF_E_SPACE;
    s->batch_n = 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        const struct outbox_row *row = &s->rows[i];

        if (row->len > sizeof up.body.item.bytes)
            return GF_E_SPACE;
        if (out.bytes_written + row->len + 16 > sizeof s->body)
            break;
        up = (sync_Up){.which_body = sync_Up_item_tag};
        up.body.item.size = (pb_size_t)row->len;
        memcpy(up.body.item.bytes, row->bytes, row->len);
        if (!put(&out, &up))
            return GF_E_SPACE;
        s->after_seq = row->seq;
        s->batch_n++;
    }
    *ret_n = out.bytes_written;
    return 0;
}

static void post(struct sync *s)
{
    size_t n = 0;
    int code = make_body(s, &n);

    if (code < 0) {
        end_round(s, code, "store", "the records to send cannot be read");
        return;
    }
    code = s->ports->office->post_sync(s->ports->office->ctx, s->body, n);
    if (code < 0) {
        end_round(s, code, "office", "the request cannot be started");
        return;
    }
    s->posts++;
    s->view.sent += s->batch_n;
    s->posted = true;
    s->post_until = mono(s) + POST_MS;
}

static void start_round(struct sync *s)
{
    s->again = false;
    s->after_seq = 0;
    s->went_back = false;
    s->posts = 0;
    s->view.phase = SYNC_RUNNING;
    s->view.sent = s->view.answered = 0;
    post(s);
}

/* ---- an answer ---- */

/* What reading an answer found. */
struct answer {
    uint32_t verdicts, ends;
    bool whole;                 /* the last message was an end */
    sync_End end;
    struct gf_fail why;         /* the first thing that was wrong */
};

/* The root that the verdict's path leads to is signed by head office for this laptop. The verdicts of
 * an answer have one root, so that its signature is checked once. */
static int check_root(struct sync *s, const sync_Verdict *v, const struct gf_digest *root)
{
    uint8_t msg[GF_ACK_MESSAGE];
    sync_Verdict *p = &s->proved;
    int code;

    if (p->leaves == v->leaves && p->signature.size == v->signature.size &&
        memcmp(p->signature.bytes, v->signature.bytes, v->signature.size) == 0 &&
        memcmp(s->proved_root.b, root->b, sizeof root->b) == 0)
        return 0;
    gf_ack_message(s->device, v->leaves, root, msg);
    code = s->ports->office->verify(s->ports->office->ctx, msg, sizeof msg, v->signature.bytes,
                                    v->signature.size);
    if (code >= 0) {
        *p = *v;
        s->proved_root = *root;
    }
    return code;
}

static int check_proof(struct sync *s, const sync_Verdict *v)
{
    const struct gf_hash_port h = {s->ports->crypto->ctx, s->ports->crypto->sha256};
    const struct gf_ack ack = {v->id, v->item_hash, (uint8_t)v->kind, v->office_ms};
    struct gf_digest leaf, root;
    int code = gf_ack_leaf(&h, &ack, &leaf);

    if (code == 0)
        code = gf_proof_root(&h, &leaf, v->leaf, v->leaves,
                             (struct gf_span){v->path.bytes, v->path.size}, &root);
    if (code == GF_E_FORMAT)
        return GF_E_ACK_BAD;
    return code == 0 ? check_root(s, v, &root) : code;
}

static void take_verdict(struct sync *s, const sync_Verdict *v, struct answer *a)
{
    char id[GF_UUID_TEXT];
    int code = check_proof(s, v);

    gf_uuid_text(v->id, id);
    a->verdicts++;
    if (code >= 0 && (v->kind < sync_VerdictKind_APPLIED || v->kind > sync_VerdictKind_CONFLICT))
        code = GF_E_OFFICE_ANSWER;
    if (code >= 0)
        code = s->ports->store->outbox_verdict(s->ports->store->ctx, v);
    if (code < 0)
        (void)gf_fail(&a->why, code, "record", id);
    else
        s->view.answered++;
}

/* Read the messages of an answer; each() is called with one after the other while it returns true.
 * False: the bytes end inside a message, or are not one. */
static bool for_each(const uint8_t *body, size_t n, bool (*each)(void *ctx, const sync_Down *down),
                     void *ctx)
{
    pb_istream_t in = pb_istream_from_buffer(body, n);
    sync_Down down;

    while (in.bytes_left > 0) {
        if (!pb_decode_ex(&in, sync_Down_fields, &down, PB_DECODE_DELIMITED))
            return false;
        if (!each(ctx, &down))
            return false;
    }
    return true;
}

struct reading {
    struct sync *s;
    struct answer *a;
    int code;
};

static bool read_one(void *ctx, const sync_Down *down)
{
    struct reading *rd = ctx;

    rd->a->whole = down->which_body == sync_Down_end_tag;
    if (down->which_body == sync_Down_verdict_tag)
        take_verdict(rd->s, &down->body.verdict, rd->a);
    else if (rd->a->whole)
        rd->a->end = down->body.end;
    rd->a->ends += rd->a->whole;
    return true;
}

static int check_certificate(const struct sync *s, const sync_Certificate *c)
{
    static const char label[] = "gasm certificate";
    uint8_t msg[sizeof label - 1 + sizeof c->text];
    struct gf_writer w = {msg, sizeof msg, 0, false};

    gf_wr(&w, label, sizeof label - 1);
    gf_wr(&w, c->text, strlen(c->text));
    return s->ports->office->verify(s->ports->office->ctx, msg, w.n, c->signature.bytes,
                                    c->signature.size);
}

static bool apply_one(void *ctx, const sync_Down *down)
{
    struct reading *rd = ctx;

    if (down->which_body == sync_Down_certificate_tag)
        rd->code = check_certificate(rd->s, &down->body.certificate);
    if (rd->code < 0)
        return false;
    if (down->which_body != sync_Down_verdict_tag && down->which_body != 0)
        rd->code = rd->s->ports->store->changes_apply(rd->s->ports->store->ctx, down);
    return rd->code >= 0;
}

/* All changes of a whole answer, or none. */
static int apply_changes(struct sync *s, const uint8_t *body, size_t n)
{
    const struct store_port *store = s->ports->store;
    struct reading rd = {s, NULL, 0};
    int code = store->changes_begin(store->ctx);

    if (code < 0)
        return code;
    if (!for_each(body, n, apply_one, &rd) && rd.code >= 0)
        rd.code = GF_E_OFFICE_ANSWER;
    code = store->changes_end(store->ctx, rd.code >= 0);
    return rd.code < 0 ? rd.code : code;
}

/* Head office was restored and asked for records that it had: they wait again, and the round goes on
 * with them. Once: what is wanted a second time waits for the next round. What comes next in any case
 * is no going back. */
static bool go_back(struct sync *s, uint64_t wanted_seq)
{
    const struct store_port *store = s->ports->store;

    if (s->went_back || wanted_seq == 0 || wanted_seq == s->after_seq + 1 ||
        store->outbox_next(store->ctx, wanted_seq - 1, s->rows, 1) != 1 ||
        s->rows[0].seq != wanted_seq)
        return false;
    s->went_back = true;
    s->after_seq = wanted_seq - 1;
    return true;
}

/* The answer was whole and good: go on with the next post, or end the round. */
static void next_post(struct sync *s, const sync_End *end, uint64_t cursor_before)
{
    if (go_back(s, end->wanted_seq) && s->posts < POSTS_MAX) {
        post(s);
    } else if (end->more && end->cursor <= cursor_before) {
        end_round(s, GF_E_OFFICE_ANSWER, "cursor",
                  "more was promised, but the cursor stands still");
    } else if (!end->more && s->batch_n == 0) {
        end_round(s, 0, "", "");
    } else if (s->posts >= POSTS_MAX) {
        end_round(s, GF_E_OFFICE_ANSWER, "round", "the round has no end");
    } else if (!end->more && s->ports->store->outbox_next(s->ports->store->ctx, s->after_seq,
                                                          s->rows, 1) == 0) {
        end_round(s, 0, "", "");
    } else {
        post(s);
    }
}

static void take_answer(struct sync *s, const uint8_t *body, size_t n)
{
    struct answer a = {0};
    struct reading rd = {s, &a, 0};
    uint64_t cursor = 0;
    bool read = for_each(body, n, read_one, &rd);
    int code = s->ports->store->cursor(s->ports->store->ctx, &cursor);

    if (!read || !a.whole || a.ends != 1) {
        (void)gf_fail(&a.why, GF_E_OFFICE_ANSWER, "answer", "it was cut off, or is not understood");
    } else if (a.end.items != a.verdicts || a.verdicts != s->batch_n) {
        (void)gf_fail(&a.why, GF_E_OFFICE_ANSWER, "answer",
                      "its verdicts are not one for each record");
    } else {
        if (code >= 0)
            code = apply_changes(s, body, n);
        if (code < 0)
            (void)gf_fail(&a.why, code, "changes", "nothing of them was stored");
    }
    if (a.why.code != 0)
        end_round(s, a.why.code, a.why.where, a.why.detail);
    else
        next_post(s, &a.end, cursor);
}

static void on_done(void *ctx, int code, const char *detail, const uint8_t *body, size_t n)
{
    struct sync *s = ctx;
    struct answer a = {0};
    struct reading rd = {s, &a, 0};

    if (!s->posted)
        return;
    s->posted = false;
    if (code == 0) {
        take_answer(s, body, n);
        return;
    }
    if (n > 0)      /* what arrived before it broke off: verdicts prove themselves */
        (void)for_each(body, n, read_one, &rd);
    end_round(s, code, "office", detail);
}

/* ---- what others call ---- */

struct sync *sync_new(const struct field_ports *ports)
{
    struct sync *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->ports = ports;
    s->events = (struct office_events){s, on_done};
    s->next_mono = INT64_MAX;
    ports->office->device_id(ports->office->ctx, s->device);
    ports->office->bind(ports->office->ctx, &s->events);
    read_counts(s);
    return s;
}

struct sync *sync_free(struct sync *s)
{
    if (s != NULL) {
        s->ports->office->bind(s->ports->office->ctx, NULL);
        free(s);
    }
    return NULL;
}

void sync_now(struct sync *s)
{
    s->again = true;
    s->wanted_round = s->ended + (s->view.phase == SYNC_RUNNING ? 2 : 1);
}

uint64_t sync_rounds_ended(const struct sync *s)
{
    return s->ended;
}

uint64_t sync_round_wanted(const struct sync *s)
{
    return s->wanted_round;
}

bool sync_cancel(struct sync *s)
{
    bool running = s->view.phase == SYNC_RUNNING, wanted = s->again;

    s->again = false;
    if (running)
        s->ports->office->cancel(s->ports->office->ctx);    /* its end is that of the round */
    else if (wanted)
        end_round(s, GF_E_CANCELLED, "sync", "before it began");
    return running || wanted;
}

/* A round is due by itself: after a failure, for a record that waits, or to fetch. */
static bool is_due(struct sync *s)
{
    if (mono(s) < s->next_mono)
        return false;
    read_counts(s);
    if (s->view.phase == SYNC_WAITING || s->view.counts.waiting > 0 ||
        mono(s) - s->good_mono >= FETCH_MS)
        return true;
    s->next_mono = mono(s) + LOOK_MS;
    return false;
}

int sync_tick(struct sync *s)
{
    int64_t left;

    if (s->view.phase == SYNC_RUNNING) {
        if (mono(s) < s->post_until)
            return 1000;
        s->ports->office->cancel(s->ports->office->ctx);
        end_round(s, GF_E_OFFICE_AWAY, "office", "no answer in time");
    }
    if (s->again || is_due(s))
        start_round(s);
    left = s->next_mono - mono(s);
    return s->view.phase != SYNC_RUNNING && left < 1000 ? (left > 0 ? (int)left : 0) : 1000;
}

const struct sync_view *sync_view(struct sync *s)
{
    int64_t left = s->next_mono - mono(s);

    s->view.next_try_in_ms = s->view.phase == SYNC_WAITING && left > 0 ? left : 0;
    read_counts(s);
    return &s->view;
}
