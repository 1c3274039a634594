#ifndef GF_TESTS_AID_SECRETS_H
#define GF_TESTS_AID_SECRETS_H
/*
 * What head office says is searched for its keys: every answer, and at the end of an office its
 * audit log and last failure. The keys are the factory and account keys (64 of each), the
 * providers' secrets, the data keys and what is derived from them, and the file of the master key;
 * as they are, in hex, in base64. K_ticket is none of them: it is meant to go out.
 */
#include "tests/aid/office_aid.h"

/* Ends the test through cmocka's assertions when these bytes have a key of this office. */
void oaid_no_secrets(struct oaid_office *a, const char *what, struct gf_span bytes);

/* The same of its audit log and its last failure. */
void oaid_no_secrets_kept(struct oaid_office *a);

#endif
