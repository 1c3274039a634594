/* office_laptop.c - laptops and meters that speak to a head office in a test's process; see
 * office_aid.h. */
#include "tests/aid/office_aid.h"
#include "tests/aid/secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_pki.h"
#include "common/proof.h"
#include "common/text.h"
#include "meter-core/keys.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"

/* ---- requests ---- */

static void put(struct oaid_laptop *l, const void *p, size_t n)
{
    assert_true(n <= sizeof l->body - l->body_n);
    memcpy(l->body + l->body_n, p, n);
    l->body_n += n;
}

static size_t varint(size_t n, uint8_t ret[static 10])
{
    size_t at = 0;

    for (; n > 0x7F; n >>= 7)
        ret[at++] = (uint8_t)(n | 0x80);
    ret[at++] = (uint8_t)n;
    return at;
}

/* An Up message: `tag` with bytes inside. */
static void put_up(struct oaid_laptop *l, uint8_t tag, const uint8_t *p, size_t n)
{
    uint8_t inner[10], outer[10];
    size_t inner_n = varint(n, inner);

    put(l, outer, varint(1 + inner_n + n, outer));
    put(l, &(uint8_t){ (uint8_t)(tag << 3 | 2) }, 1);
    put(l, inner, inner_n);
    put(l, p, n);
}

void oaid_begin(struct oaid_laptop *l)
{
    sync_SyncHead head = { .schema = 1,
                           .cursor = l->cursor,
                           .laptop_utc_ms = l->a->utc_ms,
                           .last_seq = l->seq,
                           .version = "1.0" };
    uint8_t bytes[sync_SyncHead_size];
    int n = mc_pb_encode(sync_SyncHead_fields, &head, bytes, sizeof bytes);

    assert_true(n > 0);
    l->body_n = 0;
    put_up(l, sync_Up_head_tag, bytes, (size_t)n);
}

void oaid_add_bytes(struct oaid_laptop *l, const uint8_t *p, size_t n)
{
    put_up(l, sync_Up_item_tag, p, n);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    while (n > 0 && p[n - 1] == 0)
        n--;
    return n == 0;
}

size_t oaid_add_get(struct oaid_laptop *l, sync_Item *item, uint8_t *ret, size_t cap)
{
    if (is_zero(item->id, sizeof item->id))
        assert_int_equal(gf_uuid7(&l->a->clock, l->a->ports.random, item->id), 0);
    item->seq = ++l->seq;
    item->made_at_ms = l->a->utc_ms;
    memcpy(item->prev_hash, l->prev_hash, sizeof item->prev_hash);

    int n = mc_pb_encode(sync_Item_fields, item, ret, cap);
    assert_true(n > 0);
    const struct gf_span bytes = { ret, (size_t)n };
    const struct mc_crypto *c = mc_crypto_openssl();
    assert_int_equal(c->sha256(c->ctx, &bytes, 1, l->prev_hash), 0);
    oaid_add_bytes(l, ret, (size_t)n);
    return (size_t)n;
}

void oaid_add(struct oaid_laptop *l, sync_Item *item)
{
    uint8_t bytes[sync_Item_size];

    (void)oaid_add_get(l, item, bytes, sizeof bytes);
}

/* A verdict's path leads to a root that head office signed for this laptop. */
static void check_signature(const struct oaid_laptop *l, const sync_Verdict *v)
{
    const struct gf_hash_port h = { mc_crypto_openssl()->ctx, mc_crypto_openssl()->sha256 };
    const struct gf_ack ack = { v->id, v->item_hash, (uint8_t)v->kind, v->office_ms };
    X509 *cert = pki_cert_parse((struct gf_span){ l->a->o->sign_pem.p, l->a->o->sign_pem.n });
    EVP_PKEY *key = X509_get_pubkey(cert);
    uint8_t message[GF_ACK_MESSAGE];
    struct gf_digest leaf, root;

    assert_int_equal(v->leaf, l->n_verdicts);
    assert_int_equal(gf_ack_leaf(&h, &ack, &leaf), 0);
    assert_int_equal(gf_proof_root(&h, &leaf, v->leaf, v->leaves,
                                   (struct gf_span){ v->path.bytes, v->path.size }, &root),
                     0);
    gf_ack_message(l->id, v->leaves, &root, message);
    assert_int_equal(pki_verify(key, (struct gf_span){ message, sizeof message },
                                (struct gf_span){ v->signature.bytes, v->signature.size }),
                     0);
    EVP_PKEY_free(key);
    X509_free(cert);
}

#define TAKE(list, field)                                                                          \
    do {                                                                                           \
        assert_true(l->n_##list < AID_ANSWERS);                                                    \
        l->list[l->n_##list++] = down->body.field;                                                 \
    } while (0)

static void take_down(struct oaid_laptop *l, const sync_Down *down)
{
    assert_false(l->has_end); /* it is the last */
    switch (down->which_body) {
    case sync_Down_verdict_tag:
        check_signature(l, &down->body.verdict);
        TAKE(verdicts, verdict);
        break;
    case sync_Down_job_tag:
        TAKE(jobs, job);
        break;
    case sync_Down_meter_tag:
        TAKE(meters, meter);
        break;
    case sync_Down_ticket_tag:
        TAKE(tickets, ticket);
        break;
    case sync_Down_key_tag:
        TAKE(keys, key);
        break;
    case sync_Down_certificate_tag:
        TAKE(certificates, certificate);
        break;
    case sync_Down_swap_tag:
        TAKE(swaps, swap);
        break;
    case sync_Down_token_tag:
        TAKE(tokens, token);
        break;
    case sync_Down_end_tag:
        l->has_end = true;
        l->end = down->body.end;
        break;
    default:
        fail_msg("a Down message of kind %d", (int)down->which_body);
    }
}

static void read_answer(struct oaid_laptop *l, const struct buf *body)
{
    static sync_Down down;
    struct gf_reader r = { body->p, body->n, false };

    while (r.left > 0) {
        size_t n = 0;
        unsigned shift = 0;
        uint8_t b;

        do {
            b = (uint8_t)gf_rd_uint(&r, 1);
            n |= (size_t)(b & 0x7F) << shift;
            shift += 7;
        } while ((b & 0x80) != 0);
        const uint8_t *p = gf_rd(&r, n);
        assert_non_null(p);
        assert_int_equal(mc_pb_decode(sync_Down_fields, (struct gf_span){ p, n }, &down), 0);
        take_down(l, &down);
    }
    assert_true(l->has_end);
    assert_int_equal(l->end.items, l->n_verdicts);
    l->cursor = l->end.cursor;
}

int oaid_send(struct oaid_laptop *l)
{
    struct http_request request = { .method = "POST",
                                    .path = "/v1/sync",
                                    .content_type = "application/x-protobuf",
                                    .peer = "127.0.0.1",
                                    .identity = l->id_text,
                                    .is_mutual = true,
                                    .body = { l->body, l->body_n } };
    struct http_response response;

    l->n_verdicts = l->n_jobs = l->n_meters = l->n_tickets = l->n_keys = l->n_certificates = 0;
    l->n_swaps = l->n_tokens = 0;
    l->has_end = false;
    l->error[0] = '\0';
    office_handle(l->a->o, &request, &response);
    oaid_no_secrets(l->a, "an answer", (struct gf_span){ response.body.p, response.body.n });
    l->status = response.status;
    if (l->status == 200)
        read_answer(l, &response.body);
    else
        gf_visible(l->error, sizeof l->error, (const char *)response.body.p, response.body.n);
    buf_free(&response.body);
    return l->status;
}

int oaid_fetch(struct oaid_laptop *l)
{
    oaid_begin(l);
    return oaid_send(l);
}

const sync_Verdict *oaid_verdict(const struct oaid_laptop *l)
{
    assert_true(l->n_verdicts > 0);
    return &l->verdicts[l->n_verdicts - 1];
}

void oaid_expect(struct oaid_laptop *l, sync_Item *item, sync_VerdictKind kind, const char *field)
{
    const sync_Verdict *v;

    oaid_begin(l);
    oaid_add(l, item);
    assert_int_equal(oaid_send(l), 200);
    assert_int_equal(l->n_verdicts, 1);
    v = oaid_verdict(l);
    if (v->kind != kind || strcmp(v->field, field) != 0)
        fail_msg("verdict %d %s: %s", (int)v->kind, v->field, v->reason);
    assert_memory_equal(v->id, item->id, 16);
    assert_true(strlen(v->reason) > 10);
}

gasm_Ticket oaid_ticket(const struct oaid_laptop *l, size_t i)
{
    gasm_Ticket t;

    assert_true(i < l->n_tickets);
    assert_int_equal(
        mc_ticket_decode((struct gf_span){ l->tickets[i].ticket.bytes, l->tickets[i].ticket.size },
                         &t),
        0);
    return t;
}

/* ---- items ---- */

static sync_Item item_of(const sync_Job *job, sync_ItemKind kind)
{
    sync_Item item = { .kind = kind };

    memcpy(item.job_id, job->id, sizeof item.job_id);
    memset(item.run_id, 9, sizeof item.run_id);
    return item;
}

static void set_payload(sync_Item *item, const pb_msgdesc_t *fields, const void *message)
{
    int n = mc_pb_encode(fields, message, item->payload.bytes, sizeof item->payload.bytes);

    assert_true(n >= 0);
    item->payload.size = (pb_size_t)n;
}

sync_Item oaid_application(const sync_Job *job, const sync_Application *a)
{
    sync_Item item = item_of(job, sync_ItemKind_APPLICATION);

    set_payload(&item, sync_Application_fields, a);
    return item;
}

sync_Application oaid_application_of(const sync_Job *job)
{
    sync_Application a = { .account_no = job->account_no,
                           .meter_type = 4,
                           .function_state = gasm_LifeState_FACTORY };

    (void)gf_copy(a.meter_id, sizeof a.meter_id, job->meter_id);
    (void)gf_copy(a.supply_point, sizeof a.supply_point, job->supply_point);
    (void)gf_copy(a.customer_no, sizeof a.customer_no, job->customer_no);
    (void)gf_copy(a.customer_name, sizeof a.customer_name, job->customer_name);
    return a;
}

sync_Item oaid_step(const sync_Job *job, const char *step)
{
    sync_Item item = item_of(job, sync_ItemKind_STEP_RECORD);
    sync_StepRecord record = { .text = "ventilation=yes" };

    (void)gf_copy(record.step, sizeof record.step, step);
    set_payload(&item, sync_StepRecord_fields, &record);
    return item;
}

sync_Item oaid_done(const sync_Job *job, const char *outcome, uint64_t last_receipt_seq)
{
    sync_Item item = item_of(job, sync_ItemKind_JOB_DONE);
    sync_JobDone done = { .last_receipt_seq = last_receipt_seq };

    (void)gf_copy(done.outcome, sizeof done.outcome, outcome);
    set_payload(&item, sync_JobDone_fields, &done);
    return item;
}

sync_Item oaid_receipt_item(const sync_Job *job, const uint8_t *receipt, size_t n)
{
    sync_Item item = item_of(job, sync_ItemKind_RECEIPT);

    assert_true(n <= sizeof item.receipt.bytes);
    memcpy(item.receipt.bytes, receipt, n);
    item.receipt.size = (pb_size_t)n;
    return item;
}

/* ---- a meter ---- */

void oaid_meter_new(struct oaid_meter *m, int n, const struct oaid_laptop *l)
{
    static const char *const ids[] = { AID_METER_1, AID_METER_2, AID_METER_3 };
    const struct mc_wrap wrap = { .meter_id = ids[n - 1], .wrap_root = m->key[0] };
    uint32_t epoch = 0;

    *m = (struct oaid_meter){ 0 };
    (void)gf_copy(m->id, sizeof m->id, ids[n - 1]);
    memset(m->key[0], n, sizeof m->key[0]);
    memcpy(m->next.meter_id, m->id, GF_METER_ID_LEN);
    m->next.has_before = m->next.has_after = true;
    m->next.state = gasm_LifeState_FACTORY;
    for (size_t i = 0; i < l->n_keys; i++)
        if (strcmp(l->keys[i].meter_id, m->id) == 0)
            assert_int_equal(mc_envelope_open(mc_crypto_openssl(), &wrap,
                                              (struct gf_span){ l->keys[i].envelope.bytes,
                                                                l->keys[i].envelope.size },
                                              &epoch, m->key[1]),
                             0);
    assert_int_equal(epoch, 1);
    for (size_t i = 0; i < l->n_tickets; i++) {
        gasm_Ticket t = oaid_ticket(l, i);

        if (memcmp(t.meter_id, m->id, GF_METER_ID_LEN) == 0)
            m->serial[t.epoch] = t.serial;
    }
}

size_t oaid_seal(struct oaid_meter *m, uint8_t ret[static AID_RECEIPT_MAX])
{
    int n = mc_receipt_seal(mc_crypto_openssl(), m->key[m->next.key_epoch], &m->next, ret,
                            AID_RECEIPT_MAX);

    assert_true(n > 0);
    assert_int_equal(
        mc_receipt_hash(mc_crypto_openssl(), (struct gf_span){ ret, (size_t)n }, m->next.prev_hash),
        0);
    m->next.before = m->next.after;
    return (size_t)n;
}

size_t oaid_execute(struct oaid_meter *m, gasm_Command command, uint64_t litres,
                    uint8_t ret[static AID_RECEIPT_MAX])
{
    static const gasm_LifeState states[] = {
        [gasm_Command_KEY_ACTIVATED] = gasm_LifeState_KEYED,
        [gasm_Command_PURGE_STOP] = gasm_LifeState_PURGED,
        [gasm_Command_ZERO_CLEAR] = gasm_LifeState_CLEARED,
        [gasm_Command_COMMISSION] = gasm_LifeState_IN_SERVICE,
    };
    gasm_Receipt *r = &m->next;

    r->command = command;
    r->seq++;
    r->event_seq++;
    r->clock_valid = r->clock_valid || command == gasm_Command_SET_CLOCK;
    r->at_s = r->clock_valid ? AID_NOW_MS / 1000 : 0;
    r->op_id.size = 16;
    memset(r->op_id.bytes, 0, 16);
    r->op_id.bytes[0] = ++m->made;
    r->after.index_l += litres;
    r->after.purged_l += litres;
    if (command == gasm_Command_KEY_ACTIVATED)
        r->key_epoch = 1;
    if (command == gasm_Command_OPEN_ACCOUNT) {
        r->after.opening_index_l = r->after.index_l;
        r->after.opening_purged_l = r->after.purged_l;
    }
    r->ticket_serial = command == gasm_Command_KEY_ACTIVATED ? 0 : m->serial[r->key_epoch];
    r->purge_end = command == gasm_Command_PURGE_STOP ? gasm_PurgeEnd_PURGE_STOPPED
                                                      : gasm_PurgeEnd_PURGE_NOT_ENDED;
    if ((size_t)command < sizeof states / sizeof states[0]
        && states[command] != gasm_LifeState_LIFE_UNKNOWN)
        r->state = states[command];
    return oaid_seal(m, ret);
}

void oaid_add_opening(struct oaid_laptop *l, const sync_Job *job, struct oaid_meter *m,
                      uint64_t litres)
{
    static const gasm_Command commands[] = {
        gasm_Command_INSTALL_KEY, gasm_Command_KEY_ACTIVATED,  gasm_Command_OPEN_ACCOUNT,
        gasm_Command_PURGE_START, gasm_Command_PURGE_STOP,     gasm_Command_ZERO_CLEAR,
        gasm_Command_SET_CLOCK,   gasm_Command_SET_PARAMETERS, gasm_Command_COMMISSION,
    };
    uint8_t receipt[AID_RECEIPT_MAX];

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i] == gasm_Command_OPEN_ACCOUNT)
            m->next.account_no = job->account_no;

        size_t n = oaid_execute(m, commands[i], commands[i] == gasm_Command_PURGE_STOP ? litres : 0,
                                receipt);
        sync_Item item = oaid_receipt_item(job, receipt, n);
        oaid_add(l, &item);
    }
}
