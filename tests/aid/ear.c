/* ear.c - who listens to a link port; see ear.h. */
#include "tests/aid/ear.h"

#include <stdio.h>
#include <string.h>

static void on_sighting(void *ctx, const struct link_sighting *s)
{
    struct aid_ear *ear = ctx;

    ear->sightings++;
    ear->sighting = *s;
}

static void on_phase(void *ctx, enum link_phase phase)
{
    ((struct aid_ear *)ctx)->phases |= 1u << phase;
}

static void on_ready(void *ctx, const struct link_ready *ready)
{
    struct aid_ear *ear = ctx;

    ear->ready++;
    ear->link = *ready;
}

static void on_fragment(void *ctx, const uint8_t *p, size_t n)
{
    struct aid_ear *ear = ctx;

    ear->fragments++;
    memcpy(ear->fragment, p, n < sizeof ear->fragment ? n : sizeof ear->fragment);
    if (ear->on_fragment != NULL)
        ear->on_fragment(ear->ctx, p, n);
}

static void on_written(void *ctx, int code)
{
    struct aid_ear *ear = ctx;

    ear->written++;
    ear->wrote = code;
}

static void on_down(void *ctx, int code, const char *detail)
{
    struct aid_ear *ear = ctx;

    ear->downs++;
    ear->down = code;
    (void)snprintf(ear->detail, sizeof ear->detail, "%s", detail);
}

static void on_radio(void *ctx, int code, const char *detail)
{
    struct aid_ear *ear = ctx;

    (void)detail;
    ear->radios++;
    ear->radio = code;
}

static void on_attempt(void *ctx, const struct link_attempt *attempt)
{
    struct aid_ear *ear = ctx;

    ear->attempts++;
    ear->attempt = *attempt;
    (void)snprintf(ear->why, sizeof ear->why, "%s", attempt->detail);
    ear->attempt.detail = ear->why;
}

struct link_events aid_ear_events(struct aid_ear *ear)
{
    return (struct link_events){ear, on_sighting, on_phase, on_ready, on_fragment, on_written,
                                on_down, on_radio, on_attempt};
}
