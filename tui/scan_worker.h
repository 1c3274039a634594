/* scan_worker.h - looking at a camera's pictures on a thread of its own, so that the loop never
 * waits for a decoder.
 *
 * One picture is looked at at a time; those that come meanwhile are only shown. The result makes a
 * descriptor readable.
 */
#ifndef GF_TUI_SCAN_WORKER_H
#define GF_TUI_SCAN_WORKER_H

#include "tui/scan.h"

struct scan_worker;

/* Start one. NULL when out of memory, threads or descriptors. */
struct scan_worker *scan_worker_new(void);

/* Let it go without waiting: what it looks at is given up, and the thread frees all. NULL is fine.
 * Returns NULL. */
struct scan_worker *scan_worker_free(struct scan_worker *w);

/* Readable when a result is there. */
int scan_worker_fd(const struct scan_worker *w);

/* Hand in a picture, which is copied: 1, or 0 when the last one is still looked at or its result was
 * not taken; GF_E_IMAGE and GF_E_MEMORY as scanner_take(). */
int scan_worker_give(struct scan_worker *w, const struct frame *f, struct gf_fail *why);

/* The result of the last picture, once: how many codes (at most cap); -1 when there is none. */
int scan_worker_codes(struct scan_worker *w, struct scan_code *ret, size_t cap);

#endif
