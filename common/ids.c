/* ids.c - UUIDv7, hex, meter ids and label texts; see ids.h. */
#include "common/ids.h"

#include <stdbool.h>
#include <string.h>

#include "common/crc.h"
#include "common/text.h"

static const char hex_digits[] = "0123456789abcdef";

int gf_uuid7(const struct gf_clock *clock, const struct gf_random *random, uint8_t ret[static GF_UUID_LEN])
{
    uint64_t ms = (uint64_t)clock->utc_ms(clock->ctx);
    uint8_t id[GF_UUID_LEN];

    if (random->fill(random->ctx, id, sizeof id) != 0)
        return GF_E_RANDOM;
    for (int i = 0; i < 6; i++)
        id[i] = (uint8_t)(ms >> (40 - 8 * i));
    id[6] = (uint8_t)(0x70 | (id[6] & 0x0F));
    id[8] = (uint8_t)(0x80 | (id[8] & 0x3F));
    memcpy(ret, id, sizeof id);
    return 0;
}

void gf_hex(const uint8_t *p, size_t n, char *ret)
{
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = hex_digits[p[i] >> 4];
        ret[2 * i + 1] = hex_digits[p[i] & 15];
    }
    ret[2 * n] = '\0';
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int gf_unhex(const char *text, uint8_t *ret, size_t n)
{
    if (strlen(text) != 2 * n)
        return GF_E_FORMAT;
    for (size_t i = 0; i < 2 * n; i++)
        if (hex_value(text[i]) < 0)
            return GF_E_FORMAT;
    for (size_t i = 0; i < n; i++)
        ret[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    return 0;
}

/* Where the canonical text of a UUID has its dashes. */
static bool uuid_dash(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

void gf_uuid_text(const uint8_t id[static GF_UUID_LEN], char ret[static GF_UUID_TEXT])
{
    char hex[2 * GF_UUID_LEN + 1];
    size_t from = 0;

    gf_hex(id, GF_UUID_LEN, hex);
    for (size_t i = 0; i < GF_UUID_TEXT - 1; i++)
        ret[i] = uuid_dash(i) ? '-' : hex[from++];
    ret[GF_UUID_TEXT - 1] = '\0';
}

int gf_uuid_parse(const char *text, uint8_t ret[static GF_UUID_LEN])
{
    char hex[2 * GF_UUID_LEN + 1];
    size_t to = 0;

    if (strlen(text) != GF_UUID_TEXT - 1)
        return GF_E_FORMAT;
    for (size_t i = 0; i < GF_UUID_TEXT - 1; i++) {
        if (uuid_dash(i) != (text[i] == '-'))
            return GF_E_FORMAT;
        if (!uuid_dash(i))
            hex[to++] = text[i];
    }
    hex[to] = '\0';
    return gf_unhex(hex, ret, GF_UUID_LEN);
}

/* Remainder mod 97 of the characters, letters counting 10..35; -1 for any other character. */
static int mod97(const char *p, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] >= '0' && p[i] <= '9')
            r = (r * 10 + (p[i] - '0')) % 97;
        else if (p[i] >= 'A' && p[i] <= 'Z')
            r = (r * 100 + (p[i] - 'A' + 10)) % 97;
        else
            return -1;
    }
    return r;
}

int gf_meter_id_digits(const char *ten, char ret[static 3])
{
    int r = strlen(ten) >= 10 ? mod97(ten, 10) : -1;

    if (r < 0)
        return GF_E_FORMAT;
    r = 98 - r * 100 % 97;
    ret[0] = (char)('0' + r / 10);
    ret[1] = (char)('0' + r % 10);
    ret[2] = '\0';
    return 0;
}

int gf_meter_id_check(const char *text, struct gf_fail *why)
{
    char at[] = "character 00", digits[3];

    for (size_t i = 0; i < GF_METER_ID_LEN; i++) {
        bool letter = text[i] >= 'A' && text[i] <= 'Z', digit = text[i] >= '0' && text[i] <= '9';

        if (i < 2 ? !letter : !digit) {
            at[10] = (char)('0' + (i + 1) / 10);
            at[11] = (char)('0' + (i + 1) % 10);
            return gf_fail(why, GF_E_FORMAT, "meter id", at);
        }
    }
    if (text[GF_METER_ID_LEN] != '\0')
        return gf_fail(why, GF_E_FORMAT, "meter id", "longer than 12 characters");
    (void)gf_meter_id_digits(text, digits);     /* cannot fail: the characters were just checked */
    if (memcmp(digits, text + 10, 2) != 0)
        return gf_fail(why, GF_E_METER_ID, "meter id", text);
    return 0;
}

int gf_bt_address_check(const char *text)
{
    if (strlen(text) != GF_BT_ADDRESS_TEXT - 1)
        return GF_E_FORMAT;
    for (size_t i = 0; i < GF_BT_ADDRESS_TEXT - 1; i++)
        if (i % 3 == 2 ? text[i] != ':' : hex_value(text[i]) < 0 || (text[i] >= 'a' && text[i] <= 'f'))
            return GF_E_FORMAT;
    return 0;
}

/* The check of a label: CRC-16 of the text before its last colon, four capital hex digits. */
static void label_check(const char *text, size_t n, char ret[static 5])
{
    uint16_t crc = gf_crc16(text, n);

    for (int i = 0; i < 4; i++) {
        char c = hex_digits[crc >> (12 - 4 * i) & 15];
        ret[i] = (char)(c >= 'a' ? c - 'a' + 'A' : c);
    }
    ret[4] = '\0';
}

static int label_foreign(struct gf_fail *why, const char *text, size_t n)
{
    char shown[80];

    gf_visible(shown, sizeof shown, text, n);
    return gf_fail(why, GF_E_LABEL_FOREIGN, "label", shown);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int gf_label_parse(const char *text, struct gf_label *ret, struct gf_fail *why)
{
    static const char head[] = "GASM:1:";
    const size_t head_n = sizeof head - 1;
    struct gf_label label = {.address = ""};
    char check[5];

    while (is_space(*text))
        text++;

    size_t n = strlen(text);
    while (n > 0 && is_space(text[n - 1]))
        n--;

    /* GASM:1: id 12 : address 17 or "-" : check 4 */
    size_t addr_n = n == head_n + 12 + 1 + 17 + 1 + 4 ? 17 : n == head_n + 12 + 1 + 1 + 1 + 4 ? 1 : 0;
    const char *id = text + head_n, *addr = id + 13;
    if (addr_n == 0 || memcmp(text, head, head_n) != 0 || id[12] != ':' || addr[addr_n] != ':')
        return label_foreign(why, text, n);
    label_check(text, n - 5, check);
    if (memcmp(check, text + n - 4, 4) != 0)
        return gf_fail(why, GF_E_LABEL_CHECK, "label", check);
    memcpy(label.meter_id, id, GF_METER_ID_LEN);
    if (addr_n == 17)
        memcpy(label.address, addr, 17);
    if (addr_n == 17 ? gf_bt_address_check(label.address) != 0 : addr[0] != '-')
        return label_foreign(why, text, n);

    int r = gf_meter_id_check(label.meter_id, why);
    if (r == 0)
        *ret = label;
    return r;
}

int gf_label_format(const struct gf_label *label, char ret[static GF_LABEL_TEXT])
{
    char text[GF_LABEL_TEXT] = "GASM:1:";
    const char *address = label->address[0] != '\0' ? label->address : "-";

    if (gf_meter_id_check(label->meter_id, NULL) != 0 ||
        (label->address[0] != '\0' && gf_bt_address_check(label->address) != 0))
        return GF_E_FORMAT;

    size_t n = strlen(text), a = strlen(address);
    memcpy(text + n, label->meter_id, GF_METER_ID_LEN);
    n += GF_METER_ID_LEN;
    text[n++] = ':';
    memcpy(text + n, address, a);
    n += a;
    label_check(text, n, text + n + 1);
    text[n] = ':';
    memcpy(ret, text, sizeof text);
    return 0;
}
