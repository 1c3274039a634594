/* admin_backup.c - the commands that keep a copy of everything, and bring it back; see admin.h. */
#include <stdio.h>
#include <unistd.h>

#include "backend/admin.h"
#include "backend/odb_backup.h"
#include "backend/office_place.h"
#include "common/bytes.h"

/* ---- how far it is ---- */

static bool tell(void *ctx, int64_t rows)
{
    return admin_watch_tell(ctx, rows);
}

/* ---- backup ---- */

static int run_backup(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct admin_watch signals = { 0 };
    struct odb_backup_watch watch = { .ctx = &signals, .tell = tell };
    int r = admin_watch(&signals, a, "rows", 0, why);

    if (r == 0)
        r = odb_backup(a->office->db, args->words[0], &watch, why);
    admin_watch_end(&signals);
    if (r != 0)
        return r;
    if (a->json)
        return admin_json(a,
                          json_pack("{s:s, s:I}", "backup", args->words[0], "rows",
                                    (json_int_t)watch.rows),
                          why);
    (void)fprintf(a->out,
                  "%lld rows in %s\nIt holds no key: keep ca.pem, ca.key, server.pem, server.key, "
                  "sign.pem, sign.key and\nthe master key of %s in another place.\n",
                  (long long)watch.rows, args->words[0], a->dir);
    return 0;
}

/* ---- restore ---- */

static const struct admin_option restore_options[] = {
    ADMIN_DB_OPTIONS,
};

struct restore {
    const char *path, *dir;
    const struct keys_source *secrets;
    const struct office_ports *ports;
    struct odb_backup_watch watch;
};

/* The master key that lies there has to open what is restored, or nothing is. */
static int try_keys(struct odb *db, const struct restore *restore, struct gf_fail *why)
{
    struct keys_source source = *restore->secrets;
    struct keys *keys = NULL;

    source.dir = restore->dir;
    int r = keys_open(db, &source, restore->ports, &keys, why);

    (void)keys_close(keys);
    return r;
}

/* Sessions and codes are not brought back: who has them may have lost the right to them since. */
static int end_openings(struct odb *db, struct gf_fail *why)
{
    if (odb_exec(db, "DELETE FROM customer_session WHERE org_id = ?1", ODB_NONE) < 0
        || odb_exec(db, "UPDATE enrol_code SET expires_at_ms = made_at_ms WHERE org_id = ?1",
                    ODB_NONE)
               < 0)
        return odb_fail(db, why);
    return 0;
}

/* Everything of the backup, and from when on numbers are left out (ho_restore_skip). */
static int fill(struct odb *db, void *ctx, struct gf_fail *why)
{
    struct restore *restore = ctx;
    const struct gf_clock *clock = restore->ports->clock;
    int r = odb_restore(db, restore->path, &restore->watch, why);

    if (r != 0)
        return r;
    if ((r = ho_check_papers(db, restore->dir, why)) != 0 || (r = try_keys(db, restore, why)) != 0)
        return r;
    r = ho_restore_numbers(db, clock->utc_ms(clock->ctx));
    return r < 0 ? odb_fail(db, why) : end_openings(db, why);
}

static int log_it(struct office *o, void *ctx)
{
    const struct restore *restore = ctx;

    return ho_log(o, "cli", "restored", "%lld rows of %s", (long long)restore->watch.rows / 2,
                  restore->path);
}

/* The key files come from where they were kept: without them nothing restored could be used. */
static int check_keys(const char *dir, struct gf_fail *why)
{
    static const enum ho_file needed[] = { HO_CA_PEM,     HO_CA_KEY,   HO_SERVER_PEM,
                                           HO_SERVER_KEY, HO_SIGN_PEM, HO_SIGN_KEY };
    char path[4096];

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (ho_path(dir, needed[i], path, sizeof path) != 0 || access(path, R_OK) != 0)
            return gf_fail(why, GF_E_FILE, "first put the key file there", path);
    return 0;
}

static int run_restore(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct admin_watch signals = { 0 };
    struct restore restore = { .path = args->words[0],
                               .dir = a->dir,
                               .secrets = &a->secrets,
                               .ports = a->ports,
                               .watch = { .ctx = &signals, .tell = tell } };
    struct place place = { 0 };
    char space[ADMIN_DB_URL_MAX] = "";
    const char *url = NULL;
    int r = check_keys(a->dir, why), lock = -1;

    if (r == 0)
        r = admin_db(args, space, &url, why);
    if (r == 0 && (lock = keys_folder_lock(a->dir, why)) < 0)
        r = lock;
    if (r == 0)
        r = admin_watch(&signals, a, "rows", 0, why);
    if (r == 0)
        r = place_new(&place, a->dir, url, why);
    if (r == 0)
        r = place_make(&place, fill, &restore, why);
    place_end(&place);
    gf_wipe(space, sizeof space);
    keys_folder_unlock(lock);
    admin_watch_end(&signals);
    if (r == 0)
        r = office_open_with(a->dir, &a->secrets, a->ports, &a->office, why);
    if (r == 0)
        r = admin_failed(a, ho_transaction(a->office, log_it, &restore), why);
    if (r != 0)
        return r;
    if (a->json)
        return admin_json(a,
                          json_pack("{s:s, s:I}", "restored", restore.path, "rows",
                                    (json_int_t)restore.watch.rows / 2),
                          why);
    (void)fprintf(a->out,
                  "%lld rows of %s\nWho was revoked or left since that backup is back: revoke them "
                  "again. Sessions and codes are\nended; passwords are those of the backup.\n",
                  (long long)restore.watch.rows / 2, restore.path);
    return 0;
}

static const struct admin_command commands[] = {
    {.name = "backup",
     .words = "FILE",
     .what = "copy every row, as it is now, into one file, while others go on",
     .more = "Key files are not in it.",
     .run = run_backup},
    {.name = "restore",
     .words = "FILE",
     .what = "make a head office of a backup and the key files that lie in the folder",
     .more = "Every table is compared with the backup's manifest; a backup that is damaged is "
             "refused, and its table named. The next ticket and the next token of each meter leave "
             "1,000 numbers out. Moves between SQLite and PostgreSQL in either direction.",
     .without_office = true,
     ADMIN_OPTIONS(restore_options),
     .run = run_restore},
};

const struct admin_group admin_group_backup = ADMIN_GROUP("Backup", commands);
