/* rfkill.h - is a radio kept off by rfkill? For programs' main.c only. */
#ifndef GF_HOST_RFKILL_H
#define GF_HOST_RFKILL_H

#include <stdbool.h>

/* True when this machine's rfkill says that the radio of that name ("hci0") is blocked, by a switch
 * or by software. False too when nothing is known of it. Reads a few short files. */
bool gf_rfkill_is_blocked(const char *radio);

/* The same of another folder than /sys/class/rfkill. */
bool gf_rfkill_is_blocked_in(const char *dir, const char *radio);

#endif
