/* main.c - the meter on a microcontroller: one loop over the board, the serial line and
 * meter-core. */
#include <string.h>

#include "common/bytes.h"
#include "meter-core/meter_state.h"
#include "meter-core/port/bearssl/crypto.h"
#include "meter-core/port/stm32/board.h"
#include "meter-core/port/stm32/drbg.h"
#include "meter-core/port/stm32/image.h"
#include "meter-core/port/stm32/fault.h"
#include "meter-core/port/uart/uart_link.h"
#include "meter-core/port/uart/uart_msg.h"

#define HELLO_LEN (1 + 4 + GF_METER_ID_LEN + MC_ID_HASH_LEN)

/* What the module has still to be told; bits. */
#define OWES_HELLO 1u
#define OWES_DROP 2u

/* While the supply fails: at most so long, and looked at again so often. */
#define HOLD_MS 1000
#define HOLD_LOOK_MS 10u

static struct firmware {
    int64_t tick_ms;                /* mono: when the meter wants to be called */
    int64_t held_ms;                /* mono: since when the supply fails; 0: it does not */
    uint8_t line_at, line_n;
    uint8_t owes, senses;
    uint8_t line[32];               /* bytes for the line that it did not take yet */
    uint8_t ctl[MC_CTL_LEN];        /* as the module knows it */
    uint8_t digest[MC_HASH_LEN];
    struct drbg drbg;
    struct ul_link link;
    struct mc_meter meter;
} fw;

static int64_t mono_ms(void *ctx)
{
    (void)ctx;
    return board_mono_ms();
}

static int64_t utc_ms(void *ctx)
{
    (void)ctx;
    return board_utc_ms();
}

static int drive(void *ctx, bool open)
{
    (void)ctx;
    return board_valve_drive(open);
}

static gasm_ValveState valve_state(void *ctx)
{
    (void)ctx;
    return board_valve_state();
}

static uint16_t supply_mv(void *ctx)
{
    (void)ctx;
    return board_supply_mv();
}

static int16_t temperature_dc(void *ctx)
{
    (void)ctx;
    return board_temperature_dc();
}

static const struct gf_clock the_clock = {.utc_ms = utc_ms, .mono_ms = mono_ms};

/* ---- the module's messages ---- */

static void on_message(const uint8_t *p, size_t n)
{
    struct mc_ctl_reset unused;

    switch (p[0]) {
    case UM_CONNECTED:
        if (n == 3)
            mc_meter_connected(&fw.meter, (uint16_t)(p[1] | p[2] << 8));
        break;
    case UM_DISCONNECTED:
        mc_meter_disconnected(&fw.meter);
        break;
    case UM_WRITE:
        mc_meter_rx(&fw.meter, p + 1, n - 1);
        break;
    case UM_RESET:
        if (mc_ctl_reset_decode(p + 1, n - 1, &unused) == 0)
            (void)mc_meter_ctl_write(&fw.meter, p + 1, n - 1);
        break;
    default:                        /* of a later version */
        break;
    }
}

static void hear(void)
{
    uint8_t bytes[32];
    const uint8_t *p;
    size_t n, took;

    for (took = n = 0;; took = 0) {
        n = board_uart_rx(bytes, sizeof bytes);
        if (n == 0)
            return;
        while (took < n) {
            size_t got;

            took += ul_rx(&fw.link, bytes + took, n - took);
            p = ul_message(&fw.link, &got);
            if (p == NULL)
                continue;
            on_message(p, got);
            ul_take(&fw.link);
        }
    }
}

/* ---- what leaves ---- */

static void say_hello(void)
{
    uint8_t body[HELLO_LEN];
    struct gf_writer w = {.p = body, .cap = sizeof body};
    char id[GF_METER_ID_TEXT] = {0};
    gasm_Identity who;

    mc_meter_identity(&fw.meter, &who);
    memcpy(id, who.meter_id, GF_METER_ID_LEN);
    gf_wr_uint(&w, UM_VERSION, 1);
    gf_wr_uint(&w, who.firmware, 4);
    gf_wr(&w, id, GF_METER_ID_LEN);
    if (mc_id_hash(mc_crypto_bearssl(), id, body + w.n) != 0)
        return;                     /* tried again: it is still owed */
    if (ul_send(&fw.link, UM_HELLO, (struct gf_span){body, sizeof body}))
        fw.owes &= (uint8_t)~OWES_HELLO;
    memset(fw.ctl, 0, sizeof fw.ctl);
}

/* The value of CTL when it is another than the module knows. True when it was sent. */
static bool say_ctl(void)
{
    uint8_t now[MC_CTL_LEN];

    mc_meter_ctl_read(&fw.meter, now);
    if (memcmp(now, fw.ctl, sizeof now) == 0)
        return false;
    memcpy(fw.ctl, now, sizeof now);
    return ul_send(&fw.link, UM_CTL, (struct gf_span){now, sizeof now});
}

/* One message at most: the next leaves when this one is acknowledged. */
static void speak(void)
{
    uint8_t fragment[UM_FRAGMENT_MAX];
    size_t n;

    if (mc_meter_wants_drop(&fw.meter))
        fw.owes |= OWES_DROP;
    if (!ul_can_send(&fw.link))
        return;
    if ((fw.owes & OWES_HELLO) != 0) {
        say_hello();
    } else if (say_ctl()) {
        return;
    } else if ((n = mc_meter_tx(&fw.meter, fragment, sizeof fragment)) > 0) {
        (void)ul_send(&fw.link, UM_NOTIFY, (struct gf_span){fragment, n});
    } else if ((fw.owes & OWES_DROP) != 0) {
        fw.owes &= (uint8_t)~OWES_DROP;
        (void)ul_send(&fw.link, UM_DROP, (struct gf_span){NULL, 0});
    }
}

static void write_line(void)
{
    for (;;) {
        if (fw.line_at == fw.line_n) {
            fw.line_at = 0;
            fw.line_n = (uint8_t)ul_tx(&fw.link, fw.line, sizeof fw.line, board_mono_ms());
        }
        if (fw.line_n == 0)
            return;
        fw.line_at = (uint8_t)(fw.line_at + board_uart_tx(fw.line + fw.line_at,
                                                          (size_t)(fw.line_n - fw.line_at)));
        if (fw.line_at < fw.line_n)
            return;
    }
}

/* ---- what the meter feels ---- */

static void feel(void)
{
    uint32_t pulses = board_pulses(), presses = board_presses();

    if (pulses > 0)
        mc_meter_pulse(&fw.meter, pulses);
    while (presses-- > 0)
        mc_meter_button(&fw.meter);
    for (unsigned s = 0; s < MC_SENSES; s++) {
        bool on = board_sense((enum mc_sense)s), was = (fw.senses >> s & 1) != 0;

        if (on == was)
            continue;
        fw.senses ^= (uint8_t)(1u << s);
        mc_meter_sense(&fw.meter, (enum mc_sense)s, on);
    }
}

static uint32_t wait_ms(void)
{
    int64_t now = board_mono_ms(), wait = fw.tick_ms - now;
    int line = ul_wait_ms(&fw.link, now);

    if (line >= 0 && line < wait)
        wait = line;
    return wait > 0 ? (uint32_t)wait : 0;
}

/* While the supply fails nothing is begun: no record that would be torn, no command. A real end is
 * over within HOLD_MS; a battery that stays low is meter-core's matter (mc_valve_power()), so a
 * meter is never held for longer, with gas flowing that nobody judges. */
static bool holds(void)
{
    int64_t now = board_mono_ms();

    if (!board_power_fails()) {
        fw.held_ms = 0;
        return false;
    }
    if (fw.held_ms == 0)
        fw.held_ms = now > 0 ? now : 1;
    return now - fw.held_ms < HOLD_MS;
}

static void turn(void)
{
    board_kick();
    if (holds()) {
        board_idle(HOLD_LOOK_MS);
        return;
    }
    hear();
    if (ul_restarted(&fw.link)) {
        mc_meter_disconnected(&fw.meter);
        fw.owes = OWES_HELLO;
    }
    feel();
    if (board_mono_ms() >= fw.tick_ms)
        fw.tick_ms = board_mono_ms() + mc_meter_tick(&fw.meter);
    speak();
    write_line();
    board_idle(wait_ms());
}

static void wake_meter(void)
{
    const struct fault *fault = fault_of_last_run();
    const struct mc_ports ports = {
        .clock = &the_clock,
        .random = drbg_port(&fw.drbg),
        .crypto = mc_crypto_bearssl(),
        .nvm = board_nvm(),
        .valve = {.drive = drive, .state = valve_state},
        .supply_mv = supply_mv,
        .temperature_dc = temperature_dc,
        .firmware_digest = fw.digest,
        .reset_cause = (uint32_t)board_reset_cause(),
        .fault_address = fault != NULL ? fault->pc : 0,
        .fault_status = fault != NULL ? fault->cfsr : 0,
    };

    (void)ports.crypto->sha256(ports.crypto->ctx, &(struct gf_span){image_start(), image_bytes()}, 1,
                               fw.digest);
    /* A meter that does not start stays shut and refuses everything; it still answers CTL. */
    (void)mc_meter_start(&fw.meter, &ports);
    fault_forget();
}

int main(void)
{
    uint32_t start = 0;

    (void)board_start();
    drbg_init(&fw.drbg);
    wake_meter();
    if (drbg_port(&fw.drbg)->fill(drbg_port(&fw.drbg)->ctx, (uint8_t *)&start, sizeof start) != 0)
        start = (uint32_t)fw.meter.core.starts;
    ul_init(&fw.link, start | 1);
    fw.owes = OWES_HELLO;
    for (;;)
        turn();
}
