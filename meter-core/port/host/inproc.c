/* inproc.c - a meter and its client in this process; see inproc.h. */
#include "meter-core/port/host/inproc.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 40000

/* ---- the meter ---- */

static int64_t own_utc_ms(void *ctx)
{
    const struct gm_inproc *m = ctx;

    return m->world->clock->utc_ms(m->world->clock->ctx) + m->skipped_ms;
}

static int64_t own_mono_ms(void *ctx)
{
    const struct gm_inproc *m = ctx;

    return m->world->clock->mono_ms(m->world->clock->ctx) + m->skipped_ms;
}

int gm_inproc_make(struct gm_inproc *m, const struct gm_world *world, const struct mc_birth *birth,
                   struct gf_fail *why)
{
    struct mc_ports ports = {.random = world->random, .crypto = world->crypto,
                             .firmware_digest = world->firmware_digest};
    int r;

    *m = (struct gm_inproc){.world = world};
    m->clock = (struct gf_clock){m, own_utc_ms, own_mono_ms};
    m->meter = calloc(1, mc_meter_size());
    if (m->meter == NULL)
        return gf_fail(why, GF_E_MEMORY, "meter", birth->meter_id);
    nvm_ram_init(&m->nvm);
    gm_body_init(&m->body, &m->clock, 0);
    gm_body_set_pulse(&m->body, birth->pulse_l);
    gm_body_ports(&m->body, &ports);
    ports.nvm = m->nvm.nvm;
    r = mc_meter_manufacture(&ports, birth);
    if (r == 0)
        r = mc_meter_start(m->meter, &ports);
    return r == 0 ? 0 : gf_fail(why, r, "meter", birth->meter_id);
}

void gm_inproc_done(struct gm_inproc *m)
{
    free(m->meter);
    m->meter = NULL;
    nvm_ram_done(&m->nvm);
}

void gm_inproc_tick(struct gm_inproc *m)
{
    uint32_t pulses = gm_body_advance(&m->body);

    if (pulses > 0)
        mc_meter_pulse(m->meter, pulses);
    m->tick_ms = mc_meter_tick(m->meter);
}

int gm_inproc_wait_ms(const struct gm_inproc *m)
{
    int body = gm_body_wait_ms(&m->body);

    return body >= 0 && body < m->tick_ms ? body : m->tick_ms;
}

void gm_inproc_skip(struct gm_inproc *m, int64_t ms)
{
    while (ms > 0) {
        int64_t step = gm_inproc_wait_ms(m);

        step = step < 1 ? 1 : step < ms ? step : ms;
        m->skipped_ms += step;
        ms -= step;
        gm_inproc_tick(m);
    }
}

/* ---- the client ---- */

void gm_client_leave(struct gm_client *c)
{
    if (c->to != NULL)
        mc_meter_disconnected(c->to->meter);
    c->to = NULL;
    mc_session_end(&c->session);
}

int gm_client_connect(struct gm_client *c, struct gm_inproc *to)
{
    uint8_t ctl[MC_CTL_LEN], reset[MC_CTL_RESET_LEN];
    struct mc_ctl read;
    struct mc_ctl_reset write;
    uint16_t limit = GM_ATT_MTU - 3;
    int r;

    gm_client_leave(c);
    c->to = to;
    mc_meter_connected(to->meter, GM_ATT_MTU);
    mc_meter_ctl_read(to->meter, ctl);
    r = mc_ctl_decode(ctl, sizeof ctl, &read);
    if (r == 0) {
        write = (struct mc_ctl_reset){.fragment_epoch = (uint8_t)((read.fragment_epoch + 1) & 15),
                                      .fragment_limit = limit, .credits = MC_WINDOW};
        mc_ctl_reset_encode(&write, reset);
        r = mc_meter_ctl_write(to->meter, reset, sizeof reset);
    }
    if (r != 0) {
        gm_client_leave(c);
        return r;
    }
    mc_pipe_reset(&c->pipe, write.fragment_epoch,
                  limit < read.fragment_limit ? limit : read.fragment_limit, read.credits);
    return 0;
}

static void take(struct gm_client *c)
{
    size_t n;
    const uint8_t *msg = mc_pipe_message(&c->pipe, &n);
    const struct mc_crypto *crypto = c->to->world->crypto;

    if (c->greeting)
        c->code = mc_client_welcome(&c->session, crypto, msg, n, &c->refusal);
    else
        c->code = mc_client_open(&c->session, crypto, msg, n, &c->answer);
    c->answered = true;
}

/* Fragments both ways until neither side has any. */
static void pump(struct gm_client *c)
{
    uint8_t fragment[MC_FRAGMENT_MAX];
    bool moved = true;
    size_t n;

    while (c->to != NULL && moved) {
        moved = false;
        while ((n = mc_pipe_next(&c->pipe, fragment, sizeof fragment)) > 0) {
            mc_meter_rx(c->to->meter, fragment, n);
            moved = true;
        }
        while ((n = mc_meter_tx(c->to->meter, fragment, sizeof fragment)) > 0) {
            moved = true;
            if (mc_pipe_feed(&c->pipe, fragment, n) == MC_FEED_MESSAGE)
                take(c);
        }
        if (mc_meter_wants_drop(c->to->meter))
            gm_client_leave(c);
    }
}

/* Send n bytes of c->out, and wait for the answer. */
static int exchange(struct gm_client *c, int n, bool greeting)
{
    int r = n < 0 ? n : c->to == NULL ? GF_E_LINK_LOST : mc_pipe_send(&c->pipe, c->out, (size_t)n);

    if (r != 0)
        return r;
    c->greeting = greeting;
    c->answered = false;
    pump(c);
    for (int64_t waited = 0; !c->answered && c->to != NULL;) {
        int64_t step = gm_inproc_wait_ms(c->to);

        if (waited >= ANSWER_MS)
            return GF_E_LINK_TIMEOUT;
        step = step < 1 ? 1 : step;
        waited += step;
        gm_inproc_skip(c->to, step);
        pump(c);
    }
    return c->answered ? c->code : GF_E_LINK_LOST;
}

int gm_client_hello(struct gm_client *c, struct gf_span ticket,
                    const uint8_t key[static MC_KEY_LEN])
{
    uint8_t run_id[16];
    int r = GF_E_LINK_LOST;

    for (int tries = 0; tries < 2 && c->to != NULL; tries++) {
        const struct gf_random *random = c->to->world->random;

        r = random->fill(random->ctx, run_id, sizeof run_id);
        if (r != 0)
            return r;
        r = exchange(c, mc_client_hello(&c->session, random, ticket, key, run_id, c->out,
                                        sizeof c->out), true);
        if (r != GF_E_TICKET || c->refusal.reason != gasm_Refusal_BUSY)
            return r;
        gm_inproc_skip(c->to, (int64_t)c->refusal.retry_after_s * 1000);
    }
    return r;
}

int gm_client_ask(struct gm_client *c, const gasm_Request *request)
{
    if (c->to == NULL)
        return GF_E_LINK_LOST;
    return exchange(c, mc_client_seal(&c->session, c->to->world->crypto, request, c->out,
                                      sizeof c->out), false);
}
