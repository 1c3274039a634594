/* office_audit_books.c - the statements about the journal alone: entries, their place in the audit
 * log, the sums of ledger accounts; see office_audit.h.
 *
 * Each is one walk over rows in the order of their key, so memory stays flat and time linear.
 */
#include <string.h>

#include "backend/ledger.h"
#include "backend/office_audit.h"

/* ---- entries ---- */

/* The entry whose lines are being read. */
struct entry {
    struct ledger_entry e;
    char kind[LEDGER_KIND_MAX], made_by[LEDGER_WHO_MAX], note[LEDGER_NOTE_MAX];
    char units[LEDGER_POSTINGS_MAX][LEDGER_UNIT_MAX], owners[LEDGER_POSTINGS_MAX][LEDGER_OWNER_MAX];
    int64_t at_ms;
    uint8_t hash[32];
    bool is_open, is_odd; /* odd: its lines are not numbered from 1, or cannot be an entry's */
};

static void begin_entry(struct entry *x, struct odb_query *q, const uint8_t op_id[static 16],
                        const char *kind)
{
    *x = (struct entry){ .is_open = true, .at_ms = odb_int(q, 2) };
    memcpy(x->e.op_id, op_id, 16);
    memcpy(x->kind, kind, sizeof x->kind);
    odb_text(q, 4, x->made_by, sizeof x->made_by);
    odb_text(q, 5, x->note, sizeof x->note);
    x->e.kind = x->kind;
    x->e.made_by = x->made_by;
    x->e.note = x->note;
    x->e.effective_s = odb_int(q, 3);
    x->is_odd = !odb_copy(q, 6, x->hash, sizeof x->hash);
}

static void add_line(struct entry *x, struct odb_query *q)
{
    struct ledger_posting *p = &x->e.postings[x->e.n];
    char code[24];

    if (odb_is_null(q, 7) || x->e.n == LEDGER_POSTINGS_MAX
        || odb_int(q, 7) != (int64_t)x->e.n + 1) {
        x->is_odd = true;
        return;
    }
    odb_text(q, 8, x->units[x->e.n], LEDGER_UNIT_MAX);
    odb_text(q, 9, code, sizeof code);
    odb_text(q, 10, x->owners[x->e.n], LEDGER_OWNER_MAX);
    *p = (struct ledger_posting){ x->units[x->e.n], ledger_code_find(code), x->owners[x->e.n],
                                  odb_int(q, 11) };
    if (p->code == LEDGER_CODES)
        x->is_odd = true;
    else
        x->e.n++;
}

/* Do the lines of each unit sum to zero? A sum that leaves 64 bits does not. */
static bool is_balanced(const struct ledger_entry *e)
{
    for (size_t i = 0; i < e->n; i++) {
        int64_t sum = 0;

        for (size_t k = 0; k < e->n; k++)
            if (strcmp(e->postings[k].unit, e->postings[i].unit) == 0
                && __builtin_add_overflow(sum, e->postings[k].amount, &sum))
                return false;
        if (sum != 0)
            return false;
    }
    return true;
}

static void end_entry(struct ho_audit *a, const struct entry *x)
{
    uint8_t now[32];
    char op_id[33];
    const char *wrong = NULL;

    if (!x->is_open)
        return;
    ho_checked(a, HO_ENTRIES);
    gf_hex(x->e.op_id, 16, op_id);
    if (!x->is_odd && !is_balanced(&x->e))
        wrong = "does not balance";
    else if (x->is_odd || ledger_hash(a->o, &x->e, x->at_ms, now) != 0
             || memcmp(now, x->hash, sizeof now) != 0)
        wrong = "is not as it was posted";
    if (wrong != NULL)
        ho_broken(a, HO_ENTRIES, "entry %s %s %s", op_id, x->kind, wrong);
}

int ho_audit_entries(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT j.op_id, j.kind, j.at_ms, j.effective_s, j.made_by, j.note, j.hash, p.line, "
        "p.unit, p.code, p.owner, p.amount FROM journal j LEFT JOIN posting p ON p.org_id = "
        "j.org_id AND p.op_id = j.op_id AND p.kind = j.kind WHERE j.org_id = ?1 ORDER BY j.op_id, "
        "j.kind, p.line",
        ODB_NONE);
    struct entry x = { .is_open = false };
    uint8_t op_id[16];
    char kind[LEDGER_KIND_MAX];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        (void)odb_copy(q, 0, op_id, sizeof op_id);
        memset(kind, 0, sizeof kind);
        odb_text(q, 1, kind, sizeof kind);
        if (!x.is_open || memcmp(op_id, x.e.op_id, 16) != 0 || strcmp(kind, x.kind) != 0) {
            end_entry(a, &x);
            begin_entry(&x, q, op_id, kind);
        }
        add_line(&x, q);
    }
    odb_end(q);
    end_entry(a, &x);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* ---- the audit log and the journal say the same ---- */

/* One side of the comparison: rows of one operation at a time, as the log writes them. */
#define GROUP_MAX 16
struct group {
    struct odb_query *q;
    bool is_journal, more; /* more: a row is read and not taken yet */
    char next[LEDGER_DETAIL_MAX], op_id[33], rows[GROUP_MAX][LEDGER_DETAIL_MAX];
    size_t n;
};

/* Read one row ahead. 0 or a failure. */
static int read_ahead(struct ho_audit *a, struct group *g)
{
    struct ledger_entry e = { 0 };
    uint8_t hash[32];
    char kind[LEDGER_KIND_MAX];
    int r = odb_next(a->o->db, g->q);

    g->more = r == 1;
    memset(g->next, 0, sizeof g->next);
    if (r == 1 && g->is_journal) {
        (void)odb_copy(g->q, 0, e.op_id, sizeof e.op_id);
        odb_text(g->q, 1, kind, sizeof kind);
        (void)odb_copy(g->q, 2, hash, sizeof hash);
        e.kind = kind;
        ledger_detail(&e, hash, g->next);
    } else if (r == 1)
        odb_text(g->q, 0, g->next, sizeof g->next);
    return r < 0 ? ho_db_fail(a->o) : 0;
}

/* Take all rows of the operation that comes next. 0 or a failure. */
static int take_group(struct ho_audit *a, struct group *g)
{
    int r = 0;

    g->n = 0;
    memcpy(g->op_id, g->next, 32);
    while (r == 0 && g->more && memcmp(g->op_id, g->next, 32) == 0) {
        if (g->n < GROUP_MAX)
            memcpy(g->rows[g->n++], g->next, sizeof g->next);
        r = read_ahead(a, g);
    }
    return r;
}

static bool has_row(const struct group *g, const char *row)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->rows[i], row) == 0)
            return true;
    return false;
}

/* Each row of `from` has to stand in `in` too (empty: when that has none of this operation). */
static void compare_groups(struct ho_audit *a, const struct group *from, const struct group *in)
{
    for (size_t i = 0; i < from->n; i++) {
        int n = (int)strcspn(from->rows[i] + 33, " ") + 33; /* op id and kind */

        if (from->is_journal)
            ho_checked(a, HO_ENTRIES_LOGGED);
        if (in == NULL || !has_row(in, from->rows[i]))
            ho_broken(a, HO_ENTRIES_LOGGED, from->is_journal
                                                ? "entry %.*s is not in the audit log"
                                                : "entry %.*s stands in the audit log otherwise "
                                                  "than in the journal, or is gone from there",
                      n, from->rows[i]);
    }
}

static int merge(struct ho_audit *a, struct group *log, struct group *journal)
{
    int r = read_ahead(a, log);

    if (r == 0)
        r = read_ahead(a, journal);
    while (r == 0 && (log->more || journal->more)) {
        int order = !log->more ? 1 : !journal->more ? -1 : memcmp(log->next, journal->next, 32);

        if (order <= 0)
            r = take_group(a, log);
        if (r == 0 && order >= 0)
            r = take_group(a, journal);
        if (order <= 0)
            compare_groups(a, log, order == 0 ? journal : NULL);
        if (order >= 0)
            compare_groups(a, journal, order == 0 ? log : NULL);
    }
    return r;
}

int ho_audit_logged(struct ho_audit *a)
{
    struct odb *db = a->o->db;
    struct group log = { .q = odb_query(db,
                                        "SELECT detail FROM audit_log WHERE org_id = ?1 AND what = "
                                        "?2 ORDER BY detail",
                                        ODB(ODB_T(LEDGER_POSTED))) },
                 journal = { .q = odb_query(db,
                                            "SELECT op_id, kind, hash FROM journal WHERE org_id = "
                                            "?1 ORDER BY op_id, kind",
                                            ODB_NONE),
                             .is_journal = true };
    int r = merge(a, &log, &journal);

    odb_end(log.q);
    odb_end(journal.q);
    return r;
}

/* ---- sums ---- */

/* The ledger account whose postings are being read. */
struct sums {
    char unit[LEDGER_UNIT_MAX], code[24], owner[LEDGER_OWNER_MAX];
    int64_t debits, credits, said_debits, said_credits;
    bool is_open, is_odd;
};

static void end_sums(struct ho_audit *a, const struct sums *s)
{
    if (!s->is_open)
        return;
    ho_checked(a, HO_SUMS);
    if (s->is_odd || s->debits != s->said_debits || s->credits != s->said_credits)
        ho_broken(a, HO_SUMS,
                  "ledger account %s %s %s: %lld and %lld, its postings are %lld and %lld", s->unit,
                  s->code, s->owner, (long long)s->said_debits,
                  (long long)s->said_credits, (long long)s->debits, (long long)s->credits);
}

static void add_amount(struct sums *s, int64_t amount)
{
    if (amount == INT64_MIN
        || (amount > 0 ? __builtin_add_overflow(s->debits, amount, &s->debits)
                       : __builtin_add_overflow(s->credits, -amount, &s->credits)))
        s->is_odd = true;
}

/* Postings whose ledger account is gone do not show in a join. */
static int list_lost(struct ho_audit *a)
{
    struct odb_query *q = odb_query(
        a->o->db,
        "SELECT p.unit, p.code, p.owner FROM posting p WHERE p.org_id = ?1 AND NOT EXISTS (SELECT "
        "1 FROM ledger_account l WHERE l.org_id = p.org_id AND l.unit = p.unit AND l.code = p.code "
        "AND l.owner = p.owner) GROUP BY p.unit, p.code, p.owner ORDER BY p.unit, p.code, p.owner",
        ODB_NONE);
    char unit[LEDGER_UNIT_MAX], code[24], owner[LEDGER_OWNER_MAX];
    int r;

    while ((r = odb_next(a->o->db, q)) == 1) {
        odb_text(q, 0, unit, sizeof unit);
        odb_text(q, 1, code, sizeof code);
        odb_text(q, 2, owner, sizeof owner);
        ho_broken(a, HO_SUMS, "ledger account %s %s %s is gone, it has postings", unit, code, owner);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(a->o) : 0;
}

int ho_audit_sums(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT l.unit, l.code, l.owner, l.debits, l.credits, p.amount FROM ledger_account l LEFT "
        "JOIN posting p ON p.org_id = l.org_id AND p.unit = l.unit AND p.code = l.code AND p.owner "
        "= l.owner WHERE l.org_id = ?1 ORDER BY l.unit, l.code, l.owner",
        ODB_NONE);
    struct sums s = { .is_open = false }, next;
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        next = (struct sums){ .is_open = true,
                              .said_debits = odb_int(q, 3),
                              .said_credits = odb_int(q, 4) };
        odb_text(q, 0, next.unit, sizeof next.unit);
        odb_text(q, 1, next.code, sizeof next.code);
        odb_text(q, 2, next.owner, sizeof next.owner);
        if (!s.is_open || strcmp(s.unit, next.unit) != 0 || strcmp(s.code, next.code) != 0
            || strcmp(s.owner, next.owner) != 0) {
            end_sums(a, &s);
            s = next;
        }
        add_amount(&s, odb_int(q, 5));
    }
    odb_end(q);
    end_sums(a, &s);
    return r < 0 ? ho_db_fail(o) : list_lost(a);
}
