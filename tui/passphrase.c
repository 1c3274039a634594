/* passphrase.c - asking for the passphrase; see passphrase.h. */
#include "tui/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/host/real.h"

#define CTRL_C 3

static int from_file(const char *file, uint8_t ret[static PASSPHRASE_MAX], struct gf_fail *why)
{
    uint8_t text[PASSPHRASE_MAX + 2];
    int n = gf_file_read(file, text, sizeof text, why);
    size_t len = 0;

    if (n < 0)
        return n;
    while (len < (size_t)n && text[len] != '\n' && text[len] != '\r')
        len++;
    if (len > 0 && len <= PASSPHRASE_MAX)
        memcpy(ret, text, len);
    gf_wipe(text, sizeof text);
    if (len == 0 || len > PASSPHRASE_MAX)
        return gf_fail(why, GF_E_PASSPHRASE, "passphrase file",
                       len == 0 ? "its first line is empty" : "too long");
    return (int)len;
}

static void say(int tty, const char *text)
{
    (void)!write(tty, text, strlen(text));      /* a prompt that cannot be shown changes nothing */
}

/* One line from the terminal, unseen. */
static int typed(int tty, const char *prompt, uint8_t ret[static PASSPHRASE_MAX],
                 struct gf_fail *why)
{
    size_t n = 0;
    ssize_t got;
    uint8_t c;

    say(tty, prompt);
    while ((got = read(tty, &c, 1)) == 1 && c != '\n' && c != CTRL_C) {
        if (n == PASSPHRASE_MAX)
            return gf_fail(why, GF_E_PASSPHRASE, "passphrase", "too long");
        ret[n++] = c;
    }
    say(tty, "\n");
    if (got != 1 || c == CTRL_C)
        return gf_fail(why, GF_E_CANCELLED, "passphrase", "");
    return n > 0 ? (int)n : gf_fail(why, GF_E_PASSPHRASE, "passphrase", "it may not be empty");
}

static int typed_twice(int tty, uint8_t ret[static PASSPHRASE_MAX], struct gf_fail *why)
{
    uint8_t again[PASSPHRASE_MAX];
    int n = typed(tty, "New passphrase for this laptop's database: ", ret, why);
    int k = n < 0 ? n : typed(tty, "The same again: ", again, why);

    if (k >= 0 && (k != n || memcmp(ret, again, (size_t)n) != 0))
        k = gf_fail(why, GF_E_PASSPHRASE, "passphrase", "the two differ");
    gf_wipe(again, sizeof again);
    return k;
}

int passphrase_get(const char *file, bool make, uint8_t ret[static PASSPHRASE_MAX],
                   struct gf_fail *why)
{
    struct termios before, unseen;
    int tty, n;

    if (file != NULL)
        return from_file(file, ret, why);
    tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0 || tcgetattr(tty, &before) != 0) {
        if (tty >= 0)
            (void)close(tty);
        return gf_fail(why, GF_E_USAGE, "passphrase",
                       "there is no terminal to ask on; use --passphrase-file");
    }
    unseen = before;
    /* Signals too are off, or Ctrl-C would leave the terminal without echo. */
    unseen.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    (void)tcsetattr(tty, TCSAFLUSH, &unseen);
    n = make ? typed_twice(tty, ret, why) : typed(tty, "Passphrase: ", ret, why);
    (void)tcsetattr(tty, TCSAFLUSH, &before);
    (void)close(tty);
    return n;
}
