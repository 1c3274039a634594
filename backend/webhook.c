/* webhook.c - signed messages of payment providers; see webhook.h. */
#include "backend/webhook.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

#define TIME_MAX INT64_C(9999999999) /* ten digits */

/* "t=1795339800,v1=<64 hex digits>": exactly so. */
static int parse_header(const char *header, int64_t *ret_at_s, char ret_digits[static 16],
                        uint8_t ret_mac[static MC_HASH_LEN])
{
    size_t n = header != NULL && strncmp(header, "t=", 2) == 0 ? strcspn(header + 2, ",") : 0;

    if (n == 0 || n > 10 || strncmp(header + 2 + n, ",v1=", 4) != 0)
        return GF_E_FORMAT;
    memcpy(ret_digits, header + 2, n);
    ret_digits[n] = '\0';
    if (gf_parse_int(ret_digits, 0, TIME_MAX, ret_at_s) != 0)
        return GF_E_FORMAT;
    return gf_unhex(header + 2 + n + 4, ret_mac, MC_HASH_LEN);
}

int webhook_check(const struct mc_crypto *c, const uint8_t secret[static HO_KEY_LEN],
                  const char *header, struct gf_span body, int64_t now_s, struct gf_fail *why)
{
    uint8_t said[MC_HASH_LEN], mac[MC_HASH_LEN];
    char digits[16];
    int64_t at_s = 0;

    if (parse_header(header, &at_s, digits, said) != 0)
        return gf_fail(why, GF_E_FORMAT, "gasm-signature", "has to be t=UNIX,v1=64 hex digits");

    const struct gf_span parts[] = { { (const uint8_t *)digits, strlen(digits) },
                                     { (const uint8_t *)".", 1 },
                                     body };
    if (c->hmac(c->ctx, secret, HO_KEY_LEN, parts, 3, mac) != 0)
        return gf_fail(why, GF_E_CRYPTO, "gasm-signature", "");
    if (!gf_same_secret(mac, said, sizeof mac))
        return gf_fail(why, GF_E_SIGNATURE, "gasm-signature", "does not sign this body");
    if (at_s < now_s - WEBHOOK_WINDOW_S || at_s > now_s + WEBHOOK_WINDOW_S)
        return gf_fail(why, GF_E_CLOCK, "gasm-signature",
                       "was made more than 300 s from now: sign again, or set the clock");
    return 0;
}

int webhook_take(struct office *o, const struct payment_provider *provider,
                 const struct webhook_event *event, struct payment *ret)
{
    char by[64];
    int r = payment_find(o, event->payment_id, ret);

    if (r == 0 || (r == 1 && strcmp(ret->provider, provider->name) != 0))
        r = ho_fail(o, GF_E_FORMAT, "payment_id", "there is no such payment at this provider");
    if (r < 0)
        return r;
    (void)snprintf(by, sizeof by, "provider %s", provider->name);
    if ((r = ho_log(o, by, "message", "%.64s: %s", event->event_id,
                    event->is_paid ? "paid" : "failed"))
        != 0)
        return r;
    if (event->is_paid)
        return payment_confirm(o, event->payment_id, event->provider_ref, event->amount_minor,
                               event->currency, by, ret);
    return payment_fail(o, event->payment_id, event->provider_ref, event->reason, ret);
}
