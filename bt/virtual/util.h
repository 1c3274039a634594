#ifndef GF_BT_VIRTUAL_UTIL_H
#define GF_BT_VIRTUAL_UTIL_H
/*
 * Memory, timers on the daemon's clock, random numbers. Out of memory ends the program with a
 * sentence: a daemon of tests has nothing better to do.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

struct vb;

/* Zeroed memory for the caller to free(). */
void *vb_new(size_t size);

/* p with room for n elements of size bytes; p may be NULL. */
void *vb_grow(void *p, size_t n, size_t size);

/* Copies for the caller to free(). NULL gives NULL; no bytes give NULL. */
char *vb_dup(const char *text);
uint8_t *vb_dup_bytes(const void *bytes, size_t n);

/* printf into memory for the caller to free(). */
char *vb_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A one-shot timer inside another struct; all zero is a stopped one. */
struct vb_timer {
    sd_event_source *source;
    void (*fn)(void *arg);
    void *arg;
};

/*
 * Call fn(arg) once, after_us of the daemon's clock from now: --clock-rate divides it. A running
 * timer is set anew. Zero runs fn from the loop, never from here.
 */
void vb_timer_set(struct vb *vb, struct vb_timer *timer, uint64_t after_us, void (*fn)(void *arg),
                  void *arg);

/* Stop it, running or not. */
void vb_timer_stop(struct vb_timer *timer);

bool vb_timer_running(const struct vb_timer *timer);

/* Microseconds of the daemon's clock, from an arbitrary zero. */
uint64_t vb_now_us(const struct vb *vb);

/* The next number of the sequence that --seed names. */
uint32_t vb_random(struct vb *vb);

/* The same of any sequence. */
uint32_t vb_random_of(uint64_t *sequence);

/* True with probability p, 0..1. */
bool vb_chance(struct vb *vb, double p);

#endif
