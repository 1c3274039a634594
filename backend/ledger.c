/* ledger.c - entries are checked, hashed and written whole; see ledger.h. */
#include "backend/ledger.h"

#include <stdio.h>
#include <string.h>

#include "backend/buf.h"

static const char *const code_words[LEDGER_CODES] = {
#define X(name, code, what) [LEDGER_##name] = code,
    LEDGER_CODE_TABLE(X)
#undef X
};

const char *ledger_code_text(enum ledger_code code)
{
    return code_words[code];
}

enum ledger_code ledger_code_find(const char *word)
{
    unsigned i = 0;

    while (i < LEDGER_CODES && strcmp(code_words[i], word) != 0)
        i++;
    return (enum ledger_code)i;
}

void ledger_owner(uint64_t account_no, char ret[static 24])
{
    (void)snprintf(ret, 24, "%llu", (unsigned long long)account_no);
}

void ledger_owner_case(const uint8_t swap_case[static 16], char ret[static 33])
{
    gf_hex(swap_case, 16, ret);
}

/* ---- an entry ---- */

static bool fits(const char *text, size_t least, size_t cap)
{
    size_t n = text != NULL ? strnlen(text, cap) : cap;

    return n >= least && n < cap;
}

/* The first line of the same unit stands for the unit. */
static bool is_first_of_unit(const struct ledger_entry *e, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(e->postings[k].unit, e->postings[i].unit) == 0)
            return false;
    return true;
}

/* The lines of each unit sum to zero. */
static int check_balance(struct office *o, const struct ledger_entry *e)
{
    for (size_t i = 0; i < e->n; i++) {
        int64_t sum = 0;

        if (!is_first_of_unit(e, i))
            continue;
        for (size_t k = i; k < e->n; k++)
            if (strcmp(e->postings[k].unit, e->postings[i].unit) == 0
                && __builtin_add_overflow(sum, e->postings[k].amount, &sum))
                return ho_fail(o, GF_E_RANGE, "ledger", "the lines of an entry leave 64 bits");
        if (sum != 0)
            return ho_fail(o, GF_E_BUG, "ledger", "an entry does not balance");
    }
    return 0;
}

/* The entry without its empty lines, if it may be posted. */
static int check_entry(struct office *o, const struct ledger_entry *from, struct ledger_entry *ret)
{
    bool ok = from->n <= LEDGER_POSTINGS_MAX && fits(from->kind, 1, LEDGER_KIND_MAX)
              && fits(from->made_by, 1, LEDGER_WHO_MAX) && fits(from->note, 0, LEDGER_NOTE_MAX);

    *ret = *from;
    ret->n = 0;
    for (size_t i = 0; ok && i < from->n; i++) {
        const struct ledger_posting *p = &from->postings[i];

        ok = fits(p->unit, 1, LEDGER_UNIT_MAX) && fits(p->owner, 0, LEDGER_OWNER_MAX)
             && (unsigned)p->code < LEDGER_CODES && p->amount != INT64_MIN;
        if (p->amount != 0)
            ret->postings[ret->n++] = *p;
    }
    return ok ? check_balance(o, ret) : ho_fail(o, GF_E_BUG, "ledger", "an entry is not one");
}

static void add_number(struct buf *b, int64_t v)
{
    uint8_t bytes[8];
    struct gf_writer w = { .p = bytes, .cap = sizeof bytes };

    gf_wr_uint(&w, (uint64_t)v, 8);
    buf_add(b, bytes, sizeof bytes);
}

/* With its NUL, so that no text can move into the next. */
static void add_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text) + 1);
}

int ledger_hash(struct office *o, const struct ledger_entry *entry, int64_t at_ms,
                uint8_t ret[static 32])
{
    const struct mc_crypto *c = o->ports.crypto;
    struct buf b = { 0 };
    int r = GF_E_MEMORY;

    add_text(&b, "gasm journal");
    buf_add(&b, entry->op_id, sizeof entry->op_id);
    add_text(&b, entry->kind);
    add_number(&b, at_ms);
    add_number(&b, entry->effective_s);
    add_text(&b, entry->made_by);
    add_text(&b, entry->note);
    for (size_t i = 0; i < entry->n; i++) {
        const struct ledger_posting *p = &entry->postings[i];

        add_text(&b, p->unit);
        add_text(&b, ledger_code_text(p->code));
        add_text(&b, p->owner);
        add_number(&b, p->amount);
    }
    if (!b.bad)
        r = c->sha256(c->ctx, &(struct gf_span){ b.p, b.n }, 1, ret);
    buf_free(&b);
    return r;
}

void ledger_detail(const struct ledger_entry *entry, const uint8_t hash[static 32],
                   char ret[static LEDGER_DETAIL_MAX])
{
    char op_id[33], hex[65];

    gf_hex(entry->op_id, sizeof entry->op_id, op_id);
    gf_hex(hash, 32, hex);
    (void)snprintf(ret, LEDGER_DETAIL_MAX, "%s %s %s", op_id, entry->kind, hex);
}

static int hash_of(struct office *o, const struct ledger_entry *e, int64_t at_ms,
                   uint8_t ret[static 32])
{
    int r = ledger_hash(o, e, at_ms, ret);

    return r == 0 ? 0 : ho_fail(o, r, "ledger", "an entry's hash");
}

/* Was it posted before? 1: the same; 0: no; GF_E_MISMATCH, or a store error. */
static int find_entry(struct office *o, const struct ledger_entry *e)
{
    uint8_t was[32], now[32];
    struct odb_query *q =
        odb_query(o->db, "SELECT at_ms, hash FROM journal WHERE org_id = ?1 AND op_id = ?2 AND "
                         "kind = ?3",
                  ODB(ODB_B(e->op_id, sizeof e->op_id), ODB_T(e->kind)));
    int64_t at_ms = 0;
    int r = odb_next(o->db, q);

    if (r == 1) {
        at_ms = odb_int(q, 0);
        (void)odb_copy(q, 1, was, sizeof was);
    }
    odb_end(q);
    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    if ((r = hash_of(o, e, at_ms, now)) != 0)
        return r;
    return memcmp(was, now, sizeof was) == 0
               ? 1
               : ho_fail(o, GF_E_MISMATCH, "ledger",
                         "this operation was posted before with other content");
}

/* ---- its lines ---- */

/* Add a line to its account's sums; the first makes the account. */
static int add_sums(struct office *o, const struct ledger_posting *p)
{
    static const struct odb_wanted one = { 1, GF_E_RANGE, "ledger",
                                           "the sums of an account leave 64 bits" };
    const int64_t debit = p->amount > 0 ? p->amount : 0, credit = p->amount < 0 ? -p->amount : 0;

    if (odb_later(o->db, &one,
                  "INSERT INTO ledger_account (org_id, unit, code, owner, debits, credits) VALUES "
                  "(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (org_id, unit, code, owner) DO UPDATE SET "
                  "debits = ledger_account.debits + excluded.debits, credits = "
                  "ledger_account.credits + excluded.credits WHERE ledger_account.debits <= ?7 AND "
                  "ledger_account.credits <= ?8",
                  ODB(ODB_T(p->unit), ODB_T(ledger_code_text(p->code)), ODB_T(p->owner),
                      ODB_I(debit), ODB_I(credit), ODB_I(INT64_MAX - debit),
                      ODB_I(INT64_MAX - credit)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

static int write_line(struct office *o, const struct ledger_entry *e, size_t i)
{
    const struct ledger_posting *p = &e->postings[i];
    int r = add_sums(o, p);

    if (r == 0
        && odb_later(o->db, NULL,
                     "INSERT INTO posting (org_id, op_id, kind, line, unit, code, owner, amount) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                     ODB(ODB_B(e->op_id, sizeof e->op_id), ODB_T(e->kind), ODB_I(i + 1),
                         ODB_T(p->unit), ODB_T(ledger_code_text(p->code)), ODB_T(p->owner),
                         ODB_I(p->amount)))
               < 0)
        r = ho_db_fail(o);
    return r;
}

int ledger_post(struct office *o, const struct ledger_entry *entry)
{
    int64_t at_ms = ho_now_ms(o);
    struct ledger_entry e;
    char detail[LEDGER_DETAIL_MAX];
    uint8_t hash[32];
    int r = check_entry(o, entry, &e);

    if (r != 0 || e.n == 0)
        return r;
    if (!e.is_new && (r = find_entry(o, &e)) != 0)
        return r;
    if ((r = hash_of(o, &e, at_ms, hash)) != 0)
        return r;
    if (odb_later(o->db, NULL,
                  "INSERT INTO journal (org_id, op_id, kind, at_ms, effective_s, made_by, note, "
                  "hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                  ODB(ODB_B(e.op_id, sizeof e.op_id), ODB_T(e.kind), ODB_I(at_ms),
                      ODB_I(e.effective_s), ODB_T(e.made_by), ODB_T(e.note), ODB_B(hash, 32)))
        < 0)
        return ho_db_fail(o);
    for (size_t i = 0; r == 0 && i < e.n; i++)
        r = write_line(o, &e, i);
    if (r != 0)
        return r;
    ledger_detail(&e, hash, detail);
    return ho_log(o, e.made_by, LEDGER_POSTED, "%s", detail);
}

int ledger_balance(struct office *o, const char *unit, enum ledger_code code, const char *owner,
                   int64_t *ret)
{
    int64_t balance = 0;

    if (odb_number(o->db, &balance,
                   "SELECT debits - credits FROM ledger_account WHERE org_id = ?1 AND unit = ?2 "
                   "AND code = ?3 AND owner = ?4",
                   ODB(ODB_T(unit), ODB_T(ledger_code_text(code)), ODB_T(owner)))
        < 0)
        return ho_db_fail(o);
    *ret = balance;
    return 0;
}
