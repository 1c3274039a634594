/* bridge.c - between BlueZ and a serial line; see bridge.h. */
#include "meter-core/port/host/bridge.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bt/peripheral.h"
#include "common/host/loop.h"
#include "common/host/rfkill.h"
#include "common/text.h"
#include "meter-core/port/host/line.h"
#include "meter-core/port/host/signals.h"
#include "meter-core/port/uart/uart_link.h"
#include "meter-core/port/uart/uart_msg.h"

#define MANUFACTURER "Gasfitter"
#define MODEL "meter on a serial line"
#define QUEUE 32            /* messages for the controller; fragments beyond are dropped: the client
                             * says them again (frame.h) */
#define HELLO_LEN (1 + 4 + GF_METER_ID_LEN + MC_ID_HASH_LEN)

struct to_controller {
    uint8_t kind;
    uint8_t n;
    uint8_t body[UM_FRAGMENT_MAX];
};

struct bridge {
    const struct gm_options *options;
    const struct gf_clock *clock;
    struct gm_line line;
    int64_t opened_ms;      /* mono: the last try to open the line */
    struct ul_link link;
    uint8_t in[256], out[256];  /* bytes that the link has not taken, that the line has not */
    size_t in_at, in_n, out_at, out_n;
    struct to_controller queue[QUEUE];
    unsigned first, n;
    uint32_t dropped;
    bool knows, has_ctl;    /* a HELLO, a CTL came */
    char name[24], firmware[16];
    uint8_t hello[HELLO_LEN];
    uint8_t ctl[MC_CTL_LEN];
    struct bt_peripheral_events events;
    struct bt_peripheral *radio;    /* while the controller answers; never freed inside the loop's turn */
    const char *stop;               /* why it has to be freed; NULL: it has not */
    struct gm_signals signals;
};

static int64_t now_ms(const struct bridge *b)
{
    return b->clock->mono_ms(b->clock->ctx);
}

/* ---- to the controller ---- */

static void queue(struct bridge *b, enum um_kind kind, const uint8_t *p, size_t n)
{
    struct to_controller *to = &b->queue[(b->first + b->n) % QUEUE];

    if (b->n == QUEUE || n > sizeof to->body) {
        b->dropped++;
        return;
    }
    to->kind = (uint8_t)kind;
    to->n = (uint8_t)n;
    if (n > 0)
        memcpy(to->body, p, n);
    b->n++;
}

static void on_connected(void *ctx, uint16_t att_mtu)
{
    uint16_t mtu = att_mtu < UM_ATT_MTU_MAX ? att_mtu : UM_ATT_MTU_MAX;
    const uint8_t body[2] = {(uint8_t)mtu, (uint8_t)(mtu >> 8)};

    queue(ctx, UM_CONNECTED, body, sizeof body);
}

static void on_disconnected(void *ctx)
{
    queue(ctx, UM_DISCONNECTED, NULL, 0);
}

static void on_rx(void *ctx, const uint8_t *p, size_t n)
{
    if (n > 0)
        queue(ctx, UM_WRITE, p, n);
}

static size_t on_ctl_read(void *ctx, uint8_t *ret, size_t cap)
{
    const struct bridge *b = ctx;

    if (cap < MC_CTL_LEN)
        return 0;
    memcpy(ret, b->ctl, MC_CTL_LEN);
    return MC_CTL_LEN;
}

/* The controller judges by the same function; the answer cannot wait for it. */
static int on_ctl_write(void *ctx, const uint8_t *p, size_t n)
{
    struct mc_ctl_reset reset;

    if (mc_ctl_reset_decode(p, n, &reset) != 0)
        return GF_E_FORMAT;
    queue(ctx, UM_RESET, p, n);
    return 0;
}

static void on_state(void *ctx, int code, const char *detail)
{
    const struct bridge *b = ctx;

    if (code == 0)
        (void)printf("ready %.*s %s\n", GF_METER_ID_LEN, (const char *)b->hello + 5, detail);
    else
        (void)printf("not advertising: %s (%s). To do: %s.\n", gf_err_row(code)->what, detail,
                     gf_err_row(code)->todo);
    (void)fflush(stdout);
}

/* ---- from the controller ---- */

static void stop_radio(struct bridge *b, const char *why)
{
    b->stop = NULL;
    if (b->radio == NULL)
        return;
    b->radio = bt_peripheral_free(b->radio);
    b->n = 0;
    (void)printf("not advertising: %s\n", why);
    (void)fflush(stdout);
}

static void start_radio(struct bridge *b)
{
    struct bt_peripheral_config config = {
        .bus_address = b->options->bus, .adapter_address = b->options->adapter, .clock = b->clock,
        .events = &b->events, .manufacturer = MANUFACTURER, .model = MODEL,
        .firmware = b->firmware, .local_name = b->name,
        .readvertise_ms = (int)b->options->readvertise_ms, .is_blocked = gf_rfkill_is_blocked,
    };

    (void)snprintf(b->name, sizeof b->name, "GASM-%.*s", GF_METER_ID_LEN,
                   (const char *)b->hello + 5);
    (void)snprintf(b->firmware, sizeof b->firmware, "%u.%u.%u", b->hello[3], b->hello[2],
                   b->hello[1]);
    memcpy(config.id_hash, b->hello + 5 + GF_METER_ID_LEN, MC_ID_HASH_LEN);
    b->events = (struct bt_peripheral_events){b, on_state, on_connected, on_disconnected, on_rx,
                                              on_ctl_read, on_ctl_write};
    b->radio = bt_peripheral_new(&config);
}

static void on_hello(struct bridge *b, const uint8_t *p, size_t n)
{
    if (n < HELLO_LEN || p[0] != UM_VERSION) {
        b->stop = "the controller speaks another version of this link";
        b->knows = false;
        return;
    }
    if (b->knows && memcmp(b->hello, p, HELLO_LEN) != 0)
        b->stop = "another meter answers";
    memcpy(b->hello, p, HELLO_LEN);
    b->knows = true;
}

static void on_ctl(struct bridge *b, const uint8_t *p, size_t n)
{
    struct mc_ctl ctl;

    if (n != MC_CTL_LEN || mc_ctl_decode(p, n, &ctl) != 0)
        return;
    if (ctl.fragment_limit > UM_FRAGMENT_MAX)
        ctl.fragment_limit = UM_FRAGMENT_MAX;
    mc_ctl_encode(&ctl, b->ctl);
    b->has_ctl = true;
}

static void on_message(struct bridge *b, const uint8_t *p, size_t n)
{
    switch (p[0]) {
    case UM_HELLO:
        on_hello(b, p + 1, n - 1);
        break;
    case UM_CTL:
        on_ctl(b, p + 1, n - 1);
        break;
    case UM_NOTIFY:
        if (b->radio != NULL)
            bt_peripheral_notify(b->radio, p + 1, n - 1);
        break;
    case UM_DROP:
        if (b->radio != NULL)
            bt_peripheral_drop(b->radio);
        break;
    default:                        /* of a later version */
        break;
    }
}

/* ---- the line ---- */

static void hear(struct bridge *b)
{
    for (;;) {
        const uint8_t *p;
        size_t n;

        if (b->in_at == b->in_n) {
            int got = gm_line_read(&b->line, b->in, sizeof b->in);

            b->in_at = 0;
            b->in_n = got > 0 ? (size_t)got : 0;
            if (got <= 0)
                return;
        }
        b->in_at += ul_rx(&b->link, b->in + b->in_at, b->in_n - b->in_at);
        /* before the message: what came behind the start, in the same piece, is the new one's */
        if (ul_restarted(&b->link)) {
            /* what its radio knew is gone with it: a central has to come anew */
            b->stop = "the controller started anew";
            b->knows = b->has_ctl = false;
        }
        p = ul_message(&b->link, &n);
        if (p != NULL) {
            on_message(b, p, n);
            ul_take(&b->link);
        }
    }
}

static void say(struct bridge *b)
{
    for (;;) {
        int wrote;

        if (b->n > 0 && ul_can_send(&b->link)) {
            const struct to_controller *next = &b->queue[b->first];

            (void)ul_send(&b->link, next->kind, (struct gf_span){next->body, next->n});
            b->first = (b->first + 1) % QUEUE;
            b->n--;
        }
        if (b->out_at == b->out_n) {
            b->out_at = 0;
            b->out_n = ul_tx(&b->link, b->out, sizeof b->out, now_ms(b));
        }
        if (b->out_n == 0)
            return;
        wrote = gm_line_write(&b->line, b->out + b->out_at, b->out_n - b->out_at);
        if (wrote <= 0)
            return;
        b->out_at += (size_t)wrote;
    }
}

/* The controller came, went, or is another one. Outside the loop's turn: the radio is one of its
 * sources. */
static void follow(struct bridge *b)
{
    bool alive = b->line.fd >= 0 && ul_is_alive(&b->link, now_ms(b));

    if (b->stop == NULL && b->line.fd < 0)
        b->stop = "the line has ended; see that the controller is there";
    if (b->stop == NULL && !alive)
        b->stop = "the controller does not answer; see that it has power and its line";
    if (b->stop != NULL)
        stop_radio(b, b->stop);
    if (b->radio == NULL && b->knows && b->has_ctl && alive)
        start_radio(b);
}

static size_t line_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    const struct bridge *b = ctx;

    if (cap < 1 || b->line.fd < 0)
        return 0;
    ret[0] = (struct gf_pollfd){b->line.fd, POLLIN, 0};
    if (b->out_at < b->out_n)
        ret[0].events |= POLLOUT;
    return 1;
}

static int line_timeout_ms(void *ctx)
{
    const struct bridge *b = ctx;
    int link = ul_wait_ms(&b->link, now_ms(b));

    if (b->line.fd < 0)
        return GM_LINE_AGAIN_MS;
    if (b->out_at < b->out_n)
        return UL_AGAIN_MS;         /* until the line takes more */
    return link >= 0 && link < UL_SELDOM_MS ? link : UL_SELDOM_MS;
}

static void line_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct bridge *b = ctx;

    (void)fds;
    (void)n;
    if (b->line.fd < 0 && now_ms(b) - b->opened_ms >= GM_LINE_AGAIN_MS) {
        b->opened_ms = now_ms(b);
        b->in_n = b->in_at = b->out_n = b->out_at = 0;
        (void)gm_line_again(&b->line);
    }
    hear(b);
    say(b);
}

static int loop(struct bridge *b)
{
    const struct gf_source line = {b, line_fds, line_timeout_ms, line_process};
    int code = 0;

    while (code == 0 && !b->signals.stop) {
        const struct gf_source *sources[3] = {&line, &b->signals.source, NULL};
        size_t n = 2;

        if (b->radio != NULL)
            sources[n++] = bt_peripheral_source(b->radio);
        code = gf_loop_once(sources, n, -1);
        follow(b);
        say(b);                     /* what BlueZ said came behind the line's turn */
    }
    return code;
}

int gm_bridge(const struct gm_options *o, const struct gf_clock *clock,
              const struct gf_random *random, struct gf_fail *why)
{
    struct bridge b = {.options = o, .clock = clock, .signals = {.fd = -1}};
    uint32_t start = 0;
    int code = random->fill(random->ctx, (uint8_t *)&start, sizeof start);

    if (code != 0)
        return gf_fail(why, code, "start number", "");
    ul_init(&b.link, start | 1);
    code = gm_line_open(&b.line, o->uart, why);
    if (code == 0)
        code = gm_signals_open(&b.signals, why);
    (void)signal(SIGPIPE, SIG_IGN);
    if (code == 0)
        code = loop(&b);
    stop_radio(&b, "ended");
    gm_signals_close(&b.signals);
    gm_line_close(&b.line);
    return code;
}
