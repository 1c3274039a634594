/* outbox.c - records for head office: sequence, chain, bytes, verdicts; see field/ports.h. */
#include <string.h>

#include <openssl/evp.h>
#include <pb_decode.h>
#include <pb_encode.h>

#include "common/bytes.h"
#include "common/text.h"
#include "db/store.h"

#define ANSWER_MAX (sync_Verdict_size + SEAL_EXTRA)

static struct seal_place outbox_place(const char *column, uint64_t seq, uint8_t row[static 8])
{
    struct gf_writer w = {.p = row, .cap = 8};

    gf_wr_uint(&w, seq, 8);
    return (struct seal_place){column, row, 8};
}

/* The record in the row: columns seq, id, hash, state, made_at_ms, body, verdict. */
static int read_row(struct db *db, sqlite3_stmt *s, struct outbox_row *ret)
{
    sync_Verdict v = sync_Verdict_init_zero;
    uint8_t row[8];
    int r;

    ret->seq = (uint64_t)sqlite3_column_int64(s, 0);
    ret->state = (uint32_t)sqlite3_column_int64(s, 3);
    ret->made_at_ms = sqlite3_column_int64(s, 4);
    if ((r = db_col_bytes(db, s, 1, ret->id, sizeof ret->id)) != 0 ||
        (r = db_col_bytes(db, s, 2, ret->hash, sizeof ret->hash)) != 0 ||
        (r = db_unseal(db, outbox_place("outbox.body", ret->seq, row), s, 5, ret->bytes,
                       sizeof ret->bytes, &ret->len)) != 0 ||
        (r = db_unseal_message(db, outbox_place("outbox.verdict", ret->seq, row), s, 6,
                               sync_Verdict_fields, &v)) != 0)
        return r;
    (void)gf_copy(ret->field, sizeof ret->field, v.field);          /* the same sizes */
    (void)gf_copy(ret->reason, sizeof ret->reason, v.reason);
    return 0;
}

static int read_rows(struct db *db, enum db_sql which, const struct db_arg *args, size_t n_args,
                     struct outbox_row *ret, size_t cap)
{
    sqlite3_stmt *s;
    size_t n = 0;
    int r = db_query(db, which, args, n_args, &s);

    if (r != 0)
        return r;
    while (r >= 0 && n < cap && (r = db_row(db, s)) == 1)
        r = read_row(db, s, &ret[n++]);
    db_done(s);
    return r < 0 ? r : (int)n;
}

int db_outbox_next(void *ctx, uint64_t after_seq, struct outbox_row *ret, size_t cap)
{
    return read_rows(ctx, SQL_OUTBOX_NEXT, DB_ARGS(db_u64(after_seq), db_u64(cap)), ret, cap);
}

int db_outbox_page(void *ctx, uint64_t before_seq, struct outbox_row *ret, size_t cap)
{
    uint64_t before = before_seq != 0 ? before_seq : UINT64_MAX;

    return read_rows(ctx, SQL_OUTBOX_PAGE, DB_ARGS(db_u64(before), db_u64(cap)), ret, cap);
}

int db_outbox_item(void *ctx, const uint8_t id[static 16], struct outbox_row *ret)
{
    return read_rows(ctx, SQL_OUTBOX_ITEM, DB_ARGS(db_blob(id, GF_UUID_LEN)), ret, 1);
}

static int count(struct db *db, struct outbox_counts *ret)
{
    int64_t last = 0, waiting = 0, refused = 0, oldest = 0;
    int r;

    /* Sequences have no gap and no row is ever deleted: the last one is the number of rows. */
    if ((r = db_number(db, SQL_OUTBOX_HEAD, DB_NO_ARGS, &last)) < 0 ||
        (r = db_number(db, SQL_OUTBOX_WAITING, DB_NO_ARGS, &waiting)) < 0 ||
        (r = db_number(db, SQL_OUTBOX_REFUSED, DB_NO_ARGS, &refused)) < 0 ||
        (r = db_number(db, SQL_OUTBOX_OLDEST, DB_NO_ARGS, &oldest)) < 0)
        return r;
    *ret = (struct outbox_counts){
        .waiting = (uint64_t)waiting, .refused = (uint64_t)refused,
        .acknowledged = (uint64_t)(last - waiting - refused),
        .oldest_waiting_at_ms = oldest, .last_seq = (uint64_t)last,
    };
    return 0;
}

/* Faces ask at every frame. Nobody else writes to the store, so what was counted holds until a row
 * changes; within a transaction, which may be rolled back, nothing is kept. */
int db_outbox_counts(void *ctx, struct outbox_counts *ret)
{
    struct db *db = ctx;
    int64_t changes = sqlite3_total_changes64(db->sql);
    int r;

    if (db->counted && db->counted_at == changes && sqlite3_get_autocommit(db->sql) != 0) {
        *ret = db->counts;
        return 0;
    }
    db->counted = false;
    r = count(db, ret);
    if (r == 0 && sqlite3_get_autocommit(db->sql) != 0) {
        db->counted = true;
        db->counted_at = changes;
        db->counts = *ret;
    }
    return r;
}

/* Is the record that is there the one that is wanted? Sequence, chain and time are its own. */
static int compare(struct db *db, const struct outbox_row *there, const struct outbox_new *n)
{
    sync_Item i = sync_Item_init_zero;
    pb_istream_t in = pb_istream_from_buffer(there->bytes, there->len);

    if (!pb_decode(&in, sync_Item_fields, &i))
        return db_refuse(db, GF_E_STORE_DAMAGED, "outbox.body", PB_GET_ERROR(&in));
    if ((uint32_t)i.kind != n->kind || memcmp(i.job_id, n->job_id, GF_UUID_LEN) != 0 ||
        memcmp(i.run_id, n->run_id, GF_UUID_LEN) != 0 || i.payload.size != n->payload_len ||
        i.receipt.size != n->receipt_len ||
        (n->payload_len > 0 && memcmp(i.payload.bytes, n->payload, n->payload_len) != 0) ||
        (n->receipt_len > 0 && memcmp(i.receipt.bytes, n->receipt, n->receipt_len) != 0))
        return db_refuse(db, GF_E_MISMATCH, "outbox",
                         "a record with this id and other content is there");
    return 0;
}

/* Sequence and hash of the newest record; 0 and zeroes when there is none. */
static int read_head(struct db *db, uint64_t *ret_seq, uint8_t ret_hash[static 32])
{
    sqlite3_stmt *s;
    int r = db_query(db, SQL_OUTBOX_HEAD, DB_NO_ARGS, &s);

    *ret_seq = 0;
    memset(ret_hash, 0, 32);
    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        *ret_seq = (uint64_t)sqlite3_column_int64(s, 0);
        r = db_col_bytes(db, s, 1, ret_hash, 32);
    }
    db_done(s);
    return r;
}

static int encode(struct db *db, const struct outbox_new *n, uint64_t seq,
                  const uint8_t prev[static 32], struct outbox_row *ret)
{
    sync_Item i = sync_Item_init_zero;
    pb_ostream_t out = pb_ostream_from_buffer(ret->bytes, sizeof ret->bytes);

    if (n->payload_len > sizeof i.payload.bytes || n->receipt_len > sizeof i.receipt.bytes)
        return db_refuse(db, GF_E_SPACE, "outbox", "payload or receipt is too long");
    memcpy(i.id, n->id, sizeof i.id);
    i.seq = seq;
    memcpy(i.prev_hash, prev, sizeof i.prev_hash);
    i.kind = (sync_ItemKind)n->kind;
    i.made_at_ms = n->made_at_ms;
    memcpy(i.job_id, n->job_id, sizeof i.job_id);
    memcpy(i.run_id, n->run_id, sizeof i.run_id);
    i.payload.size = (pb_size_t)n->payload_len;
    i.receipt.size = (pb_size_t)n->receipt_len;
    if (n->payload_len > 0)
        memcpy(i.payload.bytes, n->payload, n->payload_len);
    if (n->receipt_len > 0)
        memcpy(i.receipt.bytes, n->receipt, n->receipt_len);
    if (!pb_encode(&out, sync_Item_fields, &i))
        return db_refuse(db, GF_E_SPACE, "outbox", PB_GET_ERROR(&out));
    ret->len = out.bytes_written;
    if (EVP_Digest(ret->bytes, ret->len, ret->hash, NULL, EVP_sha256(), NULL) != 1)
        return db_refuse(db, GF_E_CRYPTO, "outbox", "SHA-256 failed");
    return 0;
}

int db_outbox_add(struct db *db, const struct outbox_new *item)
{
    struct outbox_row rec;
    uint8_t prev[32], row[8], body[sizeof rec.bytes + SEAL_EXTRA];
    uint64_t seq;
    int r = db_outbox_item(db, item->id, &rec);

    if (r != 0)
        return r < 0 ? r : compare(db, &rec, item);
    if ((r = read_head(db, &seq, prev)) != 0 || (r = encode(db, item, ++seq, prev, &rec)) != 0 ||
        (r = db_seal(db, outbox_place("outbox.body", seq, row), rec.bytes, rec.len, body)) != 0)
        return r;
    r = db_run(db, SQL_OUTBOX_ADD,
               DB_ARGS(db_u64(seq), db_blob(item->id, GF_UUID_LEN), db_int(item->kind),
                       db_blob(item->job_id, GF_UUID_LEN), db_int(item->made_at_ms),
                       db_blob(rec.hash, sizeof rec.hash), db_blob(body, rec.len + SEAL_EXTRA)));
    return r < 0 ? r : 0;
}

/* What a verdict makes of a record. */
static const struct {
    sync_VerdictKind kind;
    enum outbox_state state;
} verdicts[] = {
    {sync_VerdictKind_APPLIED, OUTBOX_APPLIED},
    {sync_VerdictKind_DUPLICATE, OUTBOX_DUPLICATE},
    {sync_VerdictKind_HELD, OUTBOX_HELD},
    {sync_VerdictKind_QUARANTINED, OUTBOX_QUARANTINED},
    {sync_VerdictKind_CONFLICT, OUTBOX_CONFLICT},
};

static int store_verdict(struct db *db, const sync_Verdict *v, uint64_t seq,
                         enum outbox_state state)
{
    uint8_t sealed[ANSWER_MAX], row[8];
    size_t n;
    int r = db_seal_message(db, outbox_place("outbox.verdict", seq, row), sync_Verdict_fields, v,
                            sealed, sizeof sealed, &n);

    if (r == 0)
        r = db_run(db, SQL_OUTBOX_VERDICT,
                   DB_ARGS(db_int(state), db_blob(sealed, n),
                           db_int(db->clock->utc_ms(db->clock->ctx)), db_u64(seq)));
    return r < 0 ? r : 0;
}

/* Head office has another record in this place: sending it again changes nothing. */
static bool is_out_of_place(const struct outbox_row *row)
{
    return row->state == OUTBOX_QUARANTINED
           && (strcmp(row->field, "seq") == 0 || strcmp(row->field, "prev_hash") == 0);
}

static int apply_verdict(struct db *db, const sync_Verdict *v)
{
    struct outbox_row rec;
    enum outbox_state state = OUTBOX_PENDING;
    int r = db_outbox_item(db, v->id, &rec);

    if (r < 0)
        return r;
    if (r == 0 || memcmp(rec.hash, v->item_hash, sizeof rec.hash) != 0)
        return db_refuse(db, GF_E_MISMATCH, "verdict",
                         r == 0 ? "a record that is not on this laptop"
                                : "the hash is of other bytes");
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (verdicts[i].kind == v->kind)
            state = verdicts[i].state;
    if (state == OUTBOX_PENDING)
        return db_refuse(db, GF_E_OFFICE_ANSWER, "verdict",
                         "a kind of verdict that this program does not know");
    /* Acknowledged is for good until head office itself asks for it again (db_outbox_again): a late answer to an earlier sending of it takes nothing back. */
    if (rec.state == OUTBOX_APPLIED || rec.state == OUTBOX_DUPLICATE)
        return 0;
    return store_verdict(db, v, rec.seq, state);
}

int db_outbox_again(struct db *db, uint64_t wanted_seq)
{
    struct outbox_row first;
    int r = wanted_seq < UINT64_MAX ? db_outbox_page(db, wanted_seq + 1, &first, 1) : 0;

    if (r != 1 || first.seq != wanted_seq || is_out_of_place(&first))
        return r < 0 ? r : 0;
    r = db_run(db, SQL_OUTBOX_AGAIN, DB_ARGS(db_u64(wanted_seq)));
    return r < 0 ? r : 0;
}

int db_outbox_verdict(void *ctx, const sync_Verdict *v)
{
    struct db *db = ctx;
    int r;

    if (!db->changing) {
        r = db_begin(db);
        return r != 0 ? r : db_end(db, apply_verdict(db, v));
    }
    if (db->changes_code < 0)
        return db->changes_code;
    r = apply_verdict(db, v);
    /* A refused verdict leaves the transaction as it was; a failed write does not. */
    if (r < 0 && r != GF_E_MISMATCH && r != GF_E_OFFICE_ANSWER)
        db->changes_code = r;
    return r;
}
