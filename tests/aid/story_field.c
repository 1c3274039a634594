/* story_field.c - what laptops and customers do at the meters of a story; see story.h. */
#include "tests/aid/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"
#include "meter-core/keys.h"
#include "meter-core/pb.h"

#define LEAK_WATCH_MS 130000 /* of the meter: no flow after the valve opened */

/* ---- receipts ---- */

static void read_with(struct story *y, struct story_meter *m, const sync_TicketGrant *g)
{
    const gasm_Receipts *got = &m->m.w->answer.body.receipts;
    gasm_Request r = aid_request(m->m.w, gasm_Command_READ_RECEIPTS, 0);

    r.which_body = gasm_Request_read_receipts_tag;
    do {
        r.body.read_receipts.from_seq = m->m.n + 1;
        assert_int_equal(site_ask(&y->s, &m->m, g, &r), gasm_Refusal_OK);
        for (pb_size_t i = 0; i < got->receipts_count; i++) {
            assert_true(m->m.n < SITE_RECEIPTS);
            m->m.sizes[m->m.n] = got->receipts[i].size;
            memcpy(m->m.receipts[m->m.n++], got->receipts[i].bytes, got->receipts[i].size);
        }
    } while (got->receipts_count > 0);
}

/* The ticket of its customer, over the interface. False: there is none now. */
static bool customers_ticket(struct story *y, const struct story_meter *m, sync_TicketGrant *g)
{
    const char *session = story_session(y, m->place);
    char path[96];
    int status;
    json_t *json;

    if (session == NULL)
        return false;
    json_decref(story_call(y, "POST", "/v1/customer/meters", session,
                           json_pack("{s:s, s:I}", "meter_id", m->m.w->meter_id, "account_no",
                                     (json_int_t)m->account_no),
                           &status));
    (void)snprintf(path, sizeof path, "/v1/customer/meters/%s/ticket", m->m.w->meter_id);
    json = story_call(y, "POST", path, session, NULL, &status);
    if (status == 200) {
        const char *ticket = oaid_text(json, "ticket");

        *g = (sync_TicketGrant){ .epoch = (uint32_t)oaid_whole(json, "epoch") };
        g->ticket.size = (pb_size_t)(strlen(ticket) / 2);
        assert_int_equal(gf_unhex(ticket, g->ticket.bytes, g->ticket.size), 0);
        assert_int_equal(gf_unhex(oaid_text(json, "ticket_key"), g->ticket_key,
                                  sizeof g->ticket_key),
                         0);
    } else if (m->life == STORY_SERVICE && y->places[m->place].phase == 0) {
        fail_msg("no ticket for %s: %d", m->m.w->meter_id, status);
    }
    json_decref(json);
    return status == 200;
}

/* What the meter keeps and nobody has read. */
void story_read(struct story *y, struct story_meter *m)
{
    sync_TicketGrant g;

    if (m->life == STORY_SERVICE && m->m.w->meter->core.receipt_seq > m->m.n
        && customers_ticket(y, m, &g))
        read_with(y, m, &g);
}

/* The customer's program brings it, or the laptop under an order of the meter. */
void story_send(struct story *y, struct story_meter *m, size_t receipt)
{
    const char *session = story_session(y, m->place);
    char hex[2 * AID_RECEIPT_MAX + 1];

    if (m->life == STORY_SERVICE && session != NULL && story_one_in(y, 2)) {
        gf_hex(m->m.receipts[receipt - 1], m->m.sizes[receipt - 1], hex);
        json_t *json = story_call(y, "POST", "/v1/customer/receipts", session,
                                  json_pack("{s:s}", "receipt", hex), NULL);

        assert_string_equal(oaid_text(json, "verdict"),
                            m->home[receipt] ? "duplicate" : "applied");
        json_decref(json);
    } else {
        site_send(&y->s, &m->m, m->number, receipt, receipt);
    }
    m->home[receipt] = true;
}

void story_send_all(struct story *y, struct story_meter *m)
{
    size_t order[SITE_RECEIPTS], n = 0;

    for (size_t i = 1; i <= m->m.n; i++)
        if (!m->home[i])
            order[n++] = i;
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)story_pick(y, i), held = order[k];

        order[k] = order[i - 1];
        order[i - 1] = held;
    }
    for (size_t i = 0; i < n; i++)
        story_send(y, m, order[i]);
}

void story_deliver(struct story *y)
{
    struct story_meter *m = &y->meters[story_pick(y, y->n_meters)];
    size_t n = 1 + (size_t)story_pick(y, 4);

    if (m->life == STORY_NEW || m->life == STORY_DEAD)
        return;
    story_read(y, m);
    if (m->m.n == 0)
        return;
    story_tell(y, "%zu receipts of %s come home", n, m->m.w->meter_id);
    while (n-- > 0)
        story_send(y, m, 1 + (size_t)story_pick(y, m->m.n));
    if (m->certificate_home || m->m.certificate_n == 0 || !story_one_in(y, 2))
        return;
    assert_true(site_certificate(&y->s, m->m.certificate, m->m.certificate_n) >= 0);
    m->certificate_home = true;
}

/* ---- tokens ---- */

/* A token was taken: sales that it takes back are decided, by what the meter had before. */
static void taken(struct story *y, const struct story_meter *m, uint64_t before_seq,
                  uint64_t before_l)
{
    for (size_t i = 0; i < y->n_sales; i++) {
        struct story_sale *sale = &y->sales[i];

        if (sale->account_no == m->account_no && sale->refund_seq > before_seq
            && sale->refund_seq <= m->m.w->meter->core.token_seq)
            sale->given_back = before_l < sale->ceiling_l;
    }
}

/* The carrier under the meter's key. False: it is void, or there is no such token. */
static bool carrier(struct story *y, struct story_meter *m, uint64_t sequence, gasm_Request *ret,
                    bool typed)
{
    const char *sealed = NULL, *digits = NULL;
    char path[96];
    int status;
    json_t *json;

    (void)snprintf(path, sizeof path, "/v1/accounts/%llu/tokens/%llu",
                   (unsigned long long)m->account_no, (unsigned long long)sequence);
    json = story_call(y, "GET", path, y->clerk, NULL, &status);
    if (status == 200 && strcmp(oaid_text(json, "state"), "voided") != 0) {
        const json_t *all = json_object_get(json, "carriers");

        for (size_t i = 0; i < json_array_size(all); i++) {
            const json_t *one = json_array_get(all, i);

            if (oaid_whole(one, "epoch") == (int64_t)m->m.w->meter->core.active_epoch) {
                sealed = oaid_text(one, "sealed");
                digits = json_string_value(json_object_get(one, "digits"));
            }
        }
    }
    if (sealed != NULL) {
        *ret = aid_request(m->m.w, gasm_Command_RECHARGE, 0);
        ret->which_body = gasm_Request_recharge_tag;
        if (typed && digits != NULL) {
            (void)gf_copy(ret->body.recharge.digits, sizeof ret->body.recharge.digits, digits);
        } else {
            ret->body.recharge.token.size = (pb_size_t)(strlen(sealed) / 2);
            assert_int_equal(gf_unhex(sealed, ret->body.recharge.token.bytes,
                                      ret->body.recharge.token.size),
                             0);
        }
    }
    json_decref(json);
    return sealed != NULL;
}

void story_hand(struct story *y, struct story_meter *m, uint64_t sequence, bool typed)
{
    const struct mc_core *core = &m->m.w->meter->core;
    const uint64_t before_seq = core->token_seq, before_l = core->totals.purchased_l;
    sync_TicketGrant g;
    gasm_Request r;
    gasm_Refusal got;

    if (!customers_ticket(y, m, &g) || !carrier(y, m, sequence, &r, typed))
        return;
    got = site_ask(&y->s, &m->m, &g, &r);
    story_tell(y, "token %llu to %s: %d", (unsigned long long)sequence, m->m.w->meter_id,
               (int)got);
    if (got == gasm_Refusal_OK)
        assert_true(core->token_seq >= sequence);
    else
        assert_int_equal(core->totals.purchased_l, before_l);
    taken(y, m, before_seq, before_l);
    read_with(y, m, &g);
}

static uint64_t last_token(struct story *y, uint64_t account_no, uint64_t below)
{
    return (uint64_t)story_number(y,
                                  "SELECT COALESCE(MAX(sequence), 0) FROM token WHERE org_id = ?1 "
                                  "AND account_no = ?2 AND sequence < ?3",
                                  ODB(ODB_I(account_no), ODB_I(below)));
}

uint64_t story_last_token(struct story *y, const struct story_meter *m)
{
    return last_token(y, m->account_no, INT64_MAX);
}

/* The newest that the laptop has with it, if any. */
void story_carry(struct story *y, struct story_meter *m)
{
    const uint64_t before_seq = m->m.w->meter->core.token_seq,
                   before_l = m->m.w->meter->core.totals.purchased_l;

    for (size_t i = 0; i < y->s.n_tokens; i++)
        if (y->s.tokens[i].account_no == m->account_no) {
            const gasm_Refusal got = site_recharge(&y->s, &m->m, m->account_no);

            story_tell(y, "the laptop's token to %s: %d", m->m.w->meter_id, (int)got);
            taken(y, m, before_seq, before_l);
        }
}

/* The newest, or one that is older and late. */
void story_give(struct story *y)
{
    struct story_meter *m = story_at(y, (int)story_pick(y, STORY_PLACES));
    uint64_t sequence;

    if (m == NULL || m->account_no == 0)
        return;
    sequence = last_token(y, m->account_no, INT64_MAX);
    while (sequence > 0 && story_one_in(y, 3))
        sequence = last_token(y, m->account_no, sequence);
    if (sequence > 0)
        story_hand(y, m, sequence, story_one_in(y, 3));
}

/* ---- gas ---- */

void story_use_gas(struct story *y)
{
    struct story_meter *m = story_at(y, (int)story_pick(y, STORY_PLACES));
    sync_TicketGrant g;
    gasm_Request arm;

    if (m == NULL || !customers_ticket(y, m, &g))
        return;
    if (m->m.w->valve.state != gasm_ValveState_VALVE_OPEN) {
        arm = site_request(&y->s, &m->m, gasm_Command_VALVE_ARM);
        if (site_ask(&y->s, &m->m, &g, &arm) == gasm_Refusal_OK) {
            mc_meter_button(m->m.w->meter);
            aid_world_leap(m->m.w, LEAK_WATCH_MS);
        }
    }
    m->m.w->flow_l_per_h = 600;
    aid_world_leap(m->m.w, 6000 * (1 + (int64_t)story_pick(y, 120)));
    m->m.w->flow_l_per_h = 0;
    aid_world_leap(m->m.w, 5000);
    story_tell(y, "%s: index %llu, residual %lld", m->m.w->meter_id,
               (unsigned long long)m->m.w->meter->core.totals.index_l,
               (long long)site_residual(&m->m));
}
