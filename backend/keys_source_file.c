/* keys_source_file.c - a master key in a file of the owner alone; see keys_in.h.
 *
 * A new one is written beside the present one, as master.key.ID; the database's commit decides
 * which one holds; then the new one takes the old one's name. So at every moment the file that the
 * database asks for is there under one of the two names.
 */
#include "backend/keys_in.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/host/real.h"

#define NAME "master.key"

static int path_of(const char *dir, const char *id, char *ret, size_t cap, struct gf_fail *why)
{
    int n = snprintf(ret, cap, "%s/" NAME "%s%s", dir, id[0] != '\0' ? "." : "", id);

    return n > 0 && (size_t)n < cap ? 0 : gf_fail(why, GF_E_SPACE, "folder", dir);
}

static int read_key(const char *path, uint8_t ret[static KEYS_LEN], struct gf_fail *why)
{
    uint8_t bytes[KEYS_LEN + 1];
    int n = gf_file_read(path, bytes, sizeof bytes, why);

    if (n == KEYS_LEN)
        memcpy(ret, bytes, KEYS_LEN);
    gf_wipe(bytes, sizeof bytes);
    if (n >= 0 && n != KEYS_LEN)
        return gf_fail(why, GF_E_CRYPTO, NAME, "it has to have 32 bytes");
    return n < 0 ? n : 0;
}

static int make(const struct keys_source *s, const struct office_ports *ports,
                struct keys_master *ret, struct gf_fail *why)
{
    char path[4096];
    int r = 0;

    ret->parameters[0] = '\0';
    if (ports->random->fill(ports->random->ctx, ret->key, KEYS_LEN) != 0)
        return gf_fail(why, GF_E_RANDOM, "master key", "");
    r = keys_master_id(ports, ret->key, ret->id, why);
    if (r == 0)
        r = path_of(s->dir, ret->id, path, sizeof path, why);
    return r == 0 ? gf_file_write(path, ret->key, KEYS_LEN, 0600, why) : r;
}

/* Does the file hold the key of that id? Then it is in ret. */
static bool is_that(const char *dir, const char *name, const char *id,
                    const struct office_ports *ports, uint8_t ret[static KEYS_LEN])
{
    struct gf_fail ignored = { 0 };
    char path[4096], found[KEYS_ID_TEXT];

    return path_of(dir, name, path, sizeof path, &ignored) == 0
           && read_key(path, ret, &ignored) == 0 && keys_master_id(ports, ret, found, &ignored) == 0
           && strcmp(found, id) == 0;
}

/* Without an id, the file as it is. */
static int get(const struct keys_source *s, const struct office_ports *ports,
               struct keys_refused *refused, struct keys_master *m, struct gf_fail *why)
{
    char path[4096], detail[160];
    int r = path_of(s->dir, "", path, sizeof path, why);

    (void)refused;
    if (r != 0)
        return r;
    if (m->id[0] != '\0'
        && (is_that(s->dir, "", m->id, ports, m->key)
            || is_that(s->dir, m->id, m->id, ports, m->key)))
        return 0;
    r = read_key(path, m->key, why);
    if (r != 0 || m->id[0] == '\0')
        return r;
    (void)snprintf(detail, sizeof detail,
                   "it is not the master key of this database (%s): put the right one there",
                   m->id);
    return gf_fail(why, GF_E_FILE, NAME, detail);
}

const struct keys_kind_ops keys_file_ops = { "file", make, get };

/* ---- order in the folder ---- */

int keys_folder_lock(const char *dir, struct gf_fail *why)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return gf_fail(why, GF_E_FILE, "folder", dir);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;

    int code = errno == EWOULDBLOCK ? GF_E_NOT_NOW : GF_E_FILE;
    (void)close(fd);
    return gf_fail(why, code, "folder",
                   "somebody else makes, restores or rotates in it: wait for the end");
}

void keys_folder_unlock(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

/* Remove what rotations left, and master.key too when it is no file's turn. */
static int remove_others(const char *dir, bool with_main)
{
    static const char beside[] = NAME ".";
    DIR *d = opendir(dir);
    int r = d != NULL ? 0 : GF_E_FILE;

    for (struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        bool is_main = strcmp(e->d_name, NAME) == 0;

        if ((is_main && with_main) || strncmp(e->d_name, beside, sizeof beside - 1) == 0)
            r = unlinkat(dirfd(d), e->d_name, 0) == 0 || errno == ENOENT ? 0 : GF_E_FILE;
    }
    if (r == 0 && fsync(dirfd(d)) != 0)
        r = GF_E_FILE;
    if (d != NULL)
        (void)closedir(d);
    return r;
}

int keys_files_settle(const char *dir, const char *id, const struct office_ports *ports,
                      struct gf_fail *why)
{
    char from[4096], to[4096];
    uint8_t key[KEYS_LEN];
    int r = path_of(dir, id, from, sizeof from, why);

    if (r == 0)
        r = path_of(dir, "", to, sizeof to, why);
    if (r == 0 && id[0] != '\0' && !is_that(dir, "", id, ports, key))
        r = is_that(dir, id, id, ports, key) && rename(from, to) == 0
                ? 0
                : gf_fail(why, GF_E_FILE, NAME, strerror(errno));
    gf_wipe(key, sizeof key);
    if (r == 0 && remove_others(dir, id[0] == '\0') != 0)
        r = gf_fail(why, GF_E_FILE, NAME, "what is no longer of use cannot be removed");
    return r;
}
