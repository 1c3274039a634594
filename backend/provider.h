/* provider.h - who takes payments: the counter, and services that tell by signed messages. */
#ifndef GF_PROVIDER_H
#define GF_PROVIDER_H

#include "backend/office_in.h"

#define PROVIDER_COUNTER "counter" /* always there: clerks take money */

/* A provider behind its name: what kind it is says how its payments are confirmed. */
struct payment_provider {
    char name[32];
    enum provider_kind {
        PROVIDER_AT_COUNTER, /* at once, by the clerk who asks */
        PROVIDER_WEBHOOK,    /* by a signed message (webhook.h) */
    } kind;
    bool is_ended;
    int64_t made_at_ms;
};
/* 1, 0 (no such one) or a store error. */
int provider_find(struct office *o, const char *name, struct payment_provider *ret);

/* The configured one with the next name above `after`: 1, 0 or a store error. */
int provider_next(struct office *o, const char *after, struct payment_provider *ret);

/* A new webhook provider with the secret that signs its messages, in the caller's transaction.
 * GF_E_FORMAT (the name), GF_E_NOT_NOW (the name is taken). */
int provider_add(struct office *o, const char *name, const uint8_t secret[static HO_KEY_LEN],
                 const char *by);

/* It takes no payments any more, for good; messages about payments that it was asked for are
 * refused too. Twice is the same as once. GF_E_FORMAT: no such one. */
int provider_end(struct office *o, const char *name, const char *by);

/* Its secret, to be wiped. 0 or a failure. */
int provider_secret(struct office *o, const char *name, uint8_t ret[static HO_KEY_LEN]);

#endif
