/* keys.h - keys and their names: "Enter", "F5", "Ctrl-R", "/". */
#ifndef GF_TUI_KEYS_H
#define GF_TUI_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#define KEY_NAME_MAX 12

/* The key of a name of n bytes, as ui_key() gives it; -1 for a name that is none. */
int key_parse(const char *name, size_t n);

/* Does the list of names, apart by spaces, hold the key? Other codes of the same key count: Enter
 * on the number block, both Backspaces. */
bool keys_hold(const char *names, int key);

/* The first name of a list; returns ret. */
char *keys_first(const char *names, char ret[static KEY_NAME_MAX]);

/* True for a character that a field takes. */
bool key_is_text(int key);

#endif
