/* webhook.h - signed messages of payment providers; docs/payments.md has the format.
 *
 * A message is the body of POST /v1/webhooks/{provider} with the header
 *   Gasm-Signature: t=UNIX,v1=HEX
 * where HEX is HMAC-SHA-256 under the provider's secret over the digits of UNIX, a full stop, and
 * the body's bytes as they are.
 */
#ifndef GF_WEBHOOK_H
#define GF_WEBHOOK_H

#include "backend/credit.h"
#include "backend/provider.h"

#define WEBHOOK_WINDOW_S 300 /* between the signature's time and this clock */

/* Does the header sign this body, now? 0; GF_E_FORMAT (the header is missing or has another form);
 * GF_E_CLOCK (older or newer than the window); GF_E_SIGNATURE; GF_E_CRYPTO. The signature is
 * compared in constant time, and before the time. */
int webhook_check(const struct mc_crypto *c, const uint8_t secret[static HO_KEY_LEN],
                  const char *header, struct gf_span body, int64_t now_s, struct gf_fail *why);

/* What a message says. Texts are borrowed. */
struct webhook_event {
    const char *event_id; /* the provider's, for the log */
    uint8_t payment_id[16];
    const char *provider_ref, *currency, *reason;
    int64_t amount_minor;
    bool is_paid;
};

/* Its effect, in the caller's transaction: the payment is confirmed or failed. The same again has
 * no second effect and the same answer, which is the payment. GF_E_FORMAT (no such payment at this
 * provider), GF_E_MISMATCH with the field. */
int webhook_take(struct office *o, const struct payment_provider *provider,
                 const struct webhook_event *event, struct payment *ret);

#endif
