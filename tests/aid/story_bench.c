/* story_bench.c - meters of a story that were taken away: dead ones speak, closed ones are made new,
 * what they left is moved or written off; see story.h. */
#include "tests/aid/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a dead one ---- */

/* A dead meter is made to speak: what was on it comes home after all. */
void story_bench(struct story *y)
{
    for (size_t i = 0; i < y->n_meters; i++) {
        struct story_meter *m = &y->meters[i];

        if (m->life != STORY_DEAD || y->places[m->place].phase != 0)
            continue;
        story_order(y, m, "bench-reset", "S001", NULL);
        site_fetch(&y->s);
        story_close_old(y, m, false);
        m->removed = false;
        story_send_all(y, m);
        assert_int_equal(site_certificate(&y->s, m->m.certificate, m->m.certificate_n), 0);
        m->certificate_home = true;
        story_done(y, m);
        return;
    }
}

/* ---- what is left ---- */

static int64_t left_of(struct story *y, uint64_t account_no)
{
    char owner[24];

    ledger_owner(account_no, owner);
    return story_number(y,
                        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM posting WHERE org_id "
                        "= ?1 AND unit = 'litre' AND code = 'transit' AND owner = ?2",
                        ODB(ODB_T(owner)));
}

/* A decision about it: the status. */
static int decide(struct story *y, const char *id, const char *word, const char *who)
{
    char path[96];
    int status;

    (void)snprintf(path, sizeof path, "/v1/payouts/%s/%s", id, word);
    json_decref(story_call(y, "POST", path, who, NULL, &status));
    return status;
}

void story_write_off(struct story *y, struct story_meter *m)
{
    const bool rejected = story_one_in(y, 4);
    char id[STORY_ID];
    int64_t litres;
    int status;
    json_t *json;

    story_id(y, id);
    json = story_call(y, "POST", "/v1/payouts", y->chief,
                      json_pack("{s:s, s:I, s:s, s:s, s:s}", "payout_id", id, "account_no",
                                (json_int_t)m->account_no, "kind", "write-off", "currency", "EUR",
                                "reason", "the meter was removed"),
                      &status);
    assert_true(status == 200 || status == 409);
    litres = status == 200 ? oaid_whole(json, "litres") : 0;
    json_decref(json);
    assert_int_equal(litres, left_of(y, m->account_no));
    story_tell(y, "account %llu: %lld litres are to be written off: %d",
               (unsigned long long)m->account_no, (long long)litres, status);
    if (status != 200)
        return; /* nothing is left */
    assert_int_equal(decide(y, id, "confirm", y->chief), 409); /* who asked does not decide */
    assert_int_equal(left_of(y, m->account_no), litres);
    assert_int_equal(decide(y, id, rejected ? "reject" : "confirm", y->chief2), 200);
    if (rejected) {
        assert_int_equal(left_of(y, m->account_no), litres);
        return;
    }
    assert_int_equal(left_of(y, m->account_no), 0);
    m->written_off_l += litres;
}

/* Credit goes to the customer's other account, where there is one. */
static void move_credit(struct story *y, const struct story_meter *m)
{
    const int other = y->places[0].meter >= 0 ? 0 : 2;
    char path[96], id[STORY_ID];
    int status;

    if (y->places[other].meter < 0)
        return;
    story_id(y, id);
    (void)snprintf(path, sizeof path, "/v1/accounts/%llu/move", (unsigned long long)m->account_no);
    json_decref(story_call(y, "POST", path, y->chief,
                           json_pack("{s:s, s:I}", "id", id, "to_account_no",
                                     (json_int_t)story_at(y, other)->account_no),
                           &status));
    assert_true(status == 200 || status == 409); /* no credit is left */
}

/* A debt cannot be moved. */
static void end_removed(struct story *y, struct story_meter *m)
{
    move_credit(y, m);
    while (left_of(y, m->account_no) != 0)
        story_write_off(y, m);
}

void story_end_removed(struct story *y)
{
    for (size_t i = 0; i < y->n_meters; i++)
        if (y->meters[i].removed && y->meters[i].life == STORY_CLOSED)
            end_removed(y, &y->meters[i]);
}

/* ---- back to the stock ---- */

/* A meter that was made new shows its receipts under the next key only: the last one comes home out
 * of its answer. */
static void reset(struct story *y, struct story_meter *m)
{
    gasm_Request r = site_request(&y->s, &m->m, gasm_Command_RESET_TO_FACTORY);
    const gasm_Response *answer = &m->m.w->answer;

    r.which_body = gasm_Request_reset_to_factory_tag;
    site_do(&y->s, &m->m, &r);
    assert_true(m->m.n < SITE_RECEIPTS && answer->receipt.size > 0);
    m->m.sizes[m->m.n] = answer->receipt.size;
    memcpy(m->m.receipts[m->m.n++], answer->receipt.bytes, answer->receipt.size);
}

void story_put_back(struct story *y)
{
    struct story_meter *m = &y->meters[story_pick(y, y->n_meters)];

    if (m->life != STORY_CLOSED)
        return;
    for (int i = 0; i < STORY_PLACES; i++)
        if (story_at(y, i) == m)
            return; /* its swap is under way */
    story_send_all(y, m);
    assert_true(site_certificate(&y->s, m->m.certificate, m->m.certificate_n) >= 0);
    if (m->removed)
        end_removed(y, m);
    story_order(y, m, "bench-reset", "S001", NULL);
    site_fetch(&y->s);
    story_tell(y, "%s is made new", m->m.w->meter_id);
    story_fold(y, m); /* what its registers say goes with the reset */
    site_read(&y->s, &m->m);
    reset(y, m);
    story_send_all(y, m);
    story_done(y, m);
    m->life = STORY_STOCK;
    m->forgiven_l = m->debited_l = m->written_off_l = 0;
    m->correction_seq = m->closed_purchased_l = 0;
    m->removed = m->commissioned = m->certificate_home = false;
    m->m.certificate_n = 0;
}
