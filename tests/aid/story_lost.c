/* story_lost.c - what is lost in a story: a laptop, what the process had not made durable, all of
 * the database but for a backup; see story.h. */
#include "tests/aid/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "backend/admin.h"
#include "backend/keys.h"
#include "tests/aid/store_vfs.h"

#define BATCH 12

/* ---- records that can be sent again ---- */

/* Receipts of one meter in one request, as a laptop keeps them until they are acknowledged. */
struct batch {
    struct story_meter *m;
    size_t n, receipts[BATCH], sizes[BATCH];
    uint64_t first_seq;
    uint8_t items[BATCH][sync_Item_size];
};

/* Draw some, ones that are home too. False: the meter has none. */
static bool make_batch(struct story *y, struct batch *b)
{
    struct story_meter *m = &y->meters[story_pick(y, y->n_meters)];

    *b = (struct batch){ .m = m, .first_seq = y->s.l.seq + 1 };
    story_read(y, m);
    if (m->m.n == 0 || m->life == STORY_NEW)
        return false;
    oaid_begin(&y->s.l);
    for (size_t i = 1; i <= m->m.n && b->n < BATCH; i++) {
        sync_Item item;

        if (m->home[i] ? !story_one_in(y, 20) : story_one_in(y, 10))
            continue;
        item = oaid_receipt_item(site_job(&y->s, m->number), m->m.receipts[i - 1],
                                 m->m.sizes[i - 1]);
        b->receipts[b->n] = i;
        b->sizes[b->n] = oaid_add_get(&y->s.l, &item, b->items[b->n], sizeof b->items[0]);
        b->n++;
    }
    return b->n > 0;
}

/* The same bytes in another request. */
static void make_again(struct story *y, const struct batch *b)
{
    oaid_begin(&y->s.l);
    for (size_t i = 0; i < b->n; i++)
        oaid_add_bytes(&y->s.l, b->items[i], b->sizes[i]);
}

/* The answer acknowledges all of them. */
static void acknowledged(struct story *y, const struct batch *b)
{
    if (y->s.l.status != 200)
        fail_msg("%d %s", y->s.l.status, y->s.l.error);
    assert_int_equal(y->s.l.n_verdicts, b->n);
    for (size_t i = 0; i < b->n; i++) {
        const sync_Verdict *v = &y->s.l.verdicts[i];

        if (v->kind != sync_VerdictKind_APPLIED && v->kind != sync_VerdictKind_DUPLICATE)
            fail_msg("receipt %zu of %s: %s: %s", b->receipts[i], b->m->m.w->meter_id, v->field,
                     v->reason);
        b->m->home[b->receipts[i]] = true;
    }
    y->s.l.cursor = 0;
}

/* ---- the process ---- */

void story_restart(struct story *y)
{
    story_tell(y, "head office is restarted");
    oaid_office_restart(&y->s.a);
}

void story_fall_soon(struct story *y)
{
    store_vfs_fail(1 + (long)story_pick(y, 30), SQLITE_IOERR, true);
}

void story_get_up(struct story *y)
{
    store_vfs_fail(1, SQLITE_IOERR, true); /* nothing is put in order any more */
    oaid_office_end(&y->s.a);
    store_vfs_fail(0, 0, false);
    oaid_office_restart(&y->s.a);
}

/* What was answered is there; what was not is sent again, and is there once. */
void story_fall(struct story *y)
{
    static struct batch b;
    int status;

    if (story_one_in(y, 2)) {
        story_pay_falling(y);
        return;
    }
    if (!make_batch(y, &b))
        return;
    story_fall_soon(y);
    status = oaid_send(&y->s.l);
    if (status == 200)
        acknowledged(y, &b);
    story_get_up(y);
    story_tell(y, "%zu receipts of %s while head office falls: %d", b.n, b.m->m.w->meter_id,
               status);
    make_again(y, &b);
    (void)oaid_send(&y->s.l);
    acknowledged(y, &b);
    for (size_t i = 0; i < b.n && status == 200; i++)
        assert_int_equal(y->s.l.verdicts[i].kind, sync_VerdictKind_DUPLICATE);
}

void story_rotate(struct story *y)
{
    const struct keys_source to = { .kind = KEYS_FILE, .dir = y->s.a.dir };

    story_tell(y, "another master key");
    y->s.a.o->fail = (struct gf_fail){ 0 };
    site_must(&y->s, keys_rotate(y->s.a.o, &to, NULL));
}

/* ---- the database ---- */

/* What the books, tokens, cases, accounts, keys and receipts are: lines of text and number. */
static struct buf state_of(struct story *y)
{
    static const char *const rows[] = {
        "SELECT unit || ' ' || code || ' ' || owner, CAST(SUM(amount) AS BIGINT) FROM posting "
        "WHERE org_id = ?1 GROUP BY unit, code, owner HAVING SUM(amount) <> 0 ORDER BY 1",
        "SELECT kind || ' ' || state, COUNT(*) FROM token WHERE org_id = ?1 GROUP BY kind, state "
        "ORDER BY 1",
        "SELECT number || ' ' || state, new_account_no FROM swap_case WHERE org_id = ?1 ORDER BY 1",
        "SELECT state, account_no FROM account WHERE org_id = ?1 ORDER BY 2",
        "SELECT meter_id || ' ' || state, epoch FROM account_key WHERE org_id = ?1 ORDER BY 1, 2",
        "SELECT meter_id, COUNT(*) FROM receipt WHERE org_id = ?1 GROUP BY meter_id ORDER BY 1",
        "SELECT state, COUNT(*) FROM refund WHERE org_id = ?1 GROUP BY state ORDER BY 1",
        "SELECT number || ' ' || state, 0 FROM work_order WHERE org_id = ?1 ORDER BY 1",
    };
    struct odb *db = y->s.a.o->db;
    struct buf ret = { 0 };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct odb_query *q = odb_query(db, rows[i], ODB_NONE);
        char line[160], text[120];
        int r;

        while ((r = odb_next(db, q)) == 1) {
            odb_text(q, 0, text, sizeof text);
            (void)snprintf(line, sizeof line, "%s %lld\n", text, (long long)odb_int(q, 1));
            buf_text(&ret, line);
        }
        odb_end(q);
        assert_int_equal(r, 0);
    }
    buf_add(&ret, "", 1);
    assert_false(ret.bad);
    return ret;
}

static void gasoffice(struct story *y, const char *dir, const char *command, const char *file)
{
    char said[2000] = "", name[] = "gasoffice", verb[16], path[600];
    char *argv[] = { name, verb, path, NULL };
    FILE *f = fmemopen(said, sizeof said - 1, "w");
    struct admin a = { .dir = dir, .ports = &y->s.a.ports, .in = stdin, .out = f, .err = f };

    assert_non_null(f);
    (void)snprintf(verb, sizeof verb, "%s", command);
    (void)snprintf(path, sizeof path, "%s", file);
    int r = admin_main(&a, 3, argv);

    assert_int_equal(fclose(f), 0);
    if (r != 0)
        fail_msg("%s", said);
}

/* Another machine: the backup, and the key files that were kept elsewhere. */
static void move_to_backup(struct story *y, const char *backup)
{
    static const char *const files[] = { "ca.pem",     "ca.key",   "server.pem", "server.key",
                                         "sign.pem",   "sign.key", "master.key" };
    char dir[sizeof y->s.a.dir], from[600], to[600];
    uint8_t bytes[8192];

    (void)snprintf(dir, sizeof dir, "%.400s-%u", y->s.a.dir, ++y->restores);
    assert_int_equal(mkdir(dir, 0700), 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t n;

        (void)snprintf(from, sizeof from, "%s/%s", y->s.a.dir, files[i]);
        (void)snprintf(to, sizeof to, "%s/%s", dir, files[i]);
        FILE *f = fopen(from, "rb");
        assert_non_null(f);
        n = fread(bytes, 1, sizeof bytes, f);
        assert_int_equal(fclose(f), 0);
        assert_non_null(f = fopen(to, "wb"));
        assert_int_equal(fwrite(bytes, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(to, 0600), 0);
    }
    oaid_office_end(&y->s.a);
    gasoffice(y, dir, "restore", backup);
    memcpy(y->s.a.dir, dir, sizeof dir);
    oaid_office_restart(&y->s.a);
    y->session_ms[0] = y->session_ms[1] = INT64_MIN / 2; /* they are ended */
}

/* The laptop hears what is missing, and sends all of it again. Of one that head office knows
 * nothing of yet only its next record shows that there are others. */
static void send_lost(struct story *y, const struct batch *b, size_t n)
{
    assert_int_equal(oaid_fetch(&y->s.l), 200);
    assert_int_equal(y->s.l.end.wanted_seq, b[0].first_seq > 1 ? b[0].first_seq : 0);
    for (size_t i = 0; i < n; i++) {
        make_again(y, &b[i]);
        (void)oaid_send(&y->s.l);
        acknowledged(y, &b[i]);
    }
}

/* The database is gone; from the last backup on only laptops brought something. Everything is as it
 * was. */
void story_restore(struct story *y)
{
    static struct batch b[4];
    struct buf was, is;
    size_t n = 0;
    char backup[600];

    if (y->s.a.db_url[0] != '\0')
        return; /* of PostgreSQL t-office-postgresql.sh restores */
    for (int i = 0; i < STORY_PLACES; i++)
        (void)story_session(y, i); /* who registers now is in the backup */
    (void)snprintf(backup, sizeof backup, "%s.%u.backup", y->s.a.dir, y->at);
    gasoffice(y, y->s.a.dir, "backup", backup);
    for (int tries = 0; tries < 6 && n < sizeof b / sizeof b[0]; tries++) {
        if (story_one_in(y, 2))
            story_use_gas(y);
        else
            story_give(y);
        if (!make_batch(y, &b[n]))
            continue;
        (void)oaid_send(&y->s.l);
        acknowledged(y, &b[n++]);
    }
    was = state_of(y);
    move_to_backup(y, backup);
    story_tell(y, "head office is restored, %zu requests are sent again", n);
    if (n > 0)
        send_lost(y, b, n);
    is = state_of(y);
    assert_string_equal((const char *)is.p, (const char *)was.p);
    buf_free(&was);
    buf_free(&is);
    (void)remove(backup);
}

/* ---- a laptop ---- */

/* It is lost, and its device shut out: what it says changes nothing. It is found and enrolled
 * again, so its chain goes on; or its person gets another. */
void story_revoke(struct story *y)
{
    static struct batch b;
    const char *rows = "SELECT (SELECT COUNT(*) FROM posting) + (SELECT COUNT(*) FROM receipt) + "
                       "(SELECT COUNT(*) FROM item) + (SELECT COUNT(*) FROM stray)";
    const bool has_chain = y->s.l.seq > 0;
    uint8_t hash[sizeof y->s.l.prev_hash];
    uint64_t seq;
    char path[128];
    int64_t before;
    bool has_any;

    (void)snprintf(path, sizeof path, "/v1/devices/%s/revoke", y->s.l.id_text);
    json_decref(story_call(y, "POST", path, y->officer, NULL, NULL));
    before = story_number(y, rows, ODB_NONE);
    assert_int_equal(oaid_fetch(&y->s.l), 403);
    if ((has_any = make_batch(y, &b)))
        assert_int_equal(oaid_send(&y->s.l), 403);
    assert_int_equal(story_number(y, rows, ODB_NONE), before);
    seq = y->s.l.seq;
    memcpy(hash, y->s.l.prev_hash, sizeof hash);
    oaid_laptop_new(&y->s.l, &y->s.a, "S001");
    story_tell(y, "the laptop is lost%s", has_any && has_chain ? ", and found" : "");
    if (!has_any || !has_chain)
        return;
    y->s.l.seq = seq;
    memcpy(y->s.l.prev_hash, hash, sizeof hash);
    make_again(y, &b);
    (void)oaid_send(&y->s.l);
    acknowledged(y, &b);
}
