/* ids.h - operation ids (UUIDv7), hex, meter ids and the text of a meter's label. Freestanding. */
#ifndef GF_IDS_H
#define GF_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/port.h"

#define GF_UUID_LEN 16
#define GF_UUID_TEXT 37         /* "0190a5b2-....", with the NUL */
#define GF_METER_ID_LEN 12      /* "GM2400001223": two capital letters, eight digits, two check digits */
#define GF_METER_ID_TEXT 13     /* with the NUL */
#define GF_BT_ADDRESS_TEXT 18   /* "AA:BB:CC:DD:EE:FF" with the NUL */
#define GF_LABEL_TEXT 48        /* longest label text with the NUL */

/* A new UUIDv7 (RFC 9562 section 5.7): 48 bits of UTC ms, version, 74 random bits. 0 or GF_E_RANDOM. */
int gf_uuid7(const struct gf_clock *clock, const struct gf_random *random, uint8_t ret[static GF_UUID_LEN]);

/* Canonical lower-case text of a UUID. */
void gf_uuid_text(const uint8_t id[static GF_UUID_LEN], char ret[static GF_UUID_TEXT]);

/* Parse the canonical text, either case. 0 or GF_E_FORMAT; ret is written only on 0. */
int gf_uuid_parse(const char *text, uint8_t ret[static GF_UUID_LEN]);

/* n bytes as 2n lower-case hex digits and a NUL; ret has room for 2n + 1. */
void gf_hex(const uint8_t *p, size_t n, char *ret);

/* Exactly 2n hex digits, either case, to n bytes. 0 or GF_E_FORMAT. */
int gf_unhex(const char *text, uint8_t *ret, size_t n);

/* Check a meter id: two letters A-Z, eight digits, and two check digits of ISO/IEC 7064 MOD 97-10 over the ten
 * characters before them (letters count 10..35). 0; GF_E_FORMAT when it has another shape (where: "meter id",
 * detail: the place); GF_E_METER_ID when only the check digits differ. `why` may be NULL. */
int gf_meter_id_check(const char *text, struct gf_fail *why);

/* Write the two check digits of the ten characters at `ten` and a NUL. 0 or GF_E_FORMAT. */
int gf_meter_id_digits(const char *ten, char ret[static 3]);

/* What a meter's label says (docs/label.md): GASM:1:<meter id>:<Bluetooth address or ->:<check>. */
struct gf_label {
    char meter_id[GF_METER_ID_TEXT];
    char address[GF_BT_ADDRESS_TEXT];   /* empty when the label has "-" */
};

/* Parse a label's text; white space around it is dropped. 0; GF_E_LABEL_FOREIGN for any other code, the detail says
 * what it contains (made visible, cut); GF_E_LABEL_CHECK when the check (CRC-16, four hex digits, over all before its
 * colon) differs; GF_E_METER_ID for wrong check digits. */
int gf_label_parse(const char *text, struct gf_label *ret, struct gf_fail *why);

/* The text of a label. 0, or GF_E_FORMAT when the id or the address is not valid. */
int gf_label_format(const struct gf_label *label, char ret[static GF_LABEL_TEXT]);

/* 0 when text is a Bluetooth address "AA:BB:CC:DD:EE:FF" in capital hex, else GF_E_FORMAT. */
int gf_bt_address_check(const char *text);

#endif
