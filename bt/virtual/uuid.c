/* uuid.c - Bluetooth UUIDs; see uuid.h. */
#include "bt/virtual/uuid.h"

#include <stdio.h>
#include <string.h>

static const struct vb_uuid base = {
    {0, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0x80, 0x5f, 0x9b, 0x34, 0xfb}};

struct vb_uuid vb_uuid16(uint16_t n)
{
    struct vb_uuid uuid = base;

    uuid.b[2] = (uint8_t)(n >> 8);
    uuid.b[3] = (uint8_t)n;
    return uuid;
}

bool vb_uuid_short(const struct vb_uuid *uuid, uint16_t *ret)
{
    if (memcmp(uuid->b + 4, base.b + 4, 12) != 0 || uuid->b[0] != 0 || uuid->b[1] != 0)
        return false;
    *ret = (uint16_t)(uuid->b[2] << 8 | uuid->b[3]);
    return true;
}

bool vb_uuid_same(const struct vb_uuid *a, const struct vb_uuid *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool vb_uuid_is(const struct vb_uuid *uuid, uint16_t n)
{
    struct vb_uuid other = vb_uuid16(n);

    return vb_uuid_same(uuid, &other);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* n hex digits into n/2 bytes, with the dashes of the long form when they are asked for. */
static bool parse_digits(const char *text, unsigned n, bool dashes, uint8_t *to)
{
    for (unsigned i = 0; i < n; i++) {
        int digit;

        if (dashes && (i == 8 || i == 12 || i == 16 || i == 20) && *text++ != '-')
            return false;
        digit = hex_digit(*text++);
        if (digit < 0)
            return false;
        to[i / 2] = (uint8_t)(i % 2 ? to[i / 2] | digit : digit << 4);
    }
    return *text == '\0';
}

bool vb_uuid_parse(const char *text, struct vb_uuid *ret)
{
    struct vb_uuid uuid = base;
    bool ok;

    if (strncmp(text, "0x", 2) == 0)
        text += 2;
    if (strlen(text) == 4)
        ok = parse_digits(text, 4, false, uuid.b + 2);
    else if (strlen(text) == 8)
        ok = parse_digits(text, 8, false, uuid.b);
    else
        ok = parse_digits(text, 32, true, uuid.b);
    if (ok)
        *ret = uuid;
    return ok;
}

char *vb_uuid_text(const struct vb_uuid *uuid, char ret[static VB_UUID_TEXT])
{
    char *at = ret;

    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        (void)snprintf(at, 3, "%02x", uuid->b[i]);
        at += 2;
    }
    return ret;
}

unsigned vb_uuid_wire(const struct vb_uuid *uuid, uint8_t ret[static 16])
{
    uint16_t n;

    if (vb_uuid_short(uuid, &n)) {
        ret[0] = (uint8_t)n;
        ret[1] = (uint8_t)(n >> 8);
        return 2;
    }
    for (unsigned i = 0; i < 16; i++)
        ret[i] = uuid->b[15 - i];
    return 16;
}

struct vb_uuid vb_uuid_from_wire(const uint8_t *at, unsigned n)
{
    struct vb_uuid uuid;

    if (n == 2)
        return vb_uuid16((uint16_t)(at[0] | at[1] << 8));
    for (unsigned i = 0; i < 16; i++)
        uuid.b[i] = at[15 - i];
    return uuid;
}
