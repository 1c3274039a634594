#ifndef GF_TESTS_AID_OFFICE_ADMIN_H
#define GF_TESTS_AID_OFFICE_ADMIN_H
/*
 * gasoffice in the test's own process, with an office's folder and time, as a person types it.
 */
#include <jansson.h>

#include "tests/aid/office_aid.h"

/* What the last run printed, failures too: until the next one. The caller may write into it. */
extern char *oadm_said;

/* Run it with these words, NULL at their end, at most 20: its exit status. */
int oadm_run(struct oaid_office *a, const char *const *words);

/* The same with --json; it has to end well. Its document, which the caller releases. */
json_t *oadm_json(struct oaid_office *a, const char *const *words);

#define OADM_WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

#endif
