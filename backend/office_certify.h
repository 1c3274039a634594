/* office_certify.h - certificates of commissioning: what is signed, and checking one that a person
 * brings. */
#ifndef GF_OFFICE_CERTIFY_H
#define GF_OFFICE_CERTIFY_H

#include "backend/office_sync.h"

/* What a certificate's signature is over, before hashing: "gasm certificate" and the text. */
void ho_certificate_message(const char *text, struct buf *ret);

/* Check what `gasfitter certificate` prints: the text, then a line "signature: " with hex digits;
 * what follows is ignored. `text` is cut at the text's end. 0; GF_E_FORMAT (no signature in it),
 * GF_E_SIGNATURE (it is not this office's). */
int ho_certificate_check(struct office *o, char *text, struct gf_fail *why);

#endif
