/* story_orders.c - the work of a story: openings, swaps, removals; see story.h. */
#include "tests/aid/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

#define END_ROUNDS 5 /* a token that arrives may cause another */

/* ---- meters and orders ---- */

static struct story_meter *stock(struct story *y)
{
    char id[GF_METER_ID_TEXT] = "";

    for (size_t i = 0; i < y->n_meters; i++)
        if (y->meters[i].life == STORY_STOCK) {
            story_send_all(y, &y->meters[i]); /* what is known of it decides which key it gets */
            return &y->meters[i];
        }
    if (y->n_meters == STORY_METERS)
        return NULL;
    (void)snprintf(id, sizeof id, "GM24000%03u", (unsigned)(500 + y->n_meters));
    assert_int_equal(gf_meter_id_digits(id, id + 10), 0);
    site_meter_new(&y->s, &y->meters[y->n_meters].m, id);
    y->n_meters++;
    story_pass(y, 0);
    return &y->meters[y->n_meters - 1];
}

void story_order(struct story *y, struct story_meter *m, const char *kind, const char *staff_no,
                 const char *point)
{
    char id[STORY_ID], path[96];
    const bool is_planned = story_one_in(y, 4);
    json_t *json;

    story_id(y, id);
    for (int times = story_one_in(y, 4) ? 2 : 1; times > 0; times--) {
        json_t *body = json_pack("{s:s, s:s, s:s}", "id", id, "kind", kind, "meter_id",
                                 m->m.w->meter_id);

        if (point != NULL)
            (void)json_object_set_new(body, "supply_point", json_string(point));
        if (!is_planned)
            (void)json_object_set_new(body, "staff_no", json_string(staff_no));
        if (strcmp(kind, "swap") == 0) {
            (void)json_object_set_new(body, "reason", json_string("fault"));
            if (story_one_in(y, 2))
                (void)json_object_set_new(body, "cap_l",
                                          json_integer(1 + (json_int_t)(y->seed % 400)));
        }
        json = story_call(y, "POST", "/v1/work-orders", y->chief, body, NULL);
        (void)gf_copy(m->number, sizeof m->number, oaid_text(json, "number"));
        json_decref(json);
    }
    if (!is_planned)
        return;
    (void)snprintf(path, sizeof path, "/v1/work-orders/%s/assign", m->number);
    json_decref(story_call(y, "POST", path, y->chief, json_pack("{s:s}", "staff_no", staff_no),
                           NULL));
}

static void done_as(struct story *y, struct story_meter *m, sync_VerdictKind kind,
                    const char *field)
{
    sync_Item item = oaid_done(site_job(&y->s, m->number), "done", m->m.n);

    oaid_expect(&y->s.l, &item, kind, field);
    y->s.l.cursor = 0;
}

void story_done(struct story *y, struct story_meter *m)
{
    done_as(y, m, sync_VerdictKind_APPLIED, "");
}

/* ---- opening ---- */

static void into_service(struct story *y, struct story_meter *m, int place)
{
    m->life = STORY_SERVICE;
    m->place = place;
    y->places[place].meter = (int)(m - y->meters);
    m->commissioned = true;
}

void story_open(struct story *y)
{
    struct story_meter *m;
    int place = 0;

    while (place < STORY_PLACES
           && (y->places[place].meter >= 0 || y->places[place].phase != 0))
        place++;
    if (place == STORY_PLACES || (m = stock(y)) == NULL)
        return;
    story_order(y, m, "account-opening", "S001", y->places[place].point);
    site_fetch(&y->s);
    story_withdraw(y, m);
    m->account_no = site_job(&y->s, m->number)->account_no;
    story_tell(y, "account %llu on %s at %s", (unsigned long long)m->account_no,
               m->m.w->meter_id, y->places[place].point);
    site_key_and_account(&y->s, &m->m, m->number);
    if (story_one_in(y, 3)) { /* its first papers are home before the rest is done */
        site_read(&y->s, &m->m);
        m->place = place;
        story_send_all(y, m);
        story_expect_key(y, m);
        site_fetch(&y->s);
    }
    site_commission(&y->s, &m->m);
    site_read(&y->s, &m->m);
    m->place = place;
    story_send_all(y, m);
    into_service(y, m, place);
    story_done(y, m);
    story_pass(y, 0);
}

/* ---- the end of an account ---- */

/* What the meter took until then is what it was sold; refunds that wait are decided. */
void story_closed(struct story *y, struct story_meter *m, bool removed)
{
    const struct mc_core *core = &m->m.w->meter->core;

    m->life = STORY_CLOSED;
    m->removed = removed;
    m->closed_purchased_l = core->totals.purchased_l;
    for (size_t i = 0; i < y->n_sales; i++) {
        struct story_sale *sale = &y->sales[i];

        if (sale->account_no == m->account_no && sale->refund_seq > core->token_seq)
            sale->given_back = core->totals.purchased_l < sale->ceiling_l;
    }
}

void story_close_old(struct story *y, struct story_meter *m, bool swap)
{
    site_close(&y->s, &m->m, swap);
    story_tell(y, "%s closes with %lld of account %llu", m->m.w->meter_id,
               (long long)site_residual(&m->m), (unsigned long long)m->account_no);
    story_closed(y, m, !swap);
    site_read(&y->s, &m->m);
}

/* ---- swaps ---- */

static void begin_swap(struct story *y, struct story_place *p)
{
    struct story_meter *m = stock(y);

    if (m == NULL)
        return;
    story_order(y, m, "swap", "S001", p->point);
    site_fetch(&y->s);
    story_withdraw(y, m);
    (void)gf_copy(p->case_number, sizeof p->case_number,
                  site_case(&y->s, m->number).number);
    m->account_no = site_job(&y->s, m->number)->account_no;
    site_key_and_account(&y->s, &m->m, m->number);
    site_read(&y->s, &m->m);
    m->life = STORY_NEW;
    m->place = (int)(p - y->places);
    (void)gf_copy(y->meters[p->meter].number, sizeof m->number, m->number);
    p->next = (int)(m - y->meters);
    p->phase = 1;
    p->imported = p->cancelled = false;
    story_tell(y, "swap %s: %s for %s", p->case_number, m->m.w->meter_id,
               y->meters[p->meter].m.w->meter_id);
    if (story_one_in(y, 2)) {
        story_send_all(y, m);
        story_expect_key(y, m);
    }
}

/* Of a dead meter nothing proves that it did not take a token: what was not given back by now never
 * will be. */
static void refuse_refunds(struct story *y, const struct story_meter *m)
{
    const char *paid = "SELECT COUNT(*) FROM refund WHERE org_id = ?1 AND account_no = ?2 AND "
                       "sequence = ?3 AND state = 'paid'";

    for (size_t i = 0; i < y->n_sales; i++) {
        struct story_sale *sale = &y->sales[i];

        if (sale->account_no != m->account_no || sale->refund_seq == 0
            || story_number(y, paid, ODB(ODB_I(sale->account_no), ODB_I(sale->sequence))) == 1)
            continue;
        sale->refund_seq = 0;
        sale->given_back = false;
    }
}

/* It cannot be read any more: two people estimate what is on it. */
static void estimate(struct story *y, struct story_place *p)
{
    struct story_meter *old = &y->meters[p->meter], *m = &y->meters[p->next];
    char path[96];
    int status;

    story_send_all(y, m);
    (void)snprintf(path, sizeof path, "/v1/swap-cases/%s/estimate", p->case_number);
    json_decref(story_call(y, "POST", path, y->chief,
                           json_pack("{s:I, s:s}", "residual_l",
                                     (json_int_t)story_pick(y, 50), "estimated_by", "S001"),
                           &status));
    story_tell(y, "%s is dead: estimate %d", old->m.w->meter_id, status);
    if (status != 200)
        return;
    old->life = STORY_DEAD;
    refuse_refunds(y, old);
    p->phase = 2;
    site_fetch(&y->s);
}

void story_prepare_new(struct story *y, struct story_place *p)
{
    struct story_meter *m = &y->meters[p->next];

    if (m->withdrawn) /* only its receipts say which key it has: tickets are of that one then */
        story_send_all(y, m);
    site_fetch(&y->s);
}

void story_commission_new(struct story *y, struct story_place *p)
{
    struct story_meter *old = &y->meters[p->meter], *m = &y->meters[p->next];

    site_commission(&y->s, &m->m);
    if (old->life == STORY_CLOSED && !story_one_in(y, 4)) {
        const gasm_Refusal got = site_import(&y->s, &m->m, &old->m);

        story_tell(y, "%s imports: %d, %lld", m->m.w->meter_id, (int)got,
                   (long long)site_residual(&m->m));
        p->imported = got == gasm_Refusal_OK;
    }
    site_read(&y->s, &m->m);
    m->life = STORY_SERVICE;
    m->commissioned = true;
    p->phase = 3;
}

static void settle(struct story *y, struct story_place *p)
{
    char path[96];
    int status;
    json_t *json;

    (void)snprintf(path, sizeof path, "/v1/swap-cases/%s/settle", p->case_number);
    json = story_call(y, "POST", path, y->clerk,
                      json_pack("{s:b}", "online", (int)story_one_in(y, 2)), &status);
    assert_true(status == 200 || status == 409);
    story_tell(y, "settle %s: %d %s", p->case_number, status,
               status == 200 ? oaid_text(json, "state") : oaid_text(json, "message"));
    json_decref(json);
}

static void end_swap(struct story *y, struct story_place *p)
{
    struct story_meter *old = &y->meters[p->meter], *m = &y->meters[p->next];
    char path[96];
    int status;

    if (story_one_in(y, 2))
        story_send_all(y, m);
    if (old->life == STORY_CLOSED) {
        story_send_all(y, old);
        assert_true(site_certificate(&y->s, old->m.certificate, old->m.certificate_n) >= 0);
        old->certificate_home = true;
    }
    story_send_all(y, m);
    (void)snprintf(path, sizeof path, "/v1/swap-cases/%s/settle", p->case_number);
    json_decref(story_call(y, "POST", path, y->clerk, json_pack("{s:b}", "online", 1), &status));
    assert_int_equal(status, 200);
    if (p->cancelled) /* the order ended otherwise, for people to see */
        done_as(y, m, sync_VerdictKind_CONFLICT, "outcome");
    else
        story_done(y, m);
    into_service(y, m, (int)(p - y->places));
    story_expect_swapped(y, p, m);
    p->next = -1;
    p->phase = 0;
}

/* The next thing that happens of the swap at some place, or one begins. */
void story_swap(struct story *y)
{
    struct story_place *p = story_some_place(y);
    struct story_meter *old;

    if (p->meter < 0)
        return;
    old = &y->meters[p->meter];
    if (p->phase != 0 && story_one_in(y, 4)) {
        story_cancel(y, p);
        return;
    }
    switch (p->phase) {
    case 0:
        begin_swap(y, p);
        return;
    case 1:
        site_fetch(&y->s);
        if (story_one_in(y, 5)) {
            estimate(y, p);
            return;
        }
        story_close_old(y, old, true);
        p->phase = 2;
        return;
    case 2:
        if (story_one_in(y, 3)) {
            settle(y, p);
            return;
        }
        story_prepare_new(y, p);
        story_commission_new(y, p);
        return;
    default:
        if (story_one_in(y, 3))
            settle(y, p);
        else
            end_swap(y, p);
    }
}

/* ---- other work ---- */

/* The meter is taken away; what was on it goes to the customer's other account later, or is written
 * off. */
void story_remove(struct story *y)
{
    struct story_place *p = story_some_place(y);
    struct story_meter *m;

    if (p->meter < 0 || p->phase != 0 || strcmp(p->customer, "C-1001") != 0)
        return;
    m = &y->meters[p->meter];
    if (m->correction_seq > m->m.w->meter->core.token_seq)
        return; /* it would be undone */
    story_read(y, m);
    story_order(y, m, "removal", "S001", NULL);
    site_fetch(&y->s);
    story_close_old(y, m, false);
    story_send_all(y, m);
    assert_int_equal(site_certificate(&y->s, m->m.certificate, m->m.certificate_n), 0);
    m->certificate_home = true;
    story_done(y, m);
    p->meter = -1;
    if (story_one_in(y, 2))
        story_write_off(y, m);
}

/* A supervisor removes the credit of a meter in service. */
void story_clear(struct story *y)
{
    static struct oaid_laptop held;
    struct story_place *p = story_some_place(y);
    struct story_meter *m;
    gasm_Request r;
    int64_t residual_l;

    if (p->meter < 0 || p->phase != 0)
        return;
    m = &y->meters[p->meter];
    residual_l = site_residual(&m->m);
    story_read(y, m);
    story_send_all(y, m);
    story_order(y, m, "zero-clear", "V001", NULL);
    held = y->s.l;
    y->s.l = y->supervisors;
    site_fetch(&y->s);
    r = site_request(&y->s, &m->m, gasm_Command_ZERO_CLEAR);
    r.which_body = gasm_Request_zero_clear_tag;
    r.body.zero_clear.residual_l = residual_l;
    story_tell(y, "zero-clear of %s: %lld", m->m.w->meter_id, (long long)residual_l);
    /* refused while gas flows or the valve is open; a debt stays */
    if (site_ask(&y->s, &m->m, site_ticket(&y->s, m->m.w->meter_id,
                                           m->m.w->meter->core.active_epoch),
                 &r)
        == gasm_Refusal_OK)
        assert_int_equal(site_residual(&m->m), residual_l < 0 ? residual_l : 0);
    site_read(&y->s, &m->m);
    story_done(y, m);
    y->supervisors = y->s.l;
    y->s.l = held;
}

/* The laptop has the newest token with it, also one that goes to somebody else on the way. */
void story_maintain(struct story *y)
{
    struct story_place *p = story_some_place(y);
    struct story_meter *m;
    char path[96];

    if (p->meter < 0 || p->phase != 0)
        return;
    m = &y->meters[p->meter];
    story_order(y, m, "maintenance", "S001", NULL);
    site_fetch(&y->s);
    if (story_one_in(y, 4)) {
        (void)snprintf(path, sizeof path, "/v1/work-orders/%s/assign", m->number);
        json_decref(story_call(y, "POST", path, y->clerk,
                               json_pack("{s:s}", "staff_no", "S002"), NULL));
        site_fetch(&y->s);
        json_decref(story_call(y, "POST", path, y->clerk,
                               json_pack("{s:s}", "staff_no", "S001"), NULL));
        site_fetch(&y->s);
    }
    story_carry(y, m);
    site_read(&y->s, &m->m);
    story_done(y, m);
}

/* ---- the end: no faults any more ---- */

static void finish_swap(struct story *y, struct story_place *p)
{
    site_fetch(&y->s);
    if (p->phase == 1) {
        story_close_old(y, &y->meters[p->meter], true);
        p->phase = 2;
    }
    if (p->phase == 2) {
        story_prepare_new(y, p);
        story_commission_new(y, p);
    }
    if (p->phase == 3)
        end_swap(y, p);
}

/* The meter makes one more receipt, so that head office hears of the last litre. */
static void touch(struct story *y, struct story_meter *m)
{
    gasm_Request r;

    story_order(y, m, "maintenance", "S001", NULL);
    site_fetch(&y->s);
    r = site_request(&y->s, &m->m, gasm_Command_SET_CLOCK);
    r.which_body = gasm_Request_set_clock_tag;
    r.body.set_clock.utc_s = m->m.w->utc_ms / 1000 + 1;
    site_do(&y->s, &m->m, &r);
    site_read(&y->s, &m->m);
    story_done(y, m);
}

/* Everything that is on its way arrives: meters that were dead speak, swaps end, each account gets
 * its newest token, all receipts come home. */
void story_end_field(struct story *y)
{
    for (int i = 0; i < STORY_PLACES; i++)
        finish_swap(y, &y->places[i]);
    for (size_t i = 0; i < y->n_meters; i++)
        story_bench(y);
    if (y->places[0].meter < 0 && y->places[2].meter < 0)
        story_open(y);
    story_end_removed(y);
    for (int round = 0; round < END_ROUNDS; round++)
        for (size_t i = 0; i < y->n_meters; i++) {
            struct story_meter *m = &y->meters[i];
            const uint64_t last = m->life == STORY_SERVICE ? story_last_token(y, m) : 0;

            if (round + 1 == END_ROUNDS && m->life == STORY_SERVICE)
                touch(y, m);
            if (last > m->m.w->meter->core.token_seq)
                story_hand(y, m, last, false);
            story_read(y, m);
            story_send_all(y, m);
            if (m->m.certificate_n > 0)
                assert_true(site_certificate(&y->s, m->m.certificate, m->m.certificate_n) >= 0);
        }
}
