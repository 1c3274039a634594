/* office_site_books.c - the books, the money and the cases of a site; see office_site.h. */
#include "tests/aid/office_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_audit.h"
#include "backend/office_issue.h"
#include "common/text.h"

struct in_transaction {
    int (*body)(struct site *s, void *ctx);
    struct site *s;
    void *ctx;
};

static int run(struct office *o, void *ctx)
{
    struct in_transaction *t = ctx;

    (void)o;
    return t->body(t->s, t->ctx);
}

int site_transact(struct site *s, int (*body)(struct site *s, void *ctx), void *ctx)
{
    struct in_transaction t = { body, s, ctx };

    s->a.o->fail = (struct gf_fail){ 0 };
    return ho_transaction(s->a.o, run, &t);
}

void site_must(struct site *s, int r)
{
    if (r != 0)
        fail_msg("%d %s: %s", r, s->a.o->fail.where, s->a.o->fail.detail);
}

/* ---- money ---- */

struct sale {
    uint64_t account_no;
    int64_t litres;
};

static int sell(struct site *s, void *ctx)
{
    const struct sale *sale = ctx;
    struct payment_new n = { .account_no = sale->account_no,
                             .provider = "counter",
                             .amount_minor = sale->litres,
                             .currency = "EUR",
                             .asked_by = "S001" };
    struct payment p;
    int r = gf_uuid7(&s->a.clock, s->a.ports.random, n.payment_id);

    if (r == 0)
        r = payment_ask(s->a.o, &n, &p);
    if (r == 0)
        r = payment_confirm(s->a.o, n.payment_id, NULL, sale->litres, "EUR", "S001", &p);
    return r;
}

void site_sell(struct site *s, uint64_t account_no, int64_t litres)
{
    struct sale sale = { account_no, litres };

    site_must(s, site_transact(s, sell, &sale));
}

struct issuing {
    uint64_t account_no;
    const char *kind;
    int64_t litres;
};

static int issue(struct site *s, void *ctx)
{
    const struct issuing *i = ctx;
    uint8_t cause[16];
    struct credit_token token;
    const struct credit_new what = { .account_no = i->account_no,
                                     .kind = i->kind,
                                     .litres = i->litres,
                                     .cause_id = cause,
                                     .made_by = "V001",
                                     .reason = "a test" };
    int r = gf_uuid7(&s->a.clock, s->a.ports.random, cause);

    return r == 0 ? credit_issue(s->a.o, &what, &token) : r;
}

void site_issue(struct site *s, uint64_t account_no, const char *kind, int64_t litres)
{
    struct issuing i = { account_no, kind, litres };

    site_must(s, site_transact(s, issue, &i));
}

struct asking {
    char customer_no[32];
    const char *meter_id;
    struct ho_customer_ticket *ret;
};

static int ask_ticket(struct site *s, void *ctx)
{
    const struct asking *a = ctx;

    return ho_customer_ticket(s->a.o, a->customer_no, a->meter_id, a->ret) == 1 ? 0 : -1;
}

sync_TicketGrant site_customer_ticket(struct site *s, const struct site_meter *m,
                                      uint64_t account_no)
{
    struct ho_customer_ticket t;
    struct asking a = { .meter_id = m->w->meter_id, .ret = &t };
    struct credit_account account;
    sync_TicketGrant g = { 0 };

    assert_int_equal(credit_find_account(s->a.o, account_no, &account), 1);
    (void)gf_copy(a.customer_no, sizeof a.customer_no, account.customer_no);
    site_must(s, site_transact(s, ask_ticket, &a));
    g.epoch = t.epoch;
    g.ticket.size = (pb_size_t)t.ticket_n;
    memcpy(g.ticket.bytes, t.ticket, t.ticket_n);
    memcpy(g.ticket_key, t.key, sizeof g.ticket_key);
    return g;
}

gasm_Refusal site_give(struct site *s, struct site_meter *m, uint64_t account_no)
{
    const sync_TicketGrant ticket = site_customer_ticket(s, m, account_no);
    struct credit_token t = { 0 }, newest;
    struct credit_carrier c;
    gasm_Request r;

    while (credit_next_token(s->a.o, account_no, t.sequence, &newest) == 1)
        t = newest;
    assert_true(t.sequence > 0);
    assert_int_equal(credit_carrier(s->a.o, &t, m->w->meter->core.active_epoch, &c), 0);
    r = site_recharge_of(m, c.sealed, c.n);
    return site_ask(s, m, &ticket, &r);
}

/* ---- cases and books ---- */

struct deciding {
    const uint8_t *case_id;
    bool online;
    int64_t litres;
    const char *by, *confirmed_by;
};

static int settle(struct site *s, void *ctx)
{
    const struct deciding *d = ctx;

    return swap_settle(s->a.o, d->case_id, d->online, "V001");
}

int site_settle(struct site *s, const uint8_t *case_id, bool online)
{
    struct deciding d = { .case_id = case_id, .online = online };

    return site_transact(s, settle, &d);
}

static int cancel(struct site *s, void *ctx)
{
    return swap_cancel(s->a.o, ctx, "V001");
}

int site_cancel(struct site *s, uint8_t *case_id)
{
    return site_transact(s, cancel, case_id);
}

struct moving {
    const uint8_t *id;
    uint64_t from, to;
};

static int move(struct site *s, void *ctx)
{
    const struct moving *m = ctx;
    struct credit_token token;

    return swap_move_residual(s->a.o, m->id, m->from, m->to, "V001", &token);
}

int site_move(struct site *s, const uint8_t *id, uint64_t from, uint64_t to)
{
    struct moving m = { id, from, to };

    return site_transact(s, move, &m);
}

static int estimate(struct site *s, void *ctx)
{
    const struct deciding *d = ctx;

    return swap_estimate(s->a.o, d->case_id, d->litres, d->by, d->confirmed_by);
}

int site_estimate(struct site *s, const uint8_t *case_id, int64_t litres, const char *by,
                  const char *confirmed_by)
{
    struct deciding d = {
        .case_id = case_id, .litres = litres, .by = by, .confirmed_by = confirmed_by
    };

    return site_transact(s, estimate, &d);
}

struct swap_case site_case(struct site *s, const char *number)
{
    struct swap_case c;
    struct ho_order order;

    assert_int_equal(ho_find_order_number(s->a.o, number, &order), 1);
    assert_true(order.has_swap);
    assert_int_equal(swap_find(s->a.o, order.swap_case, &c), 1);
    return c;
}

void site_audit(struct site *s)
{
    struct ho_audit audit;
    unsigned broken = 0;

    site_must(s, ho_audit_run(s->a.o, &audit));
    for (int i = 0; i < HO_STATEMENTS; i++) {
        if (audit.of[i].n_broken > 0)
            print_message("%s: %s\n", ho_statement_text((enum ho_statement)i),
                          (const char *)audit.of[i].broken.p);
        broken += audit.of[i].n_broken > 0 ? 1 : 0;
    }
    ho_audit_free(&audit);
    assert_int_equal(broken, 0);
}

int64_t site_balance(struct site *s, enum ledger_code code, const char *owner)
{
    int64_t ret = 0;

    assert_int_equal(ledger_balance(s->a.o, LEDGER_LITRE, code, owner, &ret), 0);
    return ret;
}

int64_t site_account(struct site *s, enum ledger_code code, uint64_t account_no)
{
    char owner[24];

    ledger_owner(account_no, owner);
    return site_balance(s, code, owner);
}

int64_t site_transit(struct site *s, const struct swap_case *c)
{
    char owner[33];

    ledger_owner_case(c->case_id, owner);
    return site_balance(s, LEDGER_TRANSIT, owner);
}

int64_t site_residual(const struct site_meter *m)
{
    return mc_residual_l(&m->w->meter->core.totals);
}
