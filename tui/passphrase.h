/* passphrase.h - where the passphrase of the laptop's database comes from. */
#ifndef GF_TUI_PASSPHRASE_H
#define GF_TUI_PASSPHRASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define PASSPHRASE_MAX 256      /* bytes */

/* The first line of `file`; or, when file is NULL, typed on the terminal without echo, twice when
 * `make` is set. How many bytes (1..PASSPHRASE_MAX); GF_E_FILE; GF_E_PASSPHRASE for an empty one,
 * or two that differ; GF_E_CANCELLED when the input ends; GF_E_USAGE when there is no terminal.
 * Wipe *ret after use. */
int passphrase_get(const char *file, bool make, uint8_t ret[static PASSPHRASE_MAX],
                   struct gf_fail *why);

#endif
