/* office_site.c - a head office, a laptop and real meters; see office_site.h. */
#include "tests/aid/office_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/customer.h"
#include "backend/office_register.h"
#include "common/text.h"
#include "meter-core/params.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/port/openssl/keywrap.h"

#define PURGE_L 3

/* ---- the office ---- */

static int add_tariff(struct site *s, void *ctx)
{
    struct tariff t = { .id = "T-1",
                        .class_name = "standard",
                        .currency = "EUR",
                        .n = 1,
                        .steps = { { 0, 1000 } } };

    (void)ctx;
    return tariff_add(s->a.o, &t, "V001");
}

void site_new(struct site *s)
{
    memset(s, 0, sizeof *s);
    oaid_office_new(&s->a);
    s->a.utc_ms = AID_UTC_MS;
    assert_int_equal(ho_add_staff(s->a.o, "V001", "Vera Novak", "supervisor"), 0);
    assert_int_equal(ho_add_staff(s->a.o, "V002", "Viktor Adeyemi", "supervisor"), 0);
    site_must(s, site_transact(s, add_tariff, NULL));
    oaid_laptop_new(&s->l, &s->a, "S001");
}

void site_end(struct site *s)
{
    oaid_office_end(&s->a);
}

void site_meter_new(struct site *s, struct site_meter *m, const char *id)
{
    static const uint8_t transport_key[32] = { 7, 7, 7 };
    uint8_t root[MC_KEY_LEN], wrapped[MC_WRAPPED_LEN];
    char hex[2 * MC_WRAPPED_LEN + 1], text[400];

    memset(m, 0, sizeof *m);
    m->w = aid_world_new_named(11, 1, id);
    aid_meter_root(id, 0, root);
    assert_int_equal(mc_key_wrap(transport_key, root, wrapped), 0);
    gf_hex(wrapped, sizeof wrapped, hex);
    (void)snprintf(text, sizeof text,
                   "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n"
                   "%s,4,1,2026-06-01,-,%s\n",
                   id, hex);
    site_must(s, oaid_import_meters(&s->a, text));
}

void site_meter_end(struct site_meter *m)
{
    aid_world_free(m->w);
}

/* ---- orders, and what the laptop keeps ---- */

struct ho_new_order site_order_of(const char *kind, const char *meter_id, const char *point)
{
    return (struct ho_new_order){ .kind = kind,
                                  .meter_id = meter_id,
                                  .supply_point = point,
                                  .staff_no = "S001",
                                  .priority = 1,
                                  .purge_l = 20,
                                  .purge_s = 60,
                                  .reason = strcmp(kind, "swap") == 0 ? "fault" : NULL };
}

void site_order(struct site *s, const struct ho_new_order *n, char ret[static 32])
{
    s->a.o->fail = (struct gf_fail){ 0 };
    site_must(s, ho_order_new(s->a.o, n, ret));
}

/* Keep the newest of each: `same` says which fields make two the same. */
#define KEEP(list, same)                                                                           \
    for (size_t i = 0; i < s->l.n_##list; i++) {                                                   \
        size_t at = 0;                                                                             \
                                                                                                   \
        while (at < s->n_##list && !(same))                                                        \
            at++;                                                                                  \
        assert_true(at < SITE_WALLET);                                                             \
        s->n_##list += at == s->n_##list ? 1 : 0;                                                  \
        s->list[at] = s->l.list[i];                                                                \
    }
#define SAME_TEXT(list, field) (strcmp(s->list[at].field, s->l.list[i].field) == 0)

void site_fetch(struct site *s)
{
    do {
        if (oaid_fetch(&s->l) != 200)
            fail_msg("%d %s", s->l.status, s->l.error);
        KEEP(tickets, SAME_TEXT(tickets, meter_id) && s->tickets[at].epoch == s->l.tickets[i].epoch)
        KEEP(keys, SAME_TEXT(keys, meter_id))
        KEEP(swaps, SAME_TEXT(swaps, old_meter_id)
                        && s->swaps[at].wrap_epoch == s->l.swaps[i].wrap_epoch)
        KEEP(tokens, SAME_TEXT(tokens, meter_id)
                         && s->tokens[at].account_no == s->l.tokens[i].account_no)
        KEEP(jobs, SAME_TEXT(jobs, number))
    } while (s->l.end.more);
}

const sync_Job *site_job(const struct site *s, const char *number)
{
    for (size_t i = 0; i < s->n_jobs; i++)
        if (strcmp(s->jobs[i].number, number) == 0)
            return &s->jobs[i];
    fail_msg("no job %s", number);
    return NULL;
}

const sync_TicketGrant *site_ticket(const struct site *s, const char *meter_id, uint32_t epoch)
{
    for (size_t i = 0; i < s->n_tickets; i++)
        if (strcmp(s->tickets[i].meter_id, meter_id) == 0 && s->tickets[i].epoch == epoch)
            return &s->tickets[i];
    return NULL;
}

gasm_Ticket site_ticket_of(const sync_TicketGrant *g)
{
    gasm_Ticket t;

    assert_non_null(g);
    assert_int_equal(mc_ticket_decode((struct gf_span){ g->ticket.bytes, g->ticket.size }, &t), 0);
    return t;
}

/* ---- at the meter ---- */

gasm_Request site_request(struct site *s, const struct site_meter *m, gasm_Command command)
{
    return aid_request(m->w, command, ++s->ops);
}

gasm_Refusal site_ask(struct site *s, struct site_meter *m, const sync_TicketGrant *ticket,
                      const gasm_Request *r)
{
    struct aid_pass pass = { .ticket_n = ticket->ticket.size };
    int rc;

    (void)s;
    memcpy(pass.ticket, ticket->ticket.bytes, pass.ticket_n);
    memcpy(pass.key, ticket->ticket_key, sizeof pass.key);
    rc = aid_world_do(m->w, &pass, r);
    if (rc != 0)
        fail_msg("command %d: error %d, hello refused %d", r->command, rc, m->w->refusal.reason);
    aid_world_disconnect(m->w);
    return m->w->answer.result;
}

void site_do(struct site *s, struct site_meter *m, const gasm_Request *r)
{
    const sync_TicketGrant *ticket = site_ticket(s, m->w->meter_id, m->w->meter->core.active_epoch);

    assert_non_null(ticket);
    if (site_ask(s, m, ticket, r) != gasm_Refusal_OK)
        fail_msg("command %d refused: %d at stage %d", r->command, m->w->answer.result,
                 m->w->answer.reached);
}

void site_key_and_account(struct site *s, struct site_meter *m, const char *number)
{
    gasm_Request key = site_request(s, m, gasm_Command_INSTALL_KEY), open, test;
    const sync_KeyIssue *issue = NULL;

    for (size_t i = 0; i < s->n_keys; i++)
        if (strcmp(s->keys[i].meter_id, m->w->meter_id) == 0)
            issue = &s->keys[i];
    assert_non_null(issue);
    if (issue->epoch > m->w->meter->core.active_epoch) { /* a meter may come back with its key */
        key.which_body = gasm_Request_install_key_tag;
        key.body.install_key.envelope.size = issue->envelope.size;
        memcpy(key.body.install_key.envelope.bytes, issue->envelope.bytes, issue->envelope.size);
        site_do(s, m, &key);
    }
    open = site_request(s, m, gasm_Command_OPEN_ACCOUNT);
    open.which_body = gasm_Request_open_account_tag;
    open.body.open_account.account_no = site_job(s, number)->account_no;
    assert_int_equal(site_ask(s, m, site_ticket(s, m->w->meter_id, issue->epoch), &open),
                     gasm_Refusal_OK);
    if (strcmp(site_job(s, number)->kind, "swap") == 0) {
        test = site_request(s, m, gasm_Command_SELF_TEST);
        site_do(s, m, &test);
    }
}

/* Purge in one session, which has to stay. */
static void purge(struct site *s, struct site_meter *m)
{
    const sync_TicketGrant *g = site_ticket(s, m->w->meter_id, m->w->meter->core.active_epoch);
    struct aid_pass pass = { .ticket_n = g->ticket.size };
    gasm_Request start = site_request(s, m, gasm_Command_PURGE_START), stop,
                 keep = aid_request(m->w, gasm_Command_PURGE_KEEPALIVE, 0);

    memcpy(pass.ticket, g->ticket.bytes, pass.ticket_n);
    memcpy(pass.key, g->ticket_key, sizeof pass.key);
    start.which_body = gasm_Request_purge_start_tag;
    start.body.purge_start = (gasm_PurgeStart){ .volume_l = 20, .limit_s = 60 };
    m->w->flow_l_per_h = 3600;
    assert_int_equal(aid_world_do(m->w, &pass, &start), 0);
    do {
        assert_int_equal(m->w->answer.result, gasm_Refusal_OK);
        aid_world_pass(m->w, 1500);
        assert_int_equal(aid_world_ask(m->w, &keep), 0);
    } while (m->w->answer.body.purge.flowed_l < PURGE_L);
    stop = site_request(s, m, gasm_Command_PURGE_STOP);
    assert_int_equal(aid_world_ask(m->w, &stop), 0);
    assert_int_equal(m->w->answer.result, gasm_Refusal_OK);
    aid_world_disconnect(m->w);
    m->w->flow_l_per_h = 0;
}

void site_commission(struct site *s, struct site_meter *m)
{
    gasm_Request r;

    purge(s, m);
    r = site_request(s, m, gasm_Command_ZERO_CLEAR);
    r.which_body = gasm_Request_zero_clear_tag;
    r.body.zero_clear.residual_l = site_residual(m);
    site_do(s, m, &r);
    r = site_request(s, m, gasm_Command_SET_CLOCK);
    r.which_body = gasm_Request_set_clock_tag;
    r.body.set_clock.utc_s = m->w->utc_ms / 1000 + 1;
    site_do(s, m, &r);
    r = site_request(s, m, gasm_Command_SET_PARAMETERS);
    r.which_body = gasm_Request_set_parameters_tag;
    r.body.set_parameters.parameters_count = 1;
    r.body.set_parameters.parameters[0] =
        (gasm_Parameter){ .id = MC_PARAM_CREDIT_LOW, .value = 7000 };
    site_do(s, m, &r);
    r = site_request(s, m, gasm_Command_COMMISSION);
    site_do(s, m, &r);
}

uint64_t site_open(struct site *s, struct site_meter *m, const char *point)
{
    const struct ho_new_order n = site_order_of("account-opening", m->w->meter_id, point);
    char number[32];
    sync_Item done;

    site_order(s, &n, number);
    site_fetch(s);
    site_key_and_account(s, m, number);
    site_commission(s, m);
    site_send_all(s, m, number);
    done = oaid_done(site_job(s, number), "done", m->n);
    oaid_expect(&s->l, &done, sync_VerdictKind_APPLIED, "");
    s->a.o->fail = (struct gf_fail){ 0 };
    assert_int_equal(customer_bind(s->a.o, site_job(s, number)->customer_no, m->w->meter_id,
                                   site_job(s, number)->account_no),
                     1);
    return site_job(s, number)->account_no;
}

void site_close(struct site *s, struct site_meter *m, bool swap)
{
    gasm_Request r = site_request(s, m, gasm_Command_CLOSE_ACCOUNT);
    const gasm_Closed *closed = &m->w->answer.body.closed;

    r.which_body = gasm_Request_close_account_tag;
    for (size_t i = 0; swap && i < s->n_swaps; i++)
        if (strcmp(s->swaps[i].old_meter_id, m->w->meter_id) == 0
            && s->swaps[i].wrap_epoch == m->w->meter->core.active_epoch) {
            r.body.close_account.swap_key.size = s->swaps[i].swap_key.size;
            memcpy(r.body.close_account.swap_key.bytes, s->swaps[i].swap_key.bytes,
                   s->swaps[i].swap_key.size);
        }
    site_do(s, m, &r);
    m->certificate_n = closed->certificate.size;
    memcpy(m->certificate, closed->certificate.bytes, m->certificate_n);
}

gasm_Refusal site_import(struct site *s, struct site_meter *m, const struct site_meter *from)
{
    gasm_Request r = site_request(s, m, gasm_Command_IMPORT_CREDIT);

    r.which_body = gasm_Request_import_credit_tag;
    r.body.import_credit.certificate.size = (pb_size_t)from->certificate_n;
    memcpy(r.body.import_credit.certificate.bytes, from->certificate, from->certificate_n);
    return site_ask(s, m, site_ticket(s, m->w->meter_id, m->w->meter->core.active_epoch), &r);
}

gasm_Request site_recharge_of(const struct site_meter *m, const uint8_t *token, size_t n)
{
    gasm_Request r = aid_request(m->w, gasm_Command_RECHARGE, 0);

    r.which_body = gasm_Request_recharge_tag;
    r.body.recharge.token.size = (pb_size_t)n;
    memcpy(r.body.recharge.token.bytes, token, n);
    return r;
}

gasm_Refusal site_recharge(struct site *s, struct site_meter *m, uint64_t account_no)
{
    for (size_t i = 0; i < s->n_tokens; i++)
        if (s->tokens[i].account_no == account_no) {
            const gasm_Request r =
                site_recharge_of(m, s->tokens[i].token.bytes, s->tokens[i].token.size);

            return site_ask(s, m,
                            site_ticket(s, m->w->meter_id, m->w->meter->core.active_epoch), &r);
        }
    fail_msg("the laptop has no token of account %llu", (unsigned long long)account_no);
    return gasm_Refusal_STATE;
}

/* ---- home ---- */

void site_read(struct site *s, struct site_meter *m)
{
    const gasm_Receipts *got = &m->w->answer.body.receipts;
    const sync_TicketGrant *g = site_ticket(s, m->w->meter_id, m->w->meter->core.active_epoch);
    gasm_Request r = aid_request(m->w, gasm_Command_READ_RECEIPTS, 0);

    r.which_body = gasm_Request_read_receipts_tag;
    do {
        r.body.read_receipts.from_seq = m->n + 1;
        assert_int_equal(site_ask(s, m, g, &r), gasm_Refusal_OK);
        for (pb_size_t i = 0; i < got->receipts_count; i++) {
            assert_true(m->n < SITE_RECEIPTS);
            m->sizes[m->n] = got->receipts[i].size;
            memcpy(m->receipts[m->n++], got->receipts[i].bytes, got->receipts[i].size);
        }
    } while (got->receipts_count > 0);
}

void site_send(struct site *s, struct site_meter *m, const char *number, size_t from, size_t to)
{
    for (size_t i = from; i <= to; i++) {
        sync_Item item =
            oaid_receipt_item(site_job(s, number), m->receipts[i - 1], m->sizes[i - 1]);
        const sync_Verdict *v;

        oaid_begin(&s->l);
        oaid_add(&s->l, &item);
        if (oaid_send(&s->l) != 200)
            fail_msg("%d %s", s->l.status, s->l.error);
        v = oaid_verdict(&s->l);
        if (v->kind != sync_VerdictKind_APPLIED && v->kind != sync_VerdictKind_DUPLICATE)
            fail_msg("receipt %zu of %s: %s: %s", i, m->w->meter_id, v->field, v->reason);
        s->l.cursor = 0; /* what came with this answer comes again with the next fetch */
    }
}

void site_send_all(struct site *s, struct site_meter *m, const char *number)
{
    size_t from = m->n + 1;

    site_read(s, m);
    site_send(s, m, number, from, m->n);
}

static int take(struct site *s, void *ctx)
{
    const struct gf_span *bytes = ctx;

    return swap_take_certificate(s->a.o, *bytes, "S001");
}

int site_certificate(struct site *s, const uint8_t *p, size_t n)
{
    struct gf_span bytes = { p, n };

    return site_transact(s, take, &bytes);
}
