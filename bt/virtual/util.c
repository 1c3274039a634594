/* util.c - memory, timers, random numbers of virtual-bluez; see util.h. */
#include "bt/virtual/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bt/virtual/model.h"

static void *checked(void *p)
{
    if (!p) {
        (void)fprintf(stderr, "virtual-bluez: out of memory\n");
        exit(EXIT_FAILURE);
    }
    return p;
}

void *vb_new(size_t size)
{
    return checked(calloc(1, size));
}

void *vb_grow(void *p, size_t n, size_t size)
{
    return checked(realloc(p, n * size));
}

char *vb_dup(const char *text)
{
    return text ? checked(strdup(text)) : NULL;
}

uint8_t *vb_dup_bytes(const void *bytes, size_t n)
{
    return n > 0 ? memcpy(checked(malloc(n)), bytes, n) : NULL;
}

char *vb_format(const char *format, ...)
{
    va_list ap, again;
    char *text;
    int n;

    va_start(ap, format);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    text = checked(malloc((size_t)n + 1));
    (void)vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct vb_timer *timer = userdata;

    (void)source;
    (void)usec;
    vb_timer_stop(timer);
    timer->fn(timer->arg);
    return 0;
}

void vb_timer_set(struct vb *vb, struct vb_timer *timer, uint64_t after_us, void (*fn)(void *arg),
                  void *arg)
{
    uint64_t real_us = (uint64_t)((double)after_us / vb->opt.clock_rate);

    vb_timer_stop(timer);
    if (vb->ending) /* the loop has ended */
        return;
    timer->fn = fn;
    timer->arg = arg;
    if (sd_event_add_time_relative(vb->event, &timer->source, CLOCK_MONOTONIC, real_us, 1, on_timer,
                                   timer) < 0)
        (void)checked(NULL);
}

void vb_timer_stop(struct vb_timer *timer)
{
    timer->source = sd_event_source_disable_unref(timer->source);
}

bool vb_timer_running(const struct vb_timer *timer)
{
    return timer->source != NULL;
}

uint64_t vb_now_us(const struct vb *vb)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)(((double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3) * vb->opt.clock_rate);
}

uint32_t vb_random_of(uint64_t *sequence)
{
    uint64_t z = *sequence += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

uint32_t vb_random(struct vb *vb)
{
    return vb_random_of(&vb->rng);
}

bool vb_chance(struct vb *vb, double p)
{
    return p > 0 && (double)vb_random(vb) < p * 4294967296.0;
}
