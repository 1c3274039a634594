/* story_turns.c - work of a story that turns out otherwise: swaps that are called off, keys that
 * are withdrawn; see story.h. */
#include "tests/aid/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- swaps ---- */

/* How many accounts there are in this state at p's place, on this meter, which has the place; with
 * p's swap in its state, and no open order of it. */
static int64_t standing(struct story *y, const struct story_place *p, const struct story_meter *m,
                        const char *account, const char *swap)
{
    return story_number(
        y,
        "SELECT COUNT(*) FROM account a JOIN supply_point s ON s.org_id = a.org_id AND "
        "s.supply_point = a.supply_point JOIN swap_case c ON c.org_id = a.org_id AND "
        "c.supply_point = s.supply_point WHERE a.org_id = ?1 AND a.account_no = ?2 AND a.meter_id "
        "= ?3 AND a.state = ?4 AND (s.meter_id = ?3) = (a.state = 'open') AND c.number = ?5 AND "
        "c.state = ?6 AND NOT EXISTS (SELECT 1 FROM work_order w WHERE w.org_id = c.org_id AND "
        "w.swap_case = c.case_id AND w.closed_at_ms IS NULL)",
        ODB(ODB_I(m->account_no), ODB_T(m->m.w->meter_id), ODB_T(account), ODB_T(p->case_number),
            ODB_T(swap)));
}

void story_expect_swapped(struct story *y, const struct story_place *p,
                          const struct story_meter *m)
{
    if (standing(y, p, m, "open", "settled") != 1)
        fail_msg("%s: %s is not in its place", p->case_number, m->m.w->meter_id);
}

/* The place is the old meter's, and the new account is closed. */
static void expect_cancelled(struct story *y, const struct story_place *p)
{
    if (standing(y, p, &y->meters[p->meter], "open", "cancelled") != 1
        || standing(y, p, &y->meters[p->next], "closed", "cancelled") != 1)
        fail_msg("%s was called off, and is not", p->case_number);
}

/* Nobody does it: the meter that was to come goes back to the stock, with the key that it has. */
static void leave(struct story *y, struct story_place *p)
{
    struct story_meter *m = &y->meters[p->next];

    m->life = STORY_STOCK;
    m->forgiven_l = m->debited_l = 0;
    p->next = -1;
    p->phase = 0;
    p->cancelled = false;
}

void story_cancel(struct story *y, struct story_place *p)
{
    char path[96];
    int status;

    story_prepare_new(y, p); /* tickets end: who does it has just come from head office */
    (void)snprintf(path, sizeof path, "/v1/swap-cases/%s/cancel", p->case_number);
    json_decref(story_call(y, "POST", path, y->chief, NULL, &status));
    assert_true(status == 200 || status == 409);
    story_tell(y, "swap %s is called off: %d", p->case_number, status);
    if (status != 200)
        return; /* an account was closed, or the new one holds credit */
    p->cancelled = true;
    expect_cancelled(y, p);
    if (p->phase == 1 && story_one_in(y, 2)) {
        leave(y, p);
        return;
    }
    if (p->phase == 1) {
        story_close_old(y, &y->meters[p->meter], true);
        p->phase = 2;
    }
    if (p->phase == 2)
        story_commission_new(y, p);
}

/* ---- keys ---- */

static uint32_t issued_epoch(struct story *y, const struct story_meter *m)
{
    uint32_t ret = 0;

    for (size_t i = 0; i < y->s.n_keys; i++)
        if (strcmp(y->s.keys[i].meter_id, m->m.w->meter_id) == 0)
            ret = y->s.keys[i].epoch;
    assert_true(ret > 0);
    return ret;
}

/* Head office gives nothing out under it any more. */
static void expect_withdrawn(struct story *y, const struct story_meter *m)
{
    assert_int_equal(
        story_number(
            y,
            "SELECT (SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
            "epoch = ?3 AND state <> 'withdrawn') + (SELECT COUNT(*) FROM ticket WHERE org_id = ?1 "
            "AND meter_id = ?2 AND epoch = ?3 AND is_void = 0) + (SELECT COUNT(*) FROM work_order "
            "WHERE org_id = ?1 AND meter_id = ?2 AND key_epoch = ?3 AND closed_at_ms IS NULL)",
            ODB(ODB_T(m->m.w->meter_id), ODB_I(m->withdrawn_epoch))),
        0);
}

void story_expect_key(struct story *y, const struct story_meter *m)
{
    const char *others = "SELECT (SELECT COUNT(*) FROM meter WHERE org_id = ?1 AND meter_id = ?2 "
                         "AND active_epoch <> ?3) + (SELECT COUNT(*) FROM work_order WHERE org_id "
                         "= ?1 AND meter_id = ?2 AND key_epoch <> ?3 AND closed_at_ms IS NULL)";

    assert_int_equal(story_number(y, others,
                                  ODB(ODB_T(m->m.w->meter_id),
                                      ODB_I(m->m.w->meter->core.active_epoch))),
                     0);
}

void story_withdraw(struct story *y, struct story_meter *m)
{
    const uint32_t epoch = issued_epoch(y, m);
    const bool is_new = epoch > m->m.w->meter->core.active_epoch;
    char path[96];
    int status;

    m->withdrawn = false;
    m->withdrawn_epoch = 0;
    if (!story_one_in(y, 2))
        return;
    (void)snprintf(path, sizeof path, "/v1/meters/%s/keys/%u/withdraw", m->m.w->meter_id,
                   (unsigned)epoch);
    json_decref(story_call(y, "POST", path, y->officer, NULL, &status));
    story_tell(y, "key %u of %s is withdrawn: %d", (unsigned)epoch, m->m.w->meter_id, status);
    assert_int_equal(status, is_new ? 200 : 409); /* it came back with the key that it has */
    if (!is_new)
        return;
    m->withdrawn_epoch = epoch;
    expect_withdrawn(y, m);
    m->withdrawn = story_one_in(y, 3);
    if (m->withdrawn)
        return;
    site_fetch(&y->s);
    assert_true(issued_epoch(y, m) > epoch);
}
