/* story_turns.c - work of a story that turns out otherwise: swaps that are called off, keys that
 * are withdrawn; see story.h. */
#include "tests/aid/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

void story_withdraw(struct story *y, struct story_meter *m)
{
    const sync_KeyIssue *issue = NULL;
    bool is_new;
    char path[96];
    int status;

    m->withdrawn = false;
    if (!story_one_in(y, 5))
        return;
    for (size_t i = 0; i < y->s.n_keys; i++)
        if (strcmp(y->s.keys[i].meter_id, m->m.w->meter_id) == 0)
            issue = &y->s.keys[i];
    assert_non_null(issue);
    is_new = issue->epoch > m->m.w->meter->core.active_epoch;
    (void)snprintf(path, sizeof path, "/v1/meters/%s/keys/%u/withdraw", m->m.w->meter_id,
                   (unsigned)issue->epoch);
    json_decref(story_call(y, "POST", path, y->officer, NULL, &status));
    story_tell(y, "key %u of %s is withdrawn: %d", (unsigned)issue->epoch, m->m.w->meter_id,
               status);
    assert_int_equal(status, is_new ? 200 : 409); /* it came back with the key that it has */
    m->withdrawn = is_new && story_one_in(y, 3);
    if (!m->withdrawn)
        site_fetch(&y->s);
}
