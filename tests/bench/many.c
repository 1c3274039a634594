/* many.c - a head office with many meters; see many.h. */
#include "tests/bench/many.h"

#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/office_receipt.h"
#include "meter-core/token.h"
#include "tests/bench/bench.h"

#define PAYS_MINOR 1000
#define FIRST_ACCOUNT 100001

void many_id(uint8_t ret[static 16])
{
    static uint64_t made;

    memset(ret, 0xB1, 16);
    made++;
    for (int i = 0; i < 8; i++)
        ret[i] = (uint8_t)(made >> (56 - 8 * i));
}

static void must(struct office *o, bool ok, const char *what)
{
    char text[400];

    if (ok)
        return;
    (void)snprintf(text, sizeof text, "%s: %s: %s", what, o->fail.where, o->fail.detail);
    bench_need(false, text);
}

static int make_tariff(struct office *o, void *ctx)
{
    struct tariff t = {
        .id = "T-1", .class_name = "standard", .currency = "EUR", .period = TARIFF_MONTH
    };

    (void)ctx;
    bench_need(tariff_parse_steps("0=850;100=1200", &t, NULL) == 0, "steps of a tariff");
    return tariff_add(o, &t, "S001");
}

void many_tariff(struct oaid_office *a)
{
    must(a->o, ho_transaction(a->o, make_tariff, NULL) >= 0, "a tariff");
}

/* ---- meters ---- */

static void bring(struct office *o, struct many_meter *m, gasm_Command command)
{
    static const struct ho_receipt_context from = { .brought_by = "S001" };
    gasm_Receipt *r = &m->m.next;
    uint8_t bytes[AID_RECEIPT_MAX];
    struct ho_verdict verdict;

    r->command = command;
    r->seq++;
    r->at_s++;

    struct gf_span sealed = { bytes, oaid_seal(&m->m, bytes) };
    must(o, ho_receipt_take(o, sealed, &from, &verdict) >= 0, "a receipt");
    bench_need(verdict.kind == sync_VerdictKind_APPLIED, verdict.reason);
    r->content_hash.size = 0;
}

static void bring_new(struct office *o, struct many_meter *m, gasm_Command command)
{
    m->m.next.op_id.size = 16;
    many_id(m->m.next.op_id.bytes);
    bring(o, m, command);
}

static void add_key(struct office *o, const struct oaid_meter *m)
{
    const struct mc_wrap wrap = {
        .meter_id = m->id, .epoch = 1, .wrap_epoch = 0, .wrap_root = m->key[0]
    };
    uint8_t sealed[HO_SEALED_LEN], envelope[MC_ENVELOPE_MAX];
    char label[48];
    int n = mc_envelope_seal(o->ports.crypto, &wrap, m->key[1], envelope, sizeof envelope);

    ho_key_label(m->id, 1, label);
    must(o, n > 0 && ho_seal(o, label, m->key[1], sealed) == 0, "a key");
    must(o,
         odb_exec(o->db,
                  "INSERT INTO account_key (org_id, meter_id, epoch, sealed, wrap_epoch, envelope, "
                  "state, made_at_ms) VALUES (?1, ?2, 1, ?3, 0, ?4, 'new', 0)",
                  ODB(ODB_T(m->id), ODB_B(sealed, sizeof sealed), ODB_B(envelope, (size_t)n)))
             == 1,
         "a key's row");
}

static int open_account(struct office *o, void *ctx)
{
    struct many_meter *m = ctx;
    gasm_Receipt *r = &m->m.next;
    char point[16];

    (void)snprintf(point, sizeof point, "SP-%s", m->customer_no + 2);
    add_key(o, &m->m);
    must(o,
         odb_exec(o->db,
                  "INSERT INTO account (org_id, account_no, customer_no, supply_point, meter_id, "
                  "state) VALUES (?1, ?2, ?3, ?4, ?5, 'reserved')",
                  ODB(ODB_I(m->account_no), ODB_T(m->customer_no), ODB_T(point), ODB_T(m->m.id)))
             == 1,
         "an account");
    bring_new(o, m, gasm_Command_KEY_ACTIVATED);
    r->account_no = m->account_no;
    bring_new(o, m, gasm_Command_OPEN_ACCOUNT);
    r->state = gasm_LifeState_CLEARED;
    bring_new(o, m, gasm_Command_ZERO_CLEAR);
    r->state = gasm_LifeState_IN_SERVICE;
    bring_new(o, m, gasm_Command_COMMISSION);
    return 0;
}

void many_add(struct oaid_office *a, unsigned i, struct many_meter *ret)
{
    gasm_Receipt *r = &ret->m.next;
    char row[200], text[400];

    *ret = (struct many_meter){ .account_no = FIRST_ACCOUNT + i };
    (void)snprintf(ret->customer_no, sizeof ret->customer_no, "C-%u", FIRST_ACCOUNT + i);
    (void)snprintf(ret->m.id, sizeof ret->m.id, "GM26%06u", i % 1000000);
    bench_need(gf_meter_id_digits(ret->m.id, ret->m.id + 10) == 0, "a meter's id");
    memset(ret->m.key[0], (int)(i % 250 + 1), sizeof ret->m.key[0]);
    memset(ret->m.key[1], 0x40, sizeof ret->m.key[1]);
    memcpy(ret->m.key[1], ret->m.id, GF_METER_ID_LEN);
    memcpy(r->meter_id, ret->m.id, GF_METER_ID_LEN);
    r->has_before = r->has_after = r->clock_valid = true;
    r->key_epoch = 1;
    r->state = gasm_LifeState_KEYED;
    r->at_s = AID_NOW_MS / 1000;

    oaid_shipment_row(ret->m.id, ret->m.key[0][0], row);
    (void)snprintf(text, sizeof text,
                   "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n%s", row);
    must(a->o, oaid_import_meters(a, text) == 0, "a meter");
    (void)snprintf(text, sizeof text,
                   "customer_no,name,phone,supply_point,address\n"
                   "%s,Nia Okafor,+44 20 7946 0199,SP-%s,\"%u Quay\"\n",
                   ret->customer_no, ret->customer_no + 2, i + 1);
    must(a->o, oaid_import_customers(a, text) == 0, "a customer");
    must(a->o, ho_transaction(a->o, open_account, ret) >= 0, "an opening");
}

/* ---- what they do ---- */

void many_pay(struct office *o, struct many_meter *m, struct credit_token *ret)
{
    struct payment_new what = { .account_no = m->account_no,
                                .provider = "counter",
                                .amount_minor = PAYS_MINOR,
                                .currency = "EUR",
                                .asked_by = "S001" };
    struct payment paid;

    many_id(what.payment_id);
    must(o, payment_at_counter(o, &what, &paid) >= 0, "a payment");
    must(o, credit_find_token(o, m->account_no, paid.token_seq, ret) == 1, "its token");
}

void many_take(struct office *o, struct many_meter *m, const struct credit_token *token)
{
    const gasm_Token wire = { .account_no = token->account_no,
                              .sequence = token->sequence,
                              .purchased_l = token->purchased_l,
                              .imported_l = token->imported_l,
                              .forgiven_l = token->forgiven_l,
                              .debited_l = token->debited_l };
    gasm_Receipt *r = &m->m.next;

    bench_need(mc_token_content(o->ports.crypto, &wire, r->content_hash.bytes) == 0, "a token");
    r->content_hash.size = 32;
    r->op_id.size = 16;
    memcpy(r->op_id.bytes, token->op_id, 16);
    r->after.purchased_l = token->purchased_l;
    bring(o, m, gasm_Command_RECHARGE);
}

void many_use(struct office *o, struct many_meter *m, uint64_t litres)
{
    m->m.next.after.index_l += litres;
    bring_new(o, m, gasm_Command_VALVE_CLOSE);
}
