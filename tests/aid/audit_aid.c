/* audit_aid.c - the audit of an office in a test; see audit_aid.h. */
#include "tests/aid/audit_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ho_audit audit;

const struct ho_audit *aaid_run(struct oaid_office *a)
{
    ho_audit_free(&audit);
    a->o->fail = (struct gf_fail){ 0 };
    if (ho_audit_run(a->o, &audit) != 0)
        fail_msg("the audit: %s: %s", a->o->fail.where, a->o->fail.detail);
    return &audit;
}

void aaid_end(void)
{
    ho_audit_free(&audit);
    audit = (struct ho_audit){ 0 };
}

bool aaid_has(const struct buf *texts, const char *text)
{
    for (size_t at = 0; at < texts->n; at += strlen((const char *)texts->p + at) + 1)
        if (strstr((const char *)texts->p + at, text) != NULL)
            return true;
    return false;
}

static unsigned broken(void)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < HO_STATEMENTS; i++)
        bits |= audit.of[i].n_broken > 0 ? 1u << i : 0;
    return bits;
}

static void print_found(void)
{
    for (unsigned i = 0; i < HO_STATEMENTS; i++)
        for (size_t at = 0; at < audit.of[i].broken.n;
             at += strlen((const char *)audit.of[i].broken.p + at) + 1)
            print_message("# %u: %s\n", i, (const char *)audit.of[i].broken.p + at);
}

void aaid_clean(struct oaid_office *a)
{
    (void)aaid_run(a);
    if (broken() != 0) {
        print_found();
        fail_msg("statements %x are broken", broken());
    }
}

void aaid_broken(struct oaid_office *a, enum ho_statement s, const char *text)
{
    (void)aaid_run(a);
    if ((broken() >> s & 1) == 0 || !aaid_has(&audit.of[s].broken, text)) {
        print_found();
        fail_msg("statement %u is not broken by: %s", (unsigned)s, text);
    }
}

void aaid_only(struct oaid_office *a, unsigned bits, enum ho_statement s, const char *text)
{
    aaid_broken(a, s, text);
    if (broken() != bits) {
        print_found();
        fail_msg("statements %x are broken, expected %x: %s", broken(), bits, text);
    }
}

/* ---- an office that is audited ---- */

void aaid_order(struct oaid_office *a, struct oaid_laptop *l, int n, sync_Job *ret_job,
                struct oaid_meter *ret_meter)
{
    char number[32];

    oaid_order(a, n, number);
    assert_int_equal(oaid_fetch(l), 200);
    *ret_job = l->jobs[l->n_jobs - 1];
    oaid_meter_new(ret_meter, n, l);
}

void aaid_open(struct oaid_office *a, struct oaid_laptop *l, int n, sync_Job *ret_job,
               struct oaid_meter *ret_meter)
{
    sync_Application application;
    sync_Item item;

    aaid_order(a, l, n, ret_job, ret_meter);
    application = oaid_application_of(ret_job);
    oaid_begin(l);
    item = oaid_application(ret_job, &application);
    oaid_add(l, &item);
    oaid_add_opening(l, ret_job, ret_meter, (uint64_t)n * 3);
    item = oaid_done(ret_job, "done", ret_meter->next.seq);
    oaid_add(l, &item);
    assert_int_equal(oaid_send(l), 200);
    for (size_t i = 0; i < l->n_verdicts; i++)
        assert_int_equal(l->verdicts[i].kind, sync_VerdictKind_APPLIED);
}
