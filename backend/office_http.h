/* office_http.h - what the first routes share; not for anybody else. */
#ifndef GF_OFFICE_HTTP_H
#define GF_OFFICE_HTTP_H

#include "backend/office_in.h"

#define HO_SYNC_BODY_MAX (4u << 20) /* bytes of a sync request, at most */
#define HO_ENROL_BODY_MAX (16u << 10)

/* Answer with an error in JSON. `field` may be NULL; `message` is a sentence for a person. Replaces
 * what stood there. */
void ho_answer_error(struct http_response *ret, int status, const char *error, const char *message,
                     const char *field);

/* Answer with what went wrong inside (o->fail): 503 when the store cannot be used, else 500.
 * Details go no further than to the operator's log: the answer has the table's sentence. */
void ho_answer_fail(struct office *o, struct http_response *ret);

/* Handlers of api_system.c's routes. */
struct api_call;
void ho_route_sync(struct office *o, const struct http_request *request,
                   const struct ho_device *device, struct http_response *ret);
void ho_route_enrol(struct api_call *c);

/* Make a one-time code for a member of the staff, valid 24 h: "K7Q2M9XW4T-" and the first 16 hex
 * digits of SHA-256 of the CA's certificate. 0; GF_E_FORMAT when there is no such person; store
 * errors. */
#define HO_CODE_LEN 10
#define HO_CODE_HOURS 24
#define HO_CODE_TEXT (HO_CODE_LEN + 1 + 16 + 1)
int ho_enrol_code(struct office *o, const char *staff_no, char ret[static HO_CODE_TEXT]);

#endif
