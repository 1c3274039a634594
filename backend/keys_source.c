/* keys_source.c - kinds of master keys, and where passphrases and PINs come from; see keys_in.h. */
#include "backend/keys_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/ids.h"
#include "common/text.h"

static const struct keys_kind_ops *const kinds[KEYS_KINDS] = {
    [KEYS_FILE] = &keys_file_ops,
    [KEYS_PASSPHRASE] = &keys_passphrase_ops,
    [KEYS_PKCS11] = &keys_pkcs11_ops,
};

const struct keys_secret keys_secret_passphrase = { "passphrase", "GASOFFICE_PASSPHRASE_FILE",
                                                    "passphrase" };
const struct keys_secret keys_secret_pin = { "PIN", "GASOFFICE_PIN_FILE", "pin" };

const char *keys_kind_word(enum keys_kind kind)
{
    return kinds[kind]->word;
}

int keys_kind_parse(const char *word, enum keys_kind *ret, struct gf_fail *why)
{
    for (size_t i = 0; i < KEYS_KINDS; i++)
        if (strcmp(kinds[i]->word, word) == 0) {
            *ret = (enum keys_kind)i;
            return 0;
        }
    return gf_fail(why, GF_E_USAGE, "a master key is file, passphrase or pkcs11, not", word);
}

int keys_master_id(const struct office_ports *ports, const uint8_t key[static KEYS_LEN],
                   char ret[static KEYS_ID_TEXT], struct gf_fail *why)
{
    static const char label[] = "gasoffice master key";
    const struct gf_span parts[] = { { (const uint8_t *)label, sizeof label }, { key, KEYS_LEN } };
    uint8_t hash[32];

    if (ports->crypto->sha256(ports->crypto->ctx, parts, 2, hash) != 0)
        return gf_fail(why, GF_E_CRYPTO, "master key", "");
    gf_hex(hash, (KEYS_ID_TEXT - 1) / 2, ret);
    return 0;
}

int keys_master_get(const struct keys_source *s, const struct office_ports *ports,
                    struct keys_refused *refused, struct keys_master *m, struct gf_fail *why)
{
    if (refused != NULL && strcmp(refused->master_id, m->id) != 0) {
        *refused = (struct keys_refused){ 0 };
        memcpy(refused->master_id, m->id, sizeof refused->master_id);
    }
    return kinds[s->kind]->get(s, ports, refused, m, why);
}

int keys_master_make(const struct keys_source *s, const struct office_ports *ports,
                     struct keys_master *ret, struct gf_fail *why)
{
    struct keys_master *again = keys_lock_new(sizeof *again, why);
    int r = again != NULL ? kinds[s->kind]->make(s, ports, ret, why) : GF_E_MEMORY;

    if (r == 0)
        r = keys_master_id(ports, ret->key, ret->id, why);
    if (r == 0 && s->kind != KEYS_PASSPHRASE) { /* that one was typed twice or stands in a file */
        *again = *ret;
        gf_wipe(again->key, sizeof again->key);
        r = keys_master_get(s, ports, NULL, again, why);
        if (r == 0 && !gf_same_secret(again->key, ret->key, KEYS_LEN))
            r = gf_fail(why, GF_E_CRYPTO, "master key", "it does not come back as it was made");
    }
    keys_lock_free(again, sizeof *again);
    return r;
}

bool keys_parameter(const char *parameters, const char *name, char *ret, size_t cap)
{
    size_t len = strlen(name);

    for (const char *at = parameters; *at != '\0';) {
        size_t n = strcspn(at, ";");

        if (n > len && strncmp(at, name, len) == 0 && at[len] == '=' && n - len - 1 < cap) {
            memcpy(ret, at + len + 1, n - len - 1);
            ret[n - len - 1] = '\0';
            return true;
        }
        at += n + (at[n] == ';');
    }
    return false;
}

/* ---- secrets ---- */

static int file_fail(const struct keys_secret *place, const char *path, const char *reason,
                     struct gf_fail *why)
{
    char detail[160];

    (void)snprintf(detail, sizeof detail, "%.100s: %s", path, reason);
    return gf_fail(why, GF_E_FILE, place->what, detail);
}

/* The first line of a file that others may not read. 1; 0 when it is not there and need not be. */
static int read_line(const struct keys_secret *place, const char *path, bool may_lack,
                     char ret[static KEYS_SECRET_MAX], struct gf_fail *why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && may_lack)
        return 0;
    if (fd < 0)
        return file_fail(place, path, strerror(errno), why);

    int r = 1;
    if (fstat(fd, &st) != 0 || (st.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        r = file_fail(place, path, "others may read or change it: chmod 600", why);

    ssize_t n = r == 1 ? read(fd, ret, KEYS_SECRET_MAX) : 0;
    (void)close(fd); /* was only read */
    if (r != 1)
        return r;

    size_t len = 0;
    while (n > 0 && len < (size_t)n && ret[len] != '\n' && ret[len] != '\r' && ret[len] != '\0')
        len++;
    if (len == 0 || len == KEYS_SECRET_MAX)
        r = file_fail(place, path, "its first line has to have 1 to 255 bytes", why);
    else
        gf_wipe(ret + len, KEYS_SECRET_MAX - len);
    return r;
}

/* Where a secret's file is: in ret, "" when none is said; whether it has to be there. */
static bool find_file(const struct keys_secret *place, const char *file, char *ret, size_t cap)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    if (file == NULL)
        file = getenv(place->env);
    ret[0] = '\0';
    if (file != NULL)
        (void)snprintf(ret, cap, "%s", file);
    else if (folder != NULL)
        (void)snprintf(ret, cap, "%s/%s", folder, place->credential);
    return file != NULL;
}

int keys_secret_read(const struct keys_secret *place, const char *file, bool is_next,
                     const struct keys_source *s, char ret[static KEYS_SECRET_MAX],
                     struct gf_fail *why)
{
    char path[4096], detail[160];
    bool is_said = find_file(place, file, path, sizeof path - sizeof ".new");
    int r = 0;

    if (path[0] != '\0' && is_next)
        (void)strcat(path, ".new");
    if (path[0] != '\0')
        r = read_line(place, path, is_next || !is_said, ret, why);
    if (r != 0 || is_next)
        return r;
    if (s->ask != NULL)
        return (r = s->ask(place->what, false, ret, why)) == 0 ? 1 : r;
    (void)snprintf(detail, sizeof detail, "no %s: name its file (%s), or start at a terminal",
                   place->what, place->env);
    return gf_fail(why, GF_E_PASSPHRASE, "master key", detail);
}

static int hash_secret(const struct office_ports *ports, const char *secret, uint8_t ret[static 32])
{
    const struct gf_span part = { (const uint8_t *)secret, strlen(secret) };

    return ports->crypto->sha256(ports->crypto->ctx, &part, 1, ret);
}

bool keys_was_refused(const struct keys_refused *r, const struct office_ports *ports,
                      const char *secret)
{
    uint8_t hash[32];

    return r != NULL && r->is_set && hash_secret(ports, secret, hash) == 0
           && gf_same_secret(hash, r->hash, sizeof hash);
}

void keys_note_refused(struct keys_refused *r, const struct office_ports *ports, const char *secret)
{
    if (r != NULL)
        r->is_set = hash_secret(ports, secret, r->hash) == 0;
}

/* ---- the terminal ---- */

static bool ask_once(int fd, const char *prompt, char ret[static KEYS_SECRET_MAX])
{
    size_t n = 0;
    char c = '\0';

    (void)dprintf(fd, "%s: ", prompt);
    while (read(fd, &c, 1) == 1 && c != '\n')
        if (n < KEYS_SECRET_MAX)
            ret[n++] = c;
    (void)dprintf(fd, "\n");
    if (c != '\n' || n == 0 || n == KEYS_SECRET_MAX)
        return false;
    ret[n] = '\0';
    return true;
}

int keys_ask_terminal(const char *prompt, bool again, char ret[static KEYS_SECRET_MAX],
                      struct gf_fail *why)
{
    struct termios shown, hidden;
    char twice[KEYS_SECRET_MAX] = "", text[64];
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), r = 0;

    if (fd < 0 || tcgetattr(fd, &shown) != 0) {
        if (fd >= 0)
            (void)close(fd);
        (void)snprintf(text, sizeof text, "no file of the %s is named, and there is no terminal",
                       prompt);
        return gf_fail(why, GF_E_PASSPHRASE, "master key", text);
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &hidden);
    (void)snprintf(text, sizeof text, "%s%s", again ? "new " : "", prompt);
    if (!ask_once(fd, text, ret))
        r = gf_fail(why, GF_E_PASSPHRASE, "master key", "nothing usable was typed");
    if (r == 0 && again && (!ask_once(fd, "once more", twice) || strcmp(twice, ret) != 0))
        r = gf_fail(why, GF_E_PASSPHRASE, "master key", "the two differ");
    (void)tcsetattr(fd, TCSAFLUSH, &shown);
    (void)close(fd);
    gf_wipe(twice, sizeof twice);
    return r;
}
