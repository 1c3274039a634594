#ifndef GF_BT_VIRTUAL_UUID_H
#define GF_BT_VIRTUAL_UUID_H
/* Bluetooth UUIDs; 16-bit ones are 128-bit ones on the base of Core spec Vol 3 Part B 2.5.1. */
#include <stdbool.h>
#include <stdint.h>

#define VB_UUID_TEXT 37 /* bytes of the text with its NUL */

struct vb_uuid {
    uint8_t b[16]; /* most significant byte first */
};

struct vb_uuid vb_uuid16(uint16_t n);

/* True, and the number, when the UUID is on the base and its number fits 16 bits. */
bool vb_uuid_short(const struct vb_uuid *uuid, uint16_t *ret);

bool vb_uuid_is(const struct vb_uuid *uuid, uint16_t n);
bool vb_uuid_same(const struct vb_uuid *a, const struct vb_uuid *b);

/* "180a", "0x180a", 8 hex digits, or the 36 characters. False when it is none of them. */
bool vb_uuid_parse(const char *text, struct vb_uuid *ret);

/* The 36 characters in lower case; returns ret. */
char *vb_uuid_text(const struct vb_uuid *uuid, char ret[static VB_UUID_TEXT]);

/* On the wire: 2 bytes for a short one, else 16, least significant byte first. Returns how many. */
unsigned vb_uuid_wire(const struct vb_uuid *uuid, uint8_t ret[static 16]);

/* The other way; n is 2 or 16. */
struct vb_uuid vb_uuid_from_wire(const uint8_t *at, unsigned n);

#endif
