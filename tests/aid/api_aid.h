#ifndef GF_TESTS_AID_API_AID_H
#define GF_TESTS_AID_API_AID_H
/*
 * Calls of head office's interface without a socket. Every answer is compared with the tables: 2xx
 * with what its route gives, everything else with the error's schema, so that a test of a handler
 * tests its answers for free. Whatever does not hold ends the test through cmocka's assertions.
 *
 * With API_CALLS=FILE in the environment each route that was answered with 2xx is written there.
 */
#include <jansson.h>

#include "backend/api.h"
#include "tests/aid/office_aid.h"

/* Who calls: a device's id in text (main listener), a session's token of 64 hex digits, "" (public
 * listener), or "certificate" (main listener, a certificate that is no device's). */

struct oaid_request {
    const char *method, *path; /* with its query */
    const char *who;
    json_t *json;     /* taken over; NULL: none */
    const char *raw;  /* instead of json: bytes as they are */
    size_t raw_n;     /* 0: up to the NUL */
    const char *type; /* NULL: application/json where there is a body */
    const char *signature;
    const char *peer; /* NULL: 192.0.2.7 */
    int *wait_s;      /* NULL, or where Retry-After goes */
    int *status;      /* NULL, or where the answer's status goes: any is right then */
};

/* The answer's JSON (a string when it is not JSON); the caller releases it. want: its status. */
json_t *oaid_request(struct oaid_office *a, const struct oaid_request *r, int want);

/* The usual one. */
json_t *oaid_call(struct oaid_office *a, const char *method, const char *path, const char *who,
                  json_t *json, int want);

/* The same, and nothing but the status and, of errors, the code and field (NULL: whatever). */
void oaid_call_is(struct oaid_office *a, const char *method, const char *path, const char *who,
                  json_t *json, int want, const char *error, const char *field);

/* A text, a number of an answer: "items.0.name". Fail when there is none. */
const char *oaid_text(const json_t *json, const char *at);
int64_t oaid_whole(const json_t *json, const char *at);
const json_t *oaid_at(const json_t *json, const char *at); /* NULL: none */

/* Run a statement of the office's own database in a transaction of its own; it has to work. */
void oaid_exec(struct oaid_office *a, const char *sql, const struct odb_value *values, size_t n);

/* A device of a new member of the staff with this role; its id goes to ret. The same number again
 * gives a further device. */
void oaid_staff(struct oaid_office *a, const char *staff_no, const char *role,
                char ret[static GF_UUID_TEXT]);

/* A session of a customer; the token goes to ret. */
void oaid_session(struct oaid_office *a, const char *customer_no, char ret[static 65]);

#endif
