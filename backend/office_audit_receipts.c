/* office_audit_receipts.c - the statements about receipts, in one walk over all of them; see
 * office_audit.h.
 *
 * Everything is taken from the receipts' own bytes; the columns beside them are only compared with
 * those.
 */
#include <string.h>

#include "backend/office_audit.h"
#include "backend/office_issue.h"
#include "backend/office_words.h"
#include "meter-core/keys.h"

/* One meter's walk. */
struct walk {
    char meter_id[GF_METER_ID_TEXT];
    bool has_root;
    uint32_t root_epoch;
    uint8_t root[HO_KEY_LEN];
    uint64_t seq; /* of the receipt before; 0 at first */
    uint8_t hash[32];
    gasm_Receipt last;
    bool is_whole; /* no receipt was missing or unreadable so far */
    bool grant_open;
    uint64_t purged_l; /* sum over the ends of purges */
};

/* A row as it is read. */
struct row {
    char meter_id[GF_METER_ID_TEXT];
    uint64_t seq;
    struct gf_span bytes;
    uint8_t hash[32], prev_hash[32], op_id[16];
    bool has_op_id, is_odd; /* odd: a column has another length than it has to */
    int64_t gap, command, key_epoch, account_no, life_state, at_s, flowed_l, cleared_l,
        ticket_serial, clock_valid;
    int64_t token_account_no; /* of a recharge: of the token that has its operation id; else 0 */
    uint8_t token_content[32];
};

static const char columns[] =
    "SELECT r.meter_id, r.seq, r.bytes, r.hash, r.prev_hash, r.gap, r.command, r.key_epoch, "
    "r.account_no, r.life_state, r.at_s, r.flowed_l, r.cleared_l, r.ticket_serial, r.clock_valid, "
    "COALESCE(t.account_no, 0), t.content, r.op_id FROM receipt r LEFT JOIN token t ON t.org_id = r.org_id "
    "AND t.op_id = r.op_id AND r.command = ?2 WHERE r.org_id = ?1 ORDER BY r.meter_id, r.seq";

static void read_row(struct odb_query *q, struct row *ret)
{
    odb_text(q, 0, ret->meter_id, sizeof ret->meter_id);
    ret->seq = (uint64_t)odb_int(q, 1);
    ret->bytes = odb_bytes(q, 2);
    ret->is_odd = !odb_copy(q, 3, ret->hash, sizeof ret->hash)
                  || !odb_copy(q, 4, ret->prev_hash, sizeof ret->prev_hash)
                  || odb_copy(q, 17, ret->op_id, sizeof ret->op_id) == odb_is_null(q, 17);
    ret->has_op_id = !odb_is_null(q, 17);
    ret->gap = odb_int(q, 5);
    ret->command = odb_int(q, 6);
    ret->key_epoch = odb_int(q, 7);
    ret->account_no = odb_int(q, 8);
    ret->life_state = odb_int(q, 9);
    ret->at_s = odb_int(q, 10);
    ret->flowed_l = odb_int(q, 11);
    ret->cleared_l = odb_int(q, 12);
    ret->ticket_serial = odb_int(q, 13);
    ret->clock_valid = odb_int(q, 14);
    ret->token_account_no = odb_int(q, 15);
    (void)odb_copy(q, 16, ret->token_content, sizeof ret->token_content);
}

/* The key of the receipt's epoch; kept from one receipt to the next. */
static bool find_root(struct ho_audit *a, struct walk *w, uint32_t epoch)
{
    if (w->has_root && w->root_epoch == epoch)
        return true;
    w->has_root = ho_root_key(a->o, w->meter_id, epoch, w->root) == 1;
    w->root_epoch = epoch;
    a->o->fail = (struct gf_fail){ 0 }; /* a key that does not open is a finding of its own */
    return w->has_root;
}

static bool same_columns(const struct row *row, const gasm_Receipt *r)
{
    return !row->is_odd && row->has_op_id == (r->op_id.size > 0)
           && memcmp(r->op_id.bytes, row->op_id, r->op_id.size) == 0
           && memcmp(r->meter_id, row->meter_id, GF_METER_ID_LEN) == 0 && r->seq == row->seq
           && memcmp(r->prev_hash, row->prev_hash, sizeof row->prev_hash) == 0
           && r->command == row->command && r->key_epoch == row->key_epoch
           && r->account_no == (uint64_t)row->account_no && r->state == row->life_state
           && r->at_s == row->at_s
           && (int64_t)(r->after.purged_l - r->before.purged_l) == row->flowed_l
           && (int64_t)(r->after.cleared_l - r->before.cleared_l) == row->cleared_l
           && r->ticket_serial == (uint64_t)row->ticket_serial
           && r->clock_valid == row->clock_valid;
}

/* True when the receipt is the meter's, and may be used for the other statements. */
static bool verify(struct ho_audit *a, struct walk *w, const struct row *row, gasm_Receipt *ret)
{
    const struct mc_crypto *c = a->o->ports.crypto;
    uint8_t hash[32];
    const char *wrong = NULL;

    ho_checked(a, HO_RECEIPTS_VERIFY);
    if (mc_receipt_peek(row->bytes, ret) != 0)
        wrong = "cannot be decoded";
    else if (!find_root(a, w, ret->key_epoch))
        wrong = "names a key epoch that does not exist";
    else if (mc_receipt_open(c, w->root, row->bytes, ret) != 0)
        wrong = "does not verify";
    else if (!same_columns(row, ret) || mc_receipt_hash(c, row->bytes, hash) != 0
             || memcmp(hash, row->hash, sizeof hash) != 0)
        wrong = "is registered otherwise than it says";
    if (wrong != NULL)
        ho_broken(a, HO_RECEIPTS_VERIFY, "receipt %s %llu %s", row->meter_id,
                  (unsigned long long)row->seq, wrong);
    return wrong == NULL;
}

static void check_chain(struct ho_audit *a, struct walk *w, const struct row *row,
                        const gasm_Receipt *r)
{
    static const uint8_t none[32];
    unsigned long long seq = row->seq, before = w->seq;

    ho_checked(a, HO_RECEIPTS_CHAIN);
    if (seq != before + 1) {
        if (seq == before + 2)
            ho_note(a, HO_RECEIPTS_CHAIN, "%s: receipt %llu is not home", row->meter_id, seq - 1);
        else
            ho_note(a, HO_RECEIPTS_CHAIN, "%s: receipts %llu to %llu are not home", row->meter_id,
                    before + 1, seq - 1);
        if (row->gap == 0)
            ho_broken(a, HO_RECEIPTS_CHAIN,
                      "receipt %s %llu came with the one before it, which is gone", row->meter_id,
                      seq);
        w->is_whole = false;
    } else if (row->gap != 0)
        ho_broken(a, HO_RECEIPTS_CHAIN, "receipt %s %llu is said to have a gap before it",
                  row->meter_id, seq);
    else if (memcmp(r->prev_hash, before == 0 ? none : w->hash, sizeof none) != 0)
        ho_broken(a, HO_RECEIPTS_CHAIN, "receipt %s %llu does not follow receipt %llu",
                  row->meter_id, seq, before);
}

/* Index and purged litres never go down in a meter's life, the other totals never under one
 * account. */
static void check_totals(struct ho_audit *a, const struct walk *w, const struct row *row,
                         const gasm_Receipt *r)
{
    const gasm_Totals *from[] = { &w->last.after, &r->before }, *to[] = { &r->before, &r->after };
    bool same_account = w->seq > 0 && r->account_no == w->last.account_no;

    ho_checked(a, HO_TOTALS_GROW);
    for (size_t i = w->seq > 0 ? 0 : 1; i < 2; i++) {
        const gasm_Totals *f = from[i], *t = to[i];
        bool falls = t->index_l < f->index_l || t->purged_l < f->purged_l;

        if (same_account)
            falls = falls || t->opening_index_l < f->opening_index_l
                    || t->opening_purged_l < f->opening_purged_l || t->purchased_l < f->purchased_l
                    || t->imported_l < f->imported_l || t->forgiven_l < f->forgiven_l
                    || t->debited_l < f->debited_l || t->cleared_l < f->cleared_l
                    || t->exported_l < f->exported_l;
        if (falls) {
            ho_broken(a, HO_TOTALS_GROW, "receipt %s %llu: a total is lower than before",
                      row->meter_id, (unsigned long long)row->seq);
            return;
        }
    }
}

/* Outside of a grant the register is the sum of what the ends of purges say. */
static void check_purged(struct ho_audit *a, struct walk *w, const struct row *row,
                         const gasm_Receipt *r)
{
    uint64_t flowed_l = r->after.purged_l - r->before.purged_l;

    if (r->command == gasm_Command_PURGE_START)
        w->grant_open = true;
    if (r->command == gasm_Command_PURGE_STOP) {
        w->grant_open = false;
        w->purged_l += flowed_l;
    } else if (flowed_l != 0) {
        ho_broken(a, HO_PURGED_ONCE,
                  "receipt %s %llu (%s) has purged litres, but is no end of a purge", row->meter_id,
                  (unsigned long long)row->seq, ho_command_word(row->command));
        return;
    }
    if (w->grant_open || !w->is_whole)
        return;
    ho_checked(a, HO_PURGED_ONCE);
    if (w->purged_l != r->after.purged_l) {
        ho_broken(a, HO_PURGED_ONCE,
                  "receipt %s %llu: %llu l were purged, receipts account for %llu l", row->meter_id,
                  (unsigned long long)row->seq, (unsigned long long)r->after.purged_l,
                  (unsigned long long)w->purged_l);
        w->purged_l = r->after.purged_l; /* say it once */
    }
}

/* A recharge took a token that was issued, with the content that was issued. */
static void check_recharge(struct ho_audit *a, const struct row *row, const gasm_Receipt *r)
{
    if (r->command != gasm_Command_RECHARGE)
        return;
    ho_checked(a, HO_RECHARGES);
    if (row->token_account_no == 0 || (uint64_t)row->token_account_no != r->account_no)
        ho_broken(a, HO_RECHARGES, "receipt %s %llu took a token that was never issued",
                  row->meter_id, (unsigned long long)row->seq);
    else if (r->content_hash.size != sizeof row->token_content
             || memcmp(r->content_hash.bytes, row->token_content, sizeof row->token_content) != 0)
        ho_broken(a, HO_RECHARGES, "receipt %s %llu took a token with another content than issued",
                  row->meter_id, (unsigned long long)row->seq);
}

/* After a meter's last receipt: the register says the same. */
static int end_meter(struct ho_audit *a, const struct walk *w)
{
    struct ho_meter m;
    int r;

    if (w->seq == 0)
        return 0;
    if ((r = ho_find_meter(a->o, w->meter_id, &m)) < 0)
        return r;
    ho_checked(a, HO_METERS_FOLLOW);
    if (r == 0 || m.last_seq != w->seq || m.life_state != w->last.state
        || m.account_no != w->last.account_no)
        ho_broken(a, HO_METERS_FOLLOW,
                  "meter %s is registered as %s, receipt %u, account %llu; its last receipt is "
                  "%llu: %s, account %llu",
                  w->meter_id, ho_life_word(m.life_state), (unsigned)m.last_seq,
                  (unsigned long long)m.account_no, (unsigned long long)w->seq,
                  ho_life_word(w->last.state), (unsigned long long)w->last.account_no);
    return 0;
}

/* Meters that are said to have receipts, of which none is left. */
static int check_lost(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT m.meter_id, m.last_seq FROM meter m WHERE m.org_id = ?1 AND m.last_seq > 0 AND NOT "
        "EXISTS (SELECT 1 FROM receipt r WHERE r.org_id = m.org_id AND r.meter_id = m.meter_id)",
        ODB_NONE);
    char meter_id[GF_METER_ID_TEXT];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        odb_text(q, 0, meter_id, sizeof meter_id);
        ho_broken(a, HO_METERS_FOLLOW, "meter %s: its receipts up to %lld are gone", meter_id,
                  (long long)odb_int(q, 1));
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

int ho_audit_receipts(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(o->db, columns, ODB(ODB_I(gasm_Command_RECHARGE)));
    struct walk w = { .seq = 0 };
    struct row row;
    gasm_Receipt receipt;
    int r, failed = 0;

    while (failed == 0 && (r = odb_next(o->db, q)) == 1) {
        read_row(q, &row);
        if (strcmp(row.meter_id, w.meter_id) != 0) {
            failed = end_meter(a, &w);
            w = (struct walk){ .is_whole = true };
            memcpy(w.meter_id, row.meter_id, sizeof w.meter_id);
        }
        if (verify(a, &w, &row, &receipt)) {
            check_chain(a, &w, &row, &receipt);
            check_totals(a, &w, &row, &receipt);
            check_purged(a, &w, &row, &receipt);
            check_recharge(a, &row, &receipt);
            w.last = receipt;
        } else {
            w.is_whole = false;
            w.last.state = (gasm_LifeState)row.life_state;
            w.last.account_no = (uint64_t)row.account_no;
        }
        w.seq = row.seq;
        memcpy(w.hash, row.hash, sizeof w.hash);
    }
    if (failed == 0 && r < 0)
        failed = ho_db_fail(o);
    odb_end(q);
    if (failed == 0)
        failed = end_meter(a, &w);
    gf_wipe(w.root, sizeof w.root);
    return failed == 0 ? check_lost(a) : failed;
}
