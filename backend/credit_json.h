/* credit_json.h - tokens and payments as JSON, for the interface and for commands. */
#ifndef GF_CREDIT_JSON_H
#define GF_CREDIT_JSON_H

#include <jansson.h>

#include "backend/credit.h"

/* The carriers of a token under each live key of its meter: [{"epoch","sealed","qr","digits"}].
 * NULL with the failure in o->fail; the caller releases it. */
json_t *credit_carriers(struct office *o, const struct credit_token *t);

#endif
