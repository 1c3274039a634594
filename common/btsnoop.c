/* btsnoop.c - ATT PDUs as records of a btsnoop file; see btsnoop.h. */
#include "common/btsnoop.h"

#include "common/bytes.h"

#define DATALINK_H4 1002
#define EPOCH_US 0x00dcddb30f2f8000         /* 1970-01-01 on the file's clock, which starts with the year 0 */
#define RECEIVED 1u                         /* flags of a record */
#define EVENT 2u
#define H4_ACL 0x02
#define H4_EVENT 0x04
#define ACL_FIRST 0x2000                    /* first part of a frame that the controller may flush */
#define CID_ATT 4

static void put_big(struct gf_writer *w, uint64_t v, size_t n)
{
    while (n-- > 0)
        gf_wr_uint(w, v >> (8 * n) & 0xff, 1);
}

size_t gf_btsnoop_head(uint8_t ret[static GF_BTSNOOP_HEAD])
{
    struct gf_writer w = {.p = ret, .cap = GF_BTSNOOP_HEAD};

    gf_wr(&w, "btsnoop", 8);
    put_big(&w, 1, 4);
    put_big(&w, DATALINK_H4, 4);
    return w.n;
}

/* A record's head: n bytes follow it. */
static void begin(struct gf_writer *w, int64_t utc_us, unsigned flags, size_t n)
{
    put_big(w, n, 4);                       /* as it was, and as it is here */
    put_big(w, n, 4);
    put_big(w, flags, 4);
    put_big(w, 0, 4);                       /* none were dropped */
    put_big(w, (uint64_t)utc_us + EPOCH_US, 8);
}

size_t gf_btsnoop_att(uint8_t ret[static GF_BTSNOOP_RECORD_MAX], int64_t utc_us, uint16_t link, bool is_sent,
                      const uint8_t *pdu, size_t n)
{
    struct gf_writer w = {.p = ret, .cap = GF_BTSNOOP_RECORD_MAX};
    size_t len = n < GF_BTSNOOP_PDU_MAX ? n : GF_BTSNOOP_PDU_MAX;

    begin(&w, utc_us, is_sent ? 0 : RECEIVED, 1 + 4 + 4 + len);
    gf_wr_uint(&w, H4_ACL, 1);
    gf_wr_uint(&w, is_sent ? link : link | ACL_FIRST, 2);
    gf_wr_uint(&w, 4 + len, 2);
    gf_wr_uint(&w, len, 2);
    gf_wr_uint(&w, CID_ATT, 2);
    gf_wr(&w, pdu, len);
    return w.n;
}

size_t gf_btsnoop_connected(uint8_t ret[static GF_BTSNOOP_RECORD_MAX], int64_t utc_us, uint16_t link,
                            const uint8_t address[static 6])
{
    struct gf_writer w = {.p = ret, .cap = GF_BTSNOOP_RECORD_MAX};

    begin(&w, utc_us, RECEIVED | EVENT, 1 + 2 + 19);
    gf_wr_uint(&w, H4_EVENT, 1);
    gf_wr_uint(&w, 0x3e, 1);                /* LE Meta */
    gf_wr_uint(&w, 19, 1);
    gf_wr_uint(&w, 0x01, 1);                /* LE Connection Complete */
    gf_wr_uint(&w, 0, 1);                   /* status */
    gf_wr_uint(&w, link, 2);
    gf_wr_uint(&w, 0, 2);                   /* role central, peer's address is public */
    for (size_t i = 6; i-- > 0;)
        gf_wr_uint(&w, address[i], 1);
    gf_wr_uint(&w, 0, 7);                   /* interval, latency, supervision time, accuracy: not known here */
    return w.n;
}

size_t gf_btsnoop_disconnected(uint8_t ret[static GF_BTSNOOP_RECORD_MAX], int64_t utc_us, uint16_t link)
{
    struct gf_writer w = {.p = ret, .cap = GF_BTSNOOP_RECORD_MAX};

    begin(&w, utc_us, RECEIVED | EVENT, 1 + 2 + 4);
    gf_wr_uint(&w, H4_EVENT, 1);
    gf_wr_uint(&w, 0x05, 1);                /* Disconnection Complete */
    gf_wr_uint(&w, 4, 1);
    gf_wr_uint(&w, 0, 1);
    gf_wr_uint(&w, link, 2);
    gf_wr_uint(&w, 0x13, 1);                /* ended by the user: which side it was is not known here */
    return w.n;
}

size_t gf_btsnoop_len(const uint8_t *record)
{
    size_t n = 0;

    for (size_t i = 4; i < 8; i++)          /* the length that is included */
        n = n << 8 | record[i];
    return 24 + n;
}
