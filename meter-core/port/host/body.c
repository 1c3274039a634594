/* body.c - valve, gas, battery and clock, simulated; see body.h. */
#include "meter-core/port/host/body.h"

#include <limits.h>

#define HOUR_MS 3600000
#define BATTERY_MV 3600
#define TEMPERATURE_DC 200

static int64_t now_ms(const struct gm_body *b)
{
    return b->clock->mono_ms(b->clock->ctx);
}

/* A pulse in the unit of `flowed`. */
static int64_t pulse_size(const struct gm_body *b)
{
    return (int64_t)b->pulse_l * HOUR_MS;
}

int64_t gm_body_flow(const struct gm_body *b)
{
    bool way = b->valve == gasm_ValveState_VALVE_OPEN ||
               (b->leaks && b->valve == gasm_ValveState_VALVE_SHUT);

    return way && !gm_body_sense(b, MC_SENSE_REVERSE) ? b->flow_l_per_h : 0;
}

/* Gas flows at the full rate from the end of the opening to the start of the closing. */
static void flow_until(struct gm_body *b, int64_t until_ms)
{
    b->flowed += (until_ms - b->flowed_ms) * gm_body_flow(b);
    b->flowed_ms = until_ms;
}

static void move(struct gm_body *b)
{
    if (b->valve == gasm_ValveState_VALVE_MOVING && !b->stuck && now_ms(b) >= b->arrives_ms) {
        flow_until(b, b->arrives_ms);
        b->valve = b->open ? gasm_ValveState_VALVE_OPEN : gasm_ValveState_VALVE_SHUT;
    }
    flow_until(b, now_ms(b));
}

uint32_t gm_body_advance(struct gm_body *b)
{
    int64_t pulses;

    move(b);
    pulses = b->flowed / pulse_size(b);
    b->flowed -= pulses * pulse_size(b);
    return (uint32_t)pulses;
}

int gm_body_wait_ms(const struct gm_body *b)
{
    int64_t flow = gm_body_flow(b), wait;

    if (b->valve == gasm_ValveState_VALVE_MOVING && !b->stuck)
        wait = b->arrives_ms - now_ms(b);
    else if (flow > 0)
        wait = (pulse_size(b) - b->flowed) / flow + 1 - (now_ms(b) - b->flowed_ms);
    else
        return -1;
    return wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : (int)wait;
}

/* ---- by hand ---- */

void gm_body_set_pulse(struct gm_body *b, uint32_t pulse_l)
{
    b->pulse_l = pulse_l;
}

void gm_body_set_flow(struct gm_body *b, int64_t l_per_h)
{
    move(b);
    b->flow_l_per_h = l_per_h;
}

void gm_body_set_leak(struct gm_body *b, bool leaks)
{
    move(b);
    b->leaks = leaks;
}

void gm_body_set_sense(struct gm_body *b, enum mc_sense sense, bool on)
{
    move(b);
    b->senses = on ? b->senses | 1u << sense : b->senses & ~(1u << sense);
}

bool gm_body_sense(const struct gm_body *b, enum mc_sense sense)
{
    return (b->senses >> sense & 1) != 0;
}

void gm_body_set_stuck(struct gm_body *b, bool stuck)
{
    move(b);
    if (b->stuck && !stuck)
        b->arrives_ms = now_ms(b) + GM_TRAVEL_MS;
    b->stuck = stuck;
}

int64_t gm_body_rtc_ms(const struct gm_body *b)
{
    return b->rtc_ms + (b->rtc_stopped ? 0 : b->clock->utc_ms(b->clock->ctx));
}

void gm_body_set_rtc(struct gm_body *b, int64_t utc_ms)
{
    b->rtc_stopped = false;
    b->rtc_ms = utc_ms - b->clock->utc_ms(b->clock->ctx);
}

void gm_body_stop_rtc(struct gm_body *b)
{
    b->rtc_ms = gm_body_rtc_ms(b);
    b->rtc_stopped = true;
}

/* ---- ports ---- */

/* A new order during a travel turns it round; the way back is taken as a whole one. */
static int drive(void *ctx, bool open)
{
    struct gm_body *b = ctx;

    move(b);
    if (b->valve == (open ? gasm_ValveState_VALVE_OPEN : gasm_ValveState_VALVE_SHUT))
        return 0;
    if (b->stuck) {
        b->open = b->valve == gasm_ValveState_VALVE_MOVING ? open : b->open;
        return 0;
    }
    if (b->valve != gasm_ValveState_VALVE_MOVING || b->open != open)
        b->arrives_ms = now_ms(b) + GM_TRAVEL_MS;
    b->valve = gasm_ValveState_VALVE_MOVING;
    b->open = open;
    return 0;
}

static gasm_ValveState state(void *ctx)
{
    struct gm_body *b = ctx;

    move(b);
    return b->valve;
}

static uint16_t supply_mv(void *ctx)
{
    return ((struct gm_body *)ctx)->supply_mv;
}

static int16_t temperature_dc(void *ctx)
{
    return ((struct gm_body *)ctx)->temperature_dc;
}

static int64_t rtc_utc_ms(void *ctx)
{
    return gm_body_rtc_ms(ctx);
}

static int64_t rtc_mono_ms(void *ctx)
{
    return now_ms(ctx);
}

void gm_body_ports(struct gm_body *b, struct mc_ports *ret)
{
    ret->clock = &b->rtc;
    ret->valve = (struct mc_valve){.ctx = b, .drive = drive, .state = state};
    ret->supply_ctx = b;
    ret->supply_mv = supply_mv;
    ret->temperature_dc = temperature_dc;
}

void gm_body_init(struct gm_body *b, const struct gf_clock *clock, int64_t flow_l_per_h)
{
    *b = (struct gm_body){.clock = clock, .flow_l_per_h = flow_l_per_h, .pulse_l = 1,
                          .valve = gasm_ValveState_VALVE_SHUT, .supply_mv = BATTERY_MV,
                          .temperature_dc = TEMPERATURE_DC};
    b->rtc = (struct gf_clock){.ctx = b, .utc_ms = rtc_utc_ms, .mono_ms = rtc_mono_ms};
    b->flowed_ms = now_ms(b);
}
