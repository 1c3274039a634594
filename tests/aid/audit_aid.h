#ifndef GF_TESTS_AID_AUDIT_AID_H
#define GF_TESTS_AID_AUDIT_AID_H
/*
 * The audit of an office in a test, and what it is to find. One audit is kept; whatever is not as
 * expected ends the test through cmocka's assertions, after printing what was found.
 */
#include "backend/office_audit.h"
#include "tests/aid/office_aid.h"

#define AAID(name) (1u << HO_##name)

/* Run it: what it found, until the next run. */
const struct ho_audit *aaid_run(struct oaid_office *a);
void aaid_end(void);

/* Is this in one of the texts? */
bool aaid_has(const struct buf *texts, const char *text);

/* Run it: nothing is broken. */
void aaid_clean(struct oaid_office *a);
/* Run it: statement s is broken by a row with this text, whatever else is broken ... */
void aaid_broken(struct oaid_office *a, enum ho_statement s, const char *text);
/* ... or exactly the statements of `bits`, s among them. */
void aaid_only(struct oaid_office *a, unsigned bits, enum ho_statement s, const char *text);

/* Order, fetch, open meter n's account (1..3), n * 3 litres purged, everything home: 9 receipts. */
void aaid_open(struct oaid_office *a, struct oaid_laptop *l, int n, sync_Job *ret_job,
               struct oaid_meter *ret_meter);
/* The order and the meter alone. */
void aaid_order(struct oaid_office *a, struct oaid_laptop *l, int n, sync_Job *ret_job,
                struct oaid_meter *ret_meter);

#endif
