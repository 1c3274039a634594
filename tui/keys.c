/* keys.c - names of keys; see keys.h. */
#define _XOPEN_SOURCE 700   /* wcwidth() */
#include "tui/keys.h"

#include <curses.h>
#include <string.h>
#include <wchar.h>

#include "tui/ui.h"

static const struct {
    const char *name;
    int key, other;         /* other: a second code of the same key, or -1 */
} named[] = {
    {"Enter", '\r', UI_KEY(KEY_ENTER)},
    {"Esc", 27, -1},
    {"Tab", '\t', -1},
    {"Shift-Tab", UI_KEY(KEY_BTAB), -1},
    {"Space", ' ', -1},
    {"Backspace", UI_KEY(KEY_BACKSPACE), 127},
    {"Delete", UI_KEY(KEY_DC), -1},
    {"Up", UI_KEY(KEY_UP), -1},
    {"Down", UI_KEY(KEY_DOWN), -1},
    {"Left", UI_KEY(KEY_LEFT), -1},
    {"Right", UI_KEY(KEY_RIGHT), -1},
    {"PgUp", UI_KEY(KEY_PPAGE), -1},
    {"PgDn", UI_KEY(KEY_NPAGE), -1},
    {"Home", UI_KEY(KEY_HOME), -1},
    {"End", UI_KEY(KEY_END), -1},
};
#define N_NAMED (sizeof named / sizeof named[0])

int key_parse(const char *name, size_t n)
{
    int f = 0;

    for (size_t i = 0; i < N_NAMED; i++)
        if (strlen(named[i].name) == n && memcmp(named[i].name, name, n) == 0)
            return named[i].key;
    if (n == 6 && memcmp(name, "Ctrl-", 5) == 0 && name[5] >= 'A' && name[5] <= 'Z')
        return name[5] - 'A' + 1;
    if (n >= 2 && n <= 3 && name[0] == 'F') {
        for (size_t i = 1; i < n; i++)
            f = name[i] >= '0' && name[i] <= '9' ? f * 10 + name[i] - '0' : 1000;
        return f >= 1 && f <= 12 ? UI_KEY(KEY_F(f)) : -1;
    }
    return n == 1 && name[0] > ' ' && name[0] < 127 ? name[0] : -1;
}

bool keys_hold(const char *names, int key)
{
    for (size_t i = 0; i < N_NAMED; i++)
        if (key >= 0 && named[i].other == key)
            key = named[i].key;
    while (*names != '\0') {
        size_t n = strcspn(names, " ");

        if (key_parse(names, n) == key)
            return true;
        names += n + strspn(names + n, " ");
    }
    return false;
}

char *keys_first(const char *names, char ret[static KEY_NAME_MAX])
{
    size_t n = strcspn(names, " ");

    if (n >= KEY_NAME_MAX)
        n = KEY_NAME_MAX - 1;
    memcpy(ret, names, n);
    ret[n] = '\0';
    return ret;
}

bool key_is_text(int key)
{
    return key >= ' ' && key != 127 && key < 0x110000 && wcwidth((wchar_t)key) >= 0;
}
