/* office_site_swap.c - swaps of a site: begun, died, made to speak, done; see office_site.h. */
#include "tests/aid/office_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

uint64_t site_swap_begin(struct site *s, struct site_meter *old, struct site_meter *new,
                         int64_t litres, int64_t cap_l, char ret_number[static 32])
{
    struct ho_new_order n = site_order_of("swap", SITE_NEW, "SP-0001");
    uint64_t old_no;

    site_new(s);
    site_meter_new(s, old, SITE_OLD);
    site_meter_new(s, new, SITE_NEW);
    old_no = site_open(s, old, "SP-0001");
    if (litres > 0)
        site_sell(s, old_no, litres);
    else if (litres < 0)
        site_issue(s, old_no, "debit", -litres);
    if (litres != 0)
        assert_int_equal(site_give(s, old, old_no), gasm_Refusal_OK);
    n.cap_l = cap_l;
    site_order(s, &n, ret_number);
    site_fetch(s);
    site_key_and_account(s, new, ret_number);
    return old_no;
}

void site_swap_end(struct site *s, struct site_meter *old, struct site_meter *new)
{
    site_audit(s);
    site_meter_end(old);
    site_meter_end(new);
    site_end(s);
}

void site_done(struct site *s, const struct site_meter *m, const char *number)
{
    sync_Item done = oaid_done(site_job(s, number), "done", m->n);

    oaid_expect(&s->l, &done, sync_VerdictKind_APPLIED, "");
    s->l.cursor = 0;
}

void site_swap_dead(struct site *s, struct site_meter *old, struct site_meter *new, int64_t litres,
                    const char *number)
{
    struct swap_case c = site_case(s, number);

    if (old != NULL)
        site_send_all(s, old, number); /* what it took is known */
    site_send_all(s, new, number);
    site_must(s, site_estimate(s, c.case_id, litres, "S001", "V001"));
    site_fetch(s);
    site_commission(s, new);
    site_send_all(s, new, number);
    site_done(s, new, number);
}

void site_bench(struct site *s, struct site_meter *m, char ret_number[static 32])
{
    struct ho_new_order n = site_order_of("bench-reset", m->w->meter_id, NULL);

    site_order(s, &n, ret_number);
    site_fetch(s);
    site_close(s, m, false);
    assert_int_equal(site_certificate(s, m->certificate, m->certificate_n), 0);
}
