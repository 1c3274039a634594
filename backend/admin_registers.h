/* admin_registers.h - what `gasoffice show` can list: one table of registers, their columns, keys and
 * queries. No column is a secret. */
#ifndef GF_OFFICE_ADMIN_REGISTERS_H
#define GF_OFFICE_ADMIN_REGISTERS_H

#include <stddef.h>

/* How a column's value is shown. */
enum admin_shown {
    SHOW_TEXT,
    SHOW_INT,
    SHOW_YES_NO, /* of a number that is 0 or 1 */
    SHOW_HEX,
    SHOW_UUID,
    SHOW_UTC_MS,
    SHOW_UTC_S,
    SHOW_LIFE,    /* ho_life_word() */
    SHOW_COMMAND, /* ho_command_word() */
};

#define ADMIN_COLUMNS_MAX 16
#define ADMIN_KEYS_MAX 3

struct admin_register {
    const char *name, *what;
    /* Rows behind a key in the order of keys: ?2 and on are the keys' parts, then how many rows. */
    const char *sql;
    struct {
        const char *name;
        enum admin_shown shown;
    } columns[ADMIN_COLUMNS_MAX + 1]; /* ended by a NULL name */
    size_t keys[ADMIN_KEYS_MAX]; /* which columns the key is; TEXT, INT or UUID */
    size_t n_keys;
};

extern const struct admin_register admin_registers[];
extern const size_t admin_n_registers;

#endif
