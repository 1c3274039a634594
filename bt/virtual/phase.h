#ifndef GF_BT_VIRTUAL_PHASE_H
#define GF_BT_VIRTUAL_PHASE_H
/*
 * Where in the life of a client's work with a peripheral hci0 is, from what the daemon itself sees:
 * calls, links, PDUs. One table; docs/bluetooth.md tells it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vb;
struct vb_link;

enum vb_phase {
    VB_PHASE_IDLE,
    VB_PHASE_SCANNING,
    VB_PHASE_CONNECTING,
    VB_PHASE_DISCOVERING,
    VB_PHASE_SUBSCRIBING,
    VB_PHASE_HANDSHAKE,
    VB_PHASE_REQUEST,
    VB_PHASE_ANSWER,
    VB_PHASE_PURGE,
    VB_PHASE_CLOSING,
    VB_PHASES
};

struct vb_phase_row {
    const char *name, *what; /* what: how the daemon sees that it begins */
};

extern const struct vb_phase_row vb_phases[VB_PHASES];

/* The phase of this name (of n characters), or VB_PHASES. */
enum vb_phase vb_phase_find(const char *name, size_t n);

/* What is remembered of a link to tell its phases. */
struct vb_course {
    bool answered, asked;            /* it has notified; a request is out */
    unsigned steady;                 /* short exchanges after pauses, in a row */
    unsigned since_pause;            /* commands since the last pause */
    uint64_t last_us;                /* the last command or notification, vb_now_us() */
};

/*
 * A PDU is about to cross a link of hci0: the phase that begins with it, or VB_PHASES. Requests
 * and answers begin anew with each exchange.
 */
enum vb_phase vb_phase_of_pdu(struct vb_course *course, bool resolved, bool to_peripheral,
                              const uint8_t *pdu, size_t n, uint64_t now_us);

#endif
