/* uart_link.c - frames, numbers and repetition; see uart_link.h. */
#include "meter-core/port/uart/uart_link.h"

#include <string.h>

#include "common/crc.h"

enum ul_type {
    UL_DATA = 1,
    UL_ACK = 2,
    UL_SYNC = 3, /* number: 1 when synced; own start number 4, the other's as far as known 4 */
};

#define HEAD 2                      /* type, number */
#define TAIL 2                      /* CRC */
#define SYNC_LEN 8

/* ---- COBS ---- */

/* n bytes at p into ret, with the zero byte: at most n + n / 254 + 2. */
static size_t cobs_encode(const uint8_t *p, size_t n, uint8_t *ret)
{
    size_t code_at = 0, out = 1;

    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0)
            ret[out++] = p[i];
        if (p[i] == 0 || out - code_at == 0xFF) {
            ret[code_at] = (uint8_t)(out - code_at);
            code_at = out++;
        }
    }
    ret[code_at] = (uint8_t)(out - code_at);
    ret[out++] = 0;
    return out;
}

/* In place: n bytes without the zero byte. The length, or 0 when they are no COBS. */
static size_t cobs_decode(uint8_t *p, size_t n)
{
    size_t out = 0;

    for (size_t i = 0; i < n;) {
        size_t code = p[i++];

        if (code == 0 || code - 1 > n - i)
            return 0;
        memmove(p + out, p + i, code - 1);
        out += code - 1;
        i += code - 1;
        if (code != 0xFF && i < n)
            p[out++] = 0;
    }
    return out;
}

/* ---- frames out ---- */

/* Finish the frame of n bytes at raw (room for the CRC behind it), and put it on the wire. */
static void put_frame(struct ul_link *l, uint8_t *raw, size_t n)
{
    uint16_t crc = gf_crc16(raw, n);

    raw[n] = (uint8_t)crc;
    raw[n + 1] = (uint8_t)(crc >> 8);
    l->wire_n = cobs_encode(raw, n + TAIL, l->wire);
    l->wire_at = 0;
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (size_t i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_sync(struct ul_link *l)
{
    uint8_t raw[HEAD + SYNC_LEN + TAIL] = {UL_SYNC, l->synced};

    put_u32(raw + HEAD, l->self);
    put_u32(raw + HEAD + 4, l->peer);
    put_frame(l, raw, HEAD + SYNC_LEN);
    /* a zero byte first: half a frame of an end that was reset in the middle may stand before it */
    memmove(l->wire + 1, l->wire, l->wire_n++);
    l->wire[0] = 0;
}

static void put_ack(struct ul_link *l)
{
    uint8_t raw[HEAD + TAIL] = {UL_ACK, l->ack_number};

    put_frame(l, raw, HEAD);
}

static void put_data(struct ul_link *l)
{
    /* the CRC is made anew each time: out keeps room for it */
    put_frame(l, l->out, l->out_n);
}

/* True when something waits for an answer: it is tried again. */
static bool is_waiting(const struct ul_link *l)
{
    return !l->synced || l->out_n > 0;
}

/* Who does not answer for long is asked less often: it may be asleep, and so may we. */
static int again_ms(const struct ul_link *l, int64_t now_ms)
{
    return now_ms - l->since_ms < UL_DEAD_MS ? UL_AGAIN_MS : UL_SELDOM_MS;
}

/* What is due goes onto the wire; it must be empty. */
static void next_frame(struct ul_link *l, int64_t now_ms)
{
    bool again = is_waiting(l) && (l->since_ms < 0 || now_ms - l->sent_ms >= again_ms(l, now_ms));

    if (again) {
        l->resent += l->since_ms >= 0;
        if (l->since_ms < 0)
            l->since_ms = now_ms;
        l->sent_ms = now_ms;
    }
    if (l->owes_sync || (again && !l->synced)) {
        l->owes_sync = false;
        put_sync(l);
    } else if (l->owes_ack) {
        l->owes_ack = false;
        if (again)
            l->sent_ms = now_ms - UL_SELDOM_MS; /* its turn is next */
        put_ack(l);
    } else if (again) {
        put_data(l);
    }
}

size_t ul_tx(struct ul_link *l, uint8_t *ret, size_t cap, int64_t now_ms)
{
    size_t n = 0;

    while (n < cap) {
        size_t step;

        if (l->wire_at == l->wire_n) {
            l->wire_at = l->wire_n = 0;
            next_frame(l, now_ms);
            if (l->wire_n == 0)
                break;
        }
        step = l->wire_n - l->wire_at < cap - n ? l->wire_n - l->wire_at : cap - n;
        memcpy(ret + n, l->wire + l->wire_at, step);
        l->wire_at += step;
        n += step;
    }
    return n;
}

/* ---- frames in ---- */

static void forget(struct ul_link *l)
{
    l->rx_number = l->tx_number = 0;
    l->out_n = 0;
    l->owes_ack = false;
    l->since_ms = -1;
}

static void take_sync(struct ul_link *l, bool is_sure, const uint8_t *body)
{
    uint32_t peer = get_u32(body), known = get_u32(body + 4);

    if (peer == 0)
        return;
    if (peer != l->peer) {
        l->peer = peer;
        forget(l);
        l->restarted = true;
        l->synced = false;
    }
    if (known == l->self && !l->synced) {
        l->synced = true;
        l->since_ms = -1;
    }
    /* an end that is not sure is told; one that is, is told nothing, or it would never end */
    l->owes_sync = l->owes_sync || !is_sure || known != l->self;
}

static void take_data(struct ul_link *l, uint8_t number, size_t n)
{
    if (!l->synced || n == 0) {
        l->owes_sync = l->owes_sync || !l->synced;
        return;
    }
    if (number == l->rx_number) {
        memmove(l->in, l->in + HEAD, n);
        l->message_n = n;
        l->has_message = true;
        return;
    }
    l->doubled++;
    l->ack_number = number;
    l->owes_ack = number == (uint8_t)(l->rx_number - 1);
}

static void take_ack(struct ul_link *l, uint8_t number)
{
    if (!l->synced || l->out_n == 0 || number != l->tx_number)
        return;
    l->tx_number++;
    l->out_n = 0;
    l->since_ms = -1;
}

/* A whole frame is in l->in. */
static void take_frame(struct ul_link *l)
{
    size_t n = cobs_decode(l->in, l->in_n);
    bool good = n >= HEAD + TAIL &&
                gf_crc16(l->in, n - TAIL) == (l->in[n - 2] | (uint16_t)l->in[n - 1] << 8);

    l->in_n = 0;
    if (!good) {
        l->bad_frames++;
        return;
    }
    n -= HEAD + TAIL;
    switch (l->in[0]) {
    case UL_DATA:
        take_data(l, l->in[1], n);
        break;
    case UL_ACK:
        take_ack(l, l->in[1]);
        break;
    case UL_SYNC:
        if (n == SYNC_LEN)
            take_sync(l, l->in[1] == 1, l->in + HEAD);
        break;
    default:                        /* of a later version: nobody waits for an answer */
        break;
    }
}

size_t ul_rx(struct ul_link *l, const uint8_t *p, size_t n)
{
    size_t i = 0;

    while (i < n && !l->has_message) {
        uint8_t byte = p[i++];

        if (byte != 0 && l->in_n < sizeof l->in) {
            l->in[l->in_n++] = byte;
            continue;
        }
        if (byte != 0) {
            l->in_lost = true;
            continue;
        }
        if (l->in_lost)
            l->bad_frames++;
        else if (l->in_n > 0)
            take_frame(l);
        if (l->in_lost)
            l->in_n = 0;
        l->in_lost = false;
    }
    return i;
}

/* ---- messages ---- */

void ul_init(struct ul_link *l, uint32_t start)
{
    *l = (struct ul_link){.self = start, .since_ms = -1};
}

bool ul_can_send(const struct ul_link *l)
{
    return l->synced && l->out_n == 0;
}

bool ul_send(struct ul_link *l, uint8_t kind, struct gf_span body)
{
    if (!ul_can_send(l) || body.n > UL_PAYLOAD_MAX - 1)
        return false;
    l->out[0] = UL_DATA;
    l->out[1] = l->tx_number;
    l->out[HEAD] = kind;
    if (body.n > 0)
        memcpy(l->out + HEAD + 1, body.p, body.n);
    l->out_n = HEAD + 1 + body.n;
    l->since_ms = -1;
    return true;
}

const uint8_t *ul_message(const struct ul_link *l, size_t *ret_n)
{
    *ret_n = l->has_message ? l->message_n : 0;
    return l->has_message ? l->in : NULL;
}

void ul_take(struct ul_link *l)
{
    if (!l->has_message)
        return;
    l->has_message = false;
    l->in_n = 0;
    l->ack_number = l->rx_number++;
    l->owes_ack = true;
}

bool ul_restarted(struct ul_link *l)
{
    bool told = l->restarted && l->synced;

    if (told)
        l->restarted = false;
    return told;
}

bool ul_is_alive(const struct ul_link *l, int64_t now_ms)
{
    return l->synced && (l->out_n == 0 || l->since_ms < 0 || now_ms - l->since_ms < UL_DEAD_MS);
}

int ul_wait_ms(const struct ul_link *l, int64_t now_ms)
{
    int64_t left;

    if (l->wire_at < l->wire_n || l->owes_ack || l->owes_sync)
        return 0;
    if (!is_waiting(l))
        return -1;
    left = l->since_ms < 0 ? 0 : again_ms(l, now_ms) - (now_ms - l->sent_ms);
    return left > 0 ? (int)left : 0;
}
