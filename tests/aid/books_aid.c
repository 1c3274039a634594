/* books_aid.c - books with a story; see books_aid.h. */
#include "tests/aid/books_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_issue.h"
#include "backend/office_receipt.h"

static const char *const meter_ids[] = { AID_METER_1, AID_METER_2, AID_METER_3 };
static const char *const customers[] = { "C-1001", "C-1002", "C-1001" };
static const char *const points[] = { "SP-0001", "SP-0002", "SP-0001" };

/* A call in a transaction of its own. */
struct call {
    struct books *b;
    int i;
    const void *what;
    uint64_t sequence;
    int64_t amount;
    uint8_t id[16];
    struct gf_span bytes;
    struct ho_verdict verdict;
};

static void run(struct books *b, int (*body)(struct office *o, void *ctx), struct call *c)
{
    int r;

    c->b = b;
    b->office.o->fail = (struct gf_fail){ 0 };
    if ((r = ho_transaction(b->office.o, body, c)) < 0)
        fail_msg("%d: %s: %s", r, b->office.o->fail.where, b->office.o->fail.detail);
}

static void next_id(struct books *b, uint8_t ret[static 16])
{
    memset(ret, 0xB0, 16);
    ret[0] = (uint8_t)(++b->ids >> 8);
    ret[1] = (uint8_t)b->ids;
}

/* ---- the office ---- */

static int add_key(struct office *o, struct oaid_meter *m)
{
    const struct mc_wrap wrap = {
        .meter_id = m->id, .epoch = 1, .wrap_epoch = 0, .wrap_root = m->key[0]
    };
    uint8_t sealed[HO_SEALED_LEN], envelope[MC_ENVELOPE_MAX];
    char label[48];
    int n = mc_envelope_seal(o->ports.crypto, &wrap, m->key[1], envelope, sizeof envelope);

    assert_true(n > 0);
    ho_key_label(m->id, 1, label);
    assert_int_equal(ho_seal(o, label, m->key[1], sealed), 0);
    assert_int_equal(
        odb_exec(o->db,
                 "INSERT INTO account_key (org_id, meter_id, epoch, sealed, wrap_epoch, envelope, "
                 "state, made_at_ms) VALUES (?1, ?2, 1, ?3, 0, ?4, 'new', 0)",
                 ODB(ODB_T(m->id), ODB_B(sealed, sizeof sealed), ODB_B(envelope, (size_t)n))),
        1);
    return 0;
}

static int set_up(struct office *o, void *ctx)
{
    struct call *c = ctx;
    struct tariff t = {
        .id = "T-1", .class_name = "standard", .currency = "EUR", .period = TARIFF_MONTH
    };

    assert_int_equal(tariff_parse_steps("0=850;100=1200", &t, NULL), 0);
    assert_int_equal(tariff_add(o, &t, "S001"), 0);
    for (int i = 0; i < BOOKS_METERS; i++) {
        (void)add_key(o, &c->b->meters[i]);
        assert_int_equal(
            odb_exec(o->db,
                     "INSERT INTO account (org_id, account_no, customer_no, supply_point, "
                     "meter_id, state) VALUES (?1, ?2, ?3, ?4, ?5, 'reserved')",
                     ODB(ODB_I(BOOKS_FIRST + i), ODB_T(customers[i]), ODB_T(points[i]),
                         ODB_T(meter_ids[i]))),
            1);
    }
    return 0;
}

void books_new(struct books *b)
{
    struct call c = { .i = 0 };

    *b = (struct books){ .ids = 0 };
    oaid_office_new(&b->office);
    for (int i = 0; i < BOOKS_METERS; i++) {
        struct oaid_meter *m = &b->meters[i];

        (void)snprintf(m->id, sizeof m->id, "%s", meter_ids[i]);
        memset(m->key[0], i + 1, sizeof m->key[0]);
        memset(m->key[1], 0x40 + i, sizeof m->key[1]);
        memcpy(m->next.meter_id, m->id, GF_METER_ID_LEN);
        m->next.has_before = m->next.has_after = true;
        m->next.key_epoch = 1;
        m->next.clock_valid = true;
        m->next.state = gasm_LifeState_KEYED;
    }
    run(b, set_up, &c);
}

void books_end(struct books *b)
{
    oaid_office_end(&b->office);
}

/* ---- meters ---- */

static int take_body(struct office *o, void *ctx)
{
    struct call *c = ctx;
    const struct ho_receipt_context from = { .brought_by = "S001" };

    return ho_receipt_take(o, c->bytes, &from, &c->verdict);
}

/* Seal the receipt and hand it in; its operation's id stands if it has one. */
static sync_VerdictKind bring(struct books *b, int i, gasm_Command command)
{
    struct oaid_meter *m = &b->meters[i];
    uint8_t receipt[AID_RECEIPT_MAX];
    struct call c = { .i = i };

    m->next.command = command;
    m->next.seq++;
    m->next.at_s = b->office.utc_ms / 1000;
    c.bytes = (struct gf_span){ receipt, oaid_seal(m, receipt) };
    run(b, take_body, &c);
    m->next.content_hash.size = 0;
    return c.verdict.kind;
}

sync_VerdictKind books_bring(struct books *b, int i, gasm_Command command)
{
    gasm_Receipt *r = &b->meters[i].next;

    r->op_id.size = 16;
    memset(r->op_id.bytes, i + 1, 16);
    r->op_id.bytes[0] = ++b->meters[i].made;
    return bring(b, i, command);
}

static void bring_good(struct books *b, int i, gasm_Command command)
{
    assert_int_equal(books_bring(b, i, command), sync_VerdictKind_APPLIED);
}

void books_open(struct books *b, int i)
{
    gasm_Receipt *r = &b->meters[i].next;

    bring_good(b, i, gasm_Command_KEY_ACTIVATED);
    r->account_no = BOOKS_FIRST + (uint64_t)i;
    bring_good(b, i, gasm_Command_OPEN_ACCOUNT);
    r->state = gasm_LifeState_CLEARED;
    bring_good(b, i, gasm_Command_ZERO_CLEAR);
    r->state = gasm_LifeState_IN_SERVICE;
    bring_good(b, i, gasm_Command_COMMISSION);
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static int find_token(struct office *o, void *ctx)
{
    struct call *c = ctx;
    gasm_Receipt *r = &c->b->meters[c->i].next;
    struct credit_token t;
    uint8_t content[32];
    gasm_Token wire;

    assert_int_equal(credit_find_token(o, r->account_no, c->sequence, &t), 1);
    wire = (gasm_Token){ .account_no = t.account_no,
                         .sequence = t.sequence,
                         .purchased_l = t.purchased_l,
                         .imported_l = t.imported_l,
                         .forgiven_l = t.forgiven_l,
                         .debited_l = t.debited_l };
    assert_int_equal(mc_token_content(o->ports.crypto, &wire, content), 0);
    memcpy(r->op_id.bytes, t.op_id, 16);
    memcpy(r->content_hash.bytes, content, 32);
    r->content_hash.size = 32;
    r->after.purchased_l = max_of(r->after.purchased_l, t.purchased_l);
    r->after.imported_l = max_of(r->after.imported_l, t.imported_l);
    r->after.forgiven_l = max_of(r->after.forgiven_l, t.forgiven_l);
    r->after.debited_l = max_of(r->after.debited_l, t.debited_l);
    return 0;
}

void books_take(struct books *b, int i, uint64_t sequence)
{
    struct call c = { .i = i, .sequence = sequence };

    b->meters[i].next.op_id.size = 16;
    run(b, find_token, &c);
    assert_int_equal(bring(b, i, gasm_Command_RECHARGE), sync_VerdictKind_APPLIED);
}

void books_use(struct books *b, int i, uint64_t litres)
{
    b->meters[i].next.after.index_l += litres;
    bring_good(b, i, gasm_Command_VALVE_CLOSE);
}

void books_import(struct books *b, int i, uint64_t litres)
{
    b->meters[i].next.after.imported_l += litres;
    bring_good(b, i, gasm_Command_IMPORT_CREDIT);
}

static int certificate_body(struct office *o, void *ctx)
{
    struct call *c = ctx;

    return swap_take_certificate(o, c->bytes, "S001");
}

void books_close(struct books *b, int i, const uint8_t *swap_case)
{
    struct oaid_meter *m = &b->meters[i];
    uint8_t bytes[MC_CERTIFICATE_MAX];
    int64_t residual_l = mc_residual_l(&m->next.after);
    struct call c = { .i = i };

    m->next.after.exported_l += residual_l > 0 ? (uint64_t)residual_l : 0;
    m->next.state = gasm_LifeState_CLOSED;

    gasm_Certificate cert = { .account_no = m->next.account_no,
                              .key_epoch = 1,
                              .residual_l = residual_l,
                              .has_totals = true,
                              .totals = m->next.after,
                              .token_seq = c.sequence,
                              .at_s = b->office.utc_ms / 1000,
                              .clock_valid = true,
                              .receipt_seq = m->next.seq + 1 };
    memcpy(cert.meter_id, m->id, GF_METER_ID_LEN);
    cert.token_seq = (uint64_t)oaid_sql_number(
        &b->office, "SELECT MAX(sequence) FROM token WHERE account_no = 1001 AND state = 'posted'");
    if (swap_case != NULL) {
        cert.swap_case.size = 16;
        memcpy(cert.swap_case.bytes, swap_case, 16);
        cert.counterpart_id.size = GF_METER_ID_LEN;
        memcpy(cert.counterpart_id.bytes, AID_METER_3, GF_METER_ID_LEN);
    }
    int n = mc_certificate_seal(b->office.ports.crypto, m->key[1],
                                swap_case != NULL ? b->swap_key : NULL, &cert, bytes, sizeof bytes);

    assert_true(n > 0);
    bring_good(b, i, gasm_Command_CLOSE_ACCOUNT);
    c.bytes = (struct gf_span){ bytes, (size_t)n };
    run(b, certificate_body, &c);
}

/* ---- money and tokens ---- */

static int pay_body(struct office *o, void *ctx)
{
    struct call *c = ctx;
    struct payment_new what = { .account_no = BOOKS_FIRST + (uint64_t)c->i,
                                .provider = "counter",
                                .amount_minor = c->amount,
                                .currency = "EUR",
                                .asked_by = "S001" };
    struct payment paid;
    int r;

    memcpy(what.payment_id, c->id, 16);
    r = payment_ask(o, &what, &paid);
    if (r == 0)
        r = payment_confirm(o, c->id, NULL, c->amount, "EUR", "S001", &paid);
    if (r == 0)
        r = payment_find(o, c->id, &paid) - 1;
    c->sequence = paid.token_seq;
    return r;
}

uint64_t books_pay(struct books *b, int i, int64_t amount_minor)
{
    struct call c = { .i = i, .amount = amount_minor };

    next_id(b, c.id);
    run(b, pay_body, &c);
    assert_true(c.sequence > 0);
    return c.sequence;
}

static int correct_body(struct office *o, void *ctx)
{
    struct call *c = ctx;
    const struct credit_new what = { .account_no = BOOKS_FIRST + (uint64_t)c->i,
                                     .kind = c->what,
                                     .litres = c->amount,
                                     .cause_id = c->id,
                                     .made_by = "S002",
                                     .reason = "a correction" };
    struct credit_token t = { .sequence = 0 };
    int r = credit_issue(o, &what, &t);

    c->sequence = t.sequence;
    return r;
}

uint64_t books_correct(struct books *b, int i, const char *kind, int64_t litres)
{
    struct call c = { .i = i, .what = kind, .amount = litres };

    next_id(b, c.id);
    run(b, correct_body, &c);
    return c.sequence;
}

static int refund_body(struct office *o, void *ctx)
{
    struct call *c = ctx;

    return refund_ask(o, c->id, BOOKS_FIRST + (uint64_t)c->i, c->sequence, "S001", "S002",
                      "bought twice", &c->sequence);
}

uint64_t books_refund(struct books *b, int i, uint64_t sequence)
{
    struct call c = { .i = i, .sequence = sequence };

    next_id(b, c.id);
    run(b, refund_body, &c);
    return c.sequence;
}

/* ---- a swap ---- */

static int swap_body(struct office *o, void *ctx)
{
    struct call *c = ctx;
    const int k = (int)c->amount;
    struct swap_case s = { .old_account_no = BOOKS_FIRST + (uint64_t)c->i,
                           .new_account_no = BOOKS_FIRST + (uint64_t)k,
                           .cap_l = 500000,
                           .not_after_s = AID_NOW_MS / 1000 + 86400 };

    memcpy(s.case_id, c->id, 16);
    (void)snprintf(s.supply_point, sizeof s.supply_point, "%s", points[c->i]);
    (void)snprintf(s.reason, sizeof s.reason, "due");
    (void)snprintf(s.old_meter_id, sizeof s.old_meter_id, "%s", meter_ids[c->i]);
    (void)snprintf(s.new_meter_id, sizeof s.new_meter_id, "%s", meter_ids[k]);
    (void)snprintf(s.made_by, sizeof s.made_by, "S002");

    int r = swap_begin(o, &s);
    if (r == 0)
        assert_int_equal(mc_swap_key(o->ports.crypto, c->b->meters[k].key[1],
                                     (struct gf_span){ s.terms, s.terms_n }, c->b->swap_key),
                         0);
    return r;
}

void books_swap(struct books *b, int i, int k)
{
    struct call c = { .i = i, .amount = k };

    next_id(b, c.id);
    memcpy(b->swap_case, c.id, 16);
    run(b, swap_body, &c);
}

static int settle_body(struct office *o, void *ctx)
{
    struct call *c = ctx;

    return swap_settle(o, c->b->swap_case, true, "S002");
}

void books_settle(struct books *b)
{
    struct call c = { .i = 0 };

    run(b, settle_body, &c);
}

void books_story(struct books *b)
{
    uint64_t one, two;

    books_new(b);
    books_open(b, 0);
    books_open(b, 1);
    one = books_pay(b, 0, 12000);
    books_take(b, 0, one);
    books_use(b, 0, 60);
    one = books_pay(b, 0, 1999); /* not a whole number of litres */
    two = books_refund(b, 0, one);
    books_take(b, 0, two); /* it was never taken: the money goes back */
    one = books_pay(b, 0, 500);
    two = books_refund(b, 0, one);
    books_take(b, 0, one); /* it was taken all the same */
    books_take(b, 0, two);
    books_take(b, 0, books_correct(b, 0, "forgive", 7));
    books_take(b, 0, books_correct(b, 0, "debit", 3));
    (void)books_pay(b, 1, 3000); /* waits */
    books_swap(b, 0, 2);
    (void)books_pay(b, 0, 700); /* on its way when the account is closed */
    books_use(b, 0, 5);
    books_close(b, 0, b->swap_case);
    books_open(b, 2);
    books_import(b, 2, 40);
    books_settle(b);
    books_take(b, 2, 1);
    books_use(b, 2, 11);
}
