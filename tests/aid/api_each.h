#ifndef GF_TESTS_AID_API_EACH_H
#define GF_TESTS_AID_API_EACH_H
/*
 * Every route of the interface, and somebody of every kind to call it: for tests of what all routes
 * have in common. One office for a test's whole process.
 */
#include "tests/aid/api_aid.h"

extern struct oaid_office each_office;
/* A device of each role; one that is revoked, one of a supervisor who has left; a customer's token.
 */
extern char each_devices[API_CUSTOMER][GF_UUID_TEXT], each_revoked[GF_UUID_TEXT],
    each_left[GF_UUID_TEXT], each_token[65];

int each_start(void **state);
int each_stop(void **state);

/* Make the customer's session (again). */
void each_session(void);

/* What a call got; every refusal has its words. */
struct each_got {
    int status;
    char error[64], field[64], message[256];
    const char *allow;
};

/* who: as in api_aid.h. */
struct each_got each_call_raw(const char *method, const char *path, const char *query,
                              const char *who, const char *type, const void *body, size_t n);
/* With a JSON body (NULL: none). */
struct each_got each_call(const struct api_route *r, const char *path, const char *who,
                          const json_t *json);

/* The route's path, with words for what stands in braces that name nothing. */
void each_path(const struct api_route *r, char ret[static 256]);
/* Somebody whom the route lets in. */
const char *each_friend(const struct api_route *r);
void each_route(void (*visit)(const struct api_route *r, const char *path));

/* Rows of all tables. */
int64_t each_rows(void);

#endif
