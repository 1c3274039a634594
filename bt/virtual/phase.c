/* phase.c - where in a client's work hci0 is; see phase.h. */
#include "bt/virtual/phase.h"

#include <string.h>

#include "bt/virtual/att.h"

#define PAUSE_US 1000000u /* a pause between exchanges, by which a purge's keep-alives are known */
#define STEADY 2
#define SHORT 6           /* fragments of a keep-alive and its like, at the smallest MTU */
#define CCC_WRITE 5       /* bytes of a Write Request to a client configuration */

const struct vb_phase_row vb_phases[VB_PHASES] = {
    [VB_PHASE_IDLE] = {"idle", "a client reads the list of objects"},
    [VB_PHASE_SCANNING] = {"scanning", "it starts discovery"},
    [VB_PHASE_CONNECTING] = {"connecting", "it calls Connect"},
    [VB_PHASE_DISCOVERING] = {"discovering", "the link is up"},
    [VB_PHASE_SUBSCRIBING] = {"subscribing", "the services are known"},
    [VB_PHASE_HANDSHAKE] = {"handshake", "a Write Request to a characteristic"},
    [VB_PHASE_REQUEST] = {"request", "a Write Command, after the peripheral has notified"},
    [VB_PHASE_ANSWER] = {"answer", "the notification that follows it"},
    [VB_PHASE_PURGE] = {"purge", "single exchanges, a second and more apart: gas is kept flowing"},
    [VB_PHASE_CLOSING] = {"closing", "it calls Disconnect"},
};

enum vb_phase vb_phase_find(const char *name, size_t n)
{
    unsigned i = 0;

    while (i < VB_PHASES && (strlen(vb_phases[i].name) != n || strncmp(vb_phases[i].name, name, n)))
        i++;
    return (enum vb_phase)i;
}

/* A request goes out. The one after several lonely exchanges belongs to a purge. */
static enum vb_phase request(struct vb_course *course, bool after_pause)
{
    if (!course->answered)
        return VB_PHASES; /* the handshake's own */
    course->asked = true;
    if (after_pause) {
        course->steady = course->since_pause <= SHORT ? course->steady + 1 : 0;
        course->since_pause = 0;
    }
    course->since_pause++;
    return after_pause && course->steady >= STEADY ? VB_PHASE_PURGE : VB_PHASE_REQUEST;
}

enum vb_phase vb_phase_of_pdu(struct vb_course *course, bool resolved, bool to_peripheral,
                              const uint8_t *pdu, size_t n, uint64_t now_us)
{
    uint8_t op = pdu[0];
    bool is_notification = op == VB_ATT_NOTIFY || op == VB_ATT_NOTIFY_MULTIPLE;
    bool after_pause = course->last_us != 0 && now_us - course->last_us >= PAUSE_US;

    if (!resolved)
        return VB_PHASES;
    if (op == VB_ATT_WRITE_CMD || is_notification)
        course->last_us = now_us;
    if (to_peripheral && op == VB_ATT_WRITE_REQ && n > CCC_WRITE)
        return VB_PHASE_HANDSHAKE;
    if (to_peripheral && op == VB_ATT_WRITE_CMD)
        return request(course, after_pause);
    if (!to_peripheral && is_notification) {
        course->answered = true;
        if (!course->asked)
            return VB_PHASES;
        course->asked = false;
        return VB_PHASE_ANSWER;
    }
    return VB_PHASES;
}
