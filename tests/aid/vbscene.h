#ifndef GF_TESTS_AID_VBSCENE_H
#define GF_TESTS_AID_VBSCENE_H
/*
 * virtual-bluez with a client that is connected to a peripheral, and what each of them was told:
 * for tests of faults. Values are a letter, repeated, and are written as "A5" (AAAAA); '?' stands
 * for bytes that are not alike.
 */
#include "tests/aid/vbworld.h"

#define AT_RATE(rate) "--adv-ms", "20", "--clock-rate", rate
#define FAST AT_RATE("50")
#define SINGLE "--notify-wait-ms", "0" /* each notification has a PDU of its own */

struct vbscene {
    struct vbworld w;
    struct aid_log wrote; /* what the peripheral's program was given */
    char rx[256], tx[256], ctl[256]; /* paths, "" for what there is not */
    char heard[300]; /* what begins a line of the log that tells a value of tx */
};

/* Connect, with options for virtual-bluez ended by NULL; subscribed: and StartNotify on tx. What
 * goes wrong fails the test. */
void vbscene_begin(struct vbscene *s, const char *const options[]);
void vbscene_subscribed(struct vbscene *s, const char *const options[]);
void vbscene_end(struct vbscene *s);

/* StartNotify on tx; a Write Command of n letters to rx, a Write Request to ctl: "" or the
 * error. */
const char *vbscene_subscribe(struct vbscene *s);
const char *vbscene_command(struct vbscene *s, char letter, size_t n);
const char *vbscene_request(struct vbscene *s, char letter, size_t n);

/* The peripheral's program notifies n letters on tx. */
void vbscene_notify(struct vbscene *s, char letter, size_t n);

/* The values of tx that the client was told so far, "A5 B1"; those that the peripheral was given.
 * Kept until the next call. */
const char *vbscene_told(const struct vbscene *s);
const char *vbscene_given(const struct vbscene *s);

/* Wait, with a bound, until these values have been told, or given, and assert it. */
void assert_told(struct vbscene *s, const char *values);
void assert_given(struct vbscene *s, const char *values);

/* Wait until the client is told that the link has ended, and assert it. */
void assert_link_lost(struct vbscene *s);

/* Scan until the client is told of the device anew; connect and wait for its services. */
void vbscene_search(struct vbscene *s);
void vbscene_connect(struct vbscene *s);

/* How many strikes virtual-bluez has told of. */
unsigned vbscene_strikes(struct vbscene *s);

#endif
