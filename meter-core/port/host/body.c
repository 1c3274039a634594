/* body.c - valve, gas and battery, simulated; see body.h. */
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

void gm_body_init(struct gm_body *b, const struct gf_clock *clock, int64_t flow_l_per_h)
{
    *b = (struct gm_body){.clock = clock, .flow_l_per_h = flow_l_per_h, .pulse_l = 1,
                          .valve = gasm_ValveState_VALVE_SHUT};
    b->flowed_ms = now_ms(b);
}

void gm_body_set_pulse(struct gm_body *b, uint32_t pulse_l)
{
    b->pulse_l = pulse_l;
}

/* Gas flows at the full rate from the end of the opening to the start of the closing. */
static void flow_until(struct gm_body *b, int64_t until_ms)
{
    if (b->valve == gasm_ValveState_VALVE_OPEN)
        b->flowed += (until_ms - b->flowed_ms) * b->flow_l_per_h;
    b->flowed_ms = until_ms;
}

static void move(struct gm_body *b)
{
    if (b->valve == gasm_ValveState_VALVE_MOVING && now_ms(b) >= b->arrives_ms) {
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
    int64_t wait = -1;

    if (b->valve == gasm_ValveState_VALVE_MOVING)
        wait = b->arrives_ms - now_ms(b);
    else if (b->valve == gasm_ValveState_VALVE_OPEN && b->flow_l_per_h > 0)
        wait = (pulse_size(b) - b->flowed) / b->flow_l_per_h + 1 - (now_ms(b) - b->flowed_ms);
    else
        return -1;
    return wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : (int)wait;
}

/* ---- ports ---- */

/* A new order during a travel turns it round; the way back is taken as a whole one. */
static int drive(void *ctx, bool open)
{
    struct gm_body *b = ctx;

    move(b);
    if (b->valve == (open ? gasm_ValveState_VALVE_OPEN : gasm_ValveState_VALVE_SHUT))
        return 0;
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
    (void)ctx;
    return BATTERY_MV;
}

static int16_t temperature_dc(void *ctx)
{
    (void)ctx;
    return TEMPERATURE_DC;
}

void gm_body_ports(struct gm_body *b, struct mc_ports *ret)
{
    ret->valve = (struct mc_valve){b, drive, state};
    ret->supply_ctx = b;
    ret->supply_mv = supply_mv;
    ret->temperature_dc = temperature_dc;
}
