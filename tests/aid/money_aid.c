/* money_aid.c - a head office that sells to a real meter; see money_aid.h. */
#include "tests/aid/money_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_issue.h"
#include "meter-core/pb.h"
#include "tests/aid/meter_story.h"

/* ---- the office ---- */

static int add_rows(struct office *o, void *ctx)
{
    struct tariff t = { .id = "T-1",
                        .class_name = "standard",
                        .currency = "EUR",
                        .period = TARIFF_MONTH,
                        .valid_from_s = 0 };
    uint8_t root[MC_KEY_LEN], sealed[HO_SEALED_LEN];
    char label[48];

    (void)ctx;
    aid_meter_root(AID_METER_ID, 1, root);
    ho_key_label(AID_METER_ID, 1, label);
    assert_int_equal(ho_seal(o, label, root, sealed), 0);
    assert_int_equal(tariff_parse_steps("0=857;5000=1205", &t, NULL), 0);
    assert_int_equal(tariff_add(o, &t, "S001"), 0);
    assert_int_equal(
        odb_exec(o->db,
                 "INSERT INTO account_key (org_id, meter_id, epoch, sealed, wrap_epoch, envelope, "
                 "state, made_at_ms) VALUES (?1, ?2, 1, ?3, 0, ?3, 'active', 0)",
                 ODB(ODB_T(AID_METER_ID), ODB_B(sealed, sizeof sealed))),
        1);
    assert_int_equal(
        odb_exec(o->db,
                 "INSERT INTO account (org_id, account_no, customer_no, supply_point, meter_id, "
                 "state) VALUES (?1, ?2, 'C-1001', 'SP-0001', ?3, 'open')",
                 ODB(ODB_I(MAID_ACCOUNT), ODB_T(AID_METER_ID))),
        1);
    return 0;
}

void maid_office(struct maid *m)
{
    char row[200], text[400] = "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n";

    *m = (struct maid){ 0 };
    oaid_office_new(&m->office);
    oaid_shipment_row(AID_METER_ID, 9, row);
    (void)strncat(text, row, sizeof text - strlen(text) - 1);
    assert_int_equal(oaid_import_meters(&m->office, text), 0);
    assert_int_equal(ho_transaction(m->office.o, add_rows, NULL), 0);
}

void maid_new(struct maid *m)
{
    maid_office(m);
    m->w = aid_credit_world();
}

void maid_end(struct maid *m)
{
    oaid_office_end(&m->office);
    if (m->w != NULL)
        aid_world_free(m->w);
}

void maid_id(uint32_t n, uint8_t kind, uint8_t ret[static 16])
{
    memset(ret, kind, 16);
    for (size_t i = 0; i < 4; i++)
        ret[i] = (uint8_t)(n >> (8 * (3 - i)));
}

/* ---- calls ---- */

struct call {
    const void *what;
    void *ret;
    const uint8_t *id;
    const char *ref, *currency;
    int64_t amount;
    uint64_t sequence;
};

static int do_issue(struct office *o, void *ctx)
{
    const struct call *c = ctx;

    return credit_issue(o, c->what, c->ret);
}

static int do_ask(struct office *o, void *ctx)
{
    const struct call *c = ctx;

    return payment_ask(o, c->what, c->ret);
}

static int do_confirm(struct office *o, void *ctx)
{
    const struct call *c = ctx;

    return payment_confirm(o, c->id, c->ref, c->amount, c->currency, "S001", c->ret);
}

static int do_refund(struct office *o, void *ctx)
{
    const struct call *c = ctx;

    return refund_ask(o, c->id, MAID_ACCOUNT, c->sequence, "S001", "S002", "bought twice", c->ret);
}

static int do_follow(struct office *o, void *ctx)
{
    return credit_follow(o, AID_METER_ID, ctx);
}

static int run(struct maid *m, int (*body)(struct office *o, void *ctx), void *ctx)
{
    m->office.o->fail = (struct gf_fail){ 0 };
    return ho_transaction(m->office.o, body, ctx);
}

int maid_issue(struct maid *m, const struct credit_new *what, struct credit_token *ret)
{
    struct call c = { .what = what, .ret = ret };

    return run(m, do_issue, &c);
}

int maid_ask(struct maid *m, const struct payment_new *what, struct payment *ret)
{
    struct call c = { .what = what, .ret = ret };

    return run(m, do_ask, &c);
}

int maid_confirm(struct maid *m, const uint8_t *id, const char *ref, int64_t amount,
                 const char *currency, struct payment *ret)
{
    struct call c = { .id = id, .ref = ref, .amount = amount, .currency = currency, .ret = ret };

    return run(m, do_confirm, &c);
}

int maid_refund(struct maid *m, uint32_t n, uint64_t sequence, uint64_t *ret_sequence)
{
    uint8_t id[16];
    struct call c = { .id = id, .sequence = sequence, .ret = ret_sequence };

    maid_id(n, 'r', id);
    return run(m, do_refund, &c);
}

int maid_pay(struct maid *m, uint32_t n, int64_t amount_minor, struct payment *ret)
{
    struct payment_new what = { .account_no = MAID_ACCOUNT,
                                .provider = "counter",
                                .amount_minor = amount_minor,
                                .currency = "EUR",
                                .asked_by = "S001" };

    maid_id(n, 'p', what.payment_id);

    int r = maid_ask(m, &what, ret);
    return r == 0 ? maid_confirm(m, what.payment_id, NULL, amount_minor, "EUR", ret) : r;
}

/* ---- the meter ---- */

/* Keep the receipt of the last answer. */
static void keep(struct maid *m)
{
    const struct gf_span bytes = { m->w->answer.receipt.bytes, m->w->answer.receipt.size };
    gasm_SealedReceipt sealed;

    assert_in_range(m->n, 0, MAID_RECEIPTS - 1);
    assert_int_equal(mc_pb_decode(gasm_SealedReceipt_fields, bytes, &sealed), 0);
    assert_int_equal(mc_pb_decode(gasm_Receipt_fields,
                                  (struct gf_span){ sealed.body.bytes, sealed.body.size },
                                  &m->receipts[m->n++]),
                     0);
}

gasm_Refusal maid_give(struct maid *m, uint64_t sequence, bool typed)
{
    gasm_Request r = aid_request(m->w, gasm_Command_RECHARGE, 0);
    const uint64_t before = m->w->meter->core.receipt_seq;
    struct credit_carrier carrier;
    struct credit_token token;

    assert_int_equal(credit_find_token(m->office.o, MAID_ACCOUNT, sequence, &token), 1);
    assert_int_equal(credit_carrier(m->office.o, &token, 1, &carrier), 0);
    r.which_body = gasm_Request_recharge_tag;
    if (typed) {
        memcpy(r.body.recharge.digits, carrier.digits, sizeof carrier.digits);
    } else {
        r.body.recharge.token.size = (pb_size_t)carrier.n;
        memcpy(r.body.recharge.token.bytes, carrier.sealed, carrier.n);
    }

    gasm_Refusal result = aid_ask_alone(m->w, &r);
    if (m->w->meter->core.receipt_seq != before)
        keep(m);
    return result;
}

void maid_touch(struct maid *m)
{
    const gasm_Request r = aid_set_one(m->w, 5000 + m->ops, 100 + m->ops % 50);

    m->ops++;
    assert_int_equal(aid_ask_alone(m->w, &r), gasm_Refusal_OK);
    keep(m);
}

void maid_deliver(struct maid *m, size_t i)
{
    if (run(m, do_follow, &m->receipts[i]) < 0)
        fail_msg("credit_follow: %s: %s", m->office.o->fail.where, m->office.o->fail.detail);
    m->is_home[i] = true;
}

/* ---- the books ---- */

int64_t maid_balance(struct maid *m, const char *unit, enum ledger_code code, const char *owner)
{
    int64_t ret = 0;

    assert_int_equal(ledger_balance(m->office.o, unit, code, owner, &ret), 0);
    return ret;
}

int64_t maid_sum(struct maid *m, const char *sql)
{
    return oaid_sql_number(&m->office, sql);
}

static void check_litres(struct maid *m)
{
    assert_int_equal(maid_balance(m, "litre", LEDGER_IN_TOKENS, "1001"),
                     maid_sum(m, "SELECT COALESCE(SUM(CASE kind WHEN 'debit' THEN -litres ELSE "
                                 "litres END), 0) FROM token WHERE state = 'pending'"));
    assert_int_equal(-maid_balance(m, "litre", LEDGER_SOLD, "1001"),
                     maid_sum(m, "SELECT COALESCE(SUM(litres), 0) FROM token WHERE kind = 'sale' "
                                 "AND state <> 'voided'"));
    assert_int_equal(-maid_balance(m, "litre", LEDGER_FORGIVEN, "1001"),
                     maid_sum(m, "SELECT COALESCE(SUM(litres), 0) FROM token WHERE kind = "
                                 "'forgive' AND state <> 'voided'"));
    assert_int_equal(maid_balance(m, "litre", LEDGER_DEBITED, "1001"),
                     maid_sum(m, "SELECT COALESCE(SUM(litres), 0) FROM token WHERE kind = 'debit' "
                                 "AND state <> 'voided'"));
}

static void check_money(struct maid *m)
{
    const int64_t received = maid_sum(m, "SELECT COALESCE(SUM(amount_minor), 0) FROM payment WHERE "
                                         "state IN ('confirmed', 'refunded')"),
                  paid_back = maid_sum(m, "SELECT COALESCE(SUM(amount_minor), 0) FROM refund "
                                          "WHERE state = 'paid'"),
                  spent = maid_sum(m, "SELECT COALESCE(SUM(price_minor), 0) FROM token WHERE state "
                                      "<> 'voided'"),
                  change = received - paid_back - spent;

    assert_true(change >= 0);
    assert_int_equal(maid_balance(m, "EUR", LEDGER_CASH, "counter"), (received - paid_back) * 1000);
    assert_int_equal(-maid_balance(m, "EUR", LEDGER_CUSTOMER, "1001"), change * 1000);
    assert_int_equal(-maid_balance(m, "EUR", LEDGER_TOKEN_MONEY, "1001"),
                     maid_sum(m, "SELECT COALESCE(SUM(cost_milli), 0) FROM token WHERE state = "
                                 "'pending'"));
    assert_int_equal(-maid_balance(m, "EUR", LEDGER_REVENUE, ""),
                     maid_sum(m, "SELECT COALESCE(SUM(cost_milli), 0) FROM token WHERE state = "
                                 "'posted'"));
    assert_int_equal(maid_balance(m, "EUR", LEDGER_ROUNDING, ""),
                     maid_sum(m, "SELECT COALESCE(SUM(cost_milli - price_minor * 1000), 0) FROM "
                                 "token WHERE state <> 'voided'"));
}

void maid_check(struct maid *m)
{
    check_litres(m);
    check_money(m);
    assert_int_equal(maid_sum(m, "SELECT COUNT(*) FROM (SELECT 1 FROM posting GROUP BY op_id, "
                                 "kind, unit HAVING SUM(amount) <> 0) wrong"),
                     0);
}
