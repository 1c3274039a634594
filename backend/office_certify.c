/* office_certify.c - the certificate of commissioning; see office_sync.h and docs/office.md.
 *
 * It is made when the job is done, its registration was applied, and every receipt from the order's
 * begin to its end is home, verified, without a gap, the commissioning among them. It says nothing
 * that a receipt does not prove.
 */
#include <stdio.h>
#include <string.h>

#include "backend/office_certify.h"
#include "backend/office_pki.h"
#include "common/text.h"
#include "meter-core/keys.h"

/* What the receipts of an opening prove. */
struct proof {
    uint64_t last_seq; /* of the commissioning */
    int64_t receipts, purges, purged_l, cleared_l;
    int64_t opened_at_s, commissioned_at_s, account_seq, commission_seq, parameters_seq;
    uint8_t last_hash[32];
};

static int read_proof(struct office *o, const struct ho_order *order, struct proof *ret)
{
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT seq, command, at_s, flowed_l, cleared_l, hash FROM receipt WHERE org_id "
                  "= ?1 AND meter_id = ?2 AND seq > ?3 AND account_no IN (0, ?4) ORDER BY seq",
                  ODB(ODB_T(order->meter_id), ODB_I(order->began_seq), ODB_I(order->account_no)));
    int r;

    *ret = (struct proof){ 0 };
    while ((r = odb_next(o->db, q)) == 1) {
        int64_t command = odb_int(q, 1);

        if (ret->commission_seq > 0 && (uint64_t)odb_int(q, 0) > order->last_receipt_seq)
            break; /* a later work's */
        ret->receipts++;
        ret->last_seq = (uint64_t)odb_int(q, 0);
        ret->purges += command == gasm_Command_PURGE_STOP ? 1 : 0;
        ret->purged_l += odb_int(q, 3);
        ret->cleared_l += odb_int(q, 4);
        (void)odb_copy(q, 5, ret->last_hash, sizeof ret->last_hash);
        if (command == gasm_Command_OPEN_ACCOUNT)
            ret->account_seq = odb_int(q, 0);
        if (command == gasm_Command_SET_PARAMETERS)
            ret->parameters_seq = odb_int(q, 0);
        if (command == gasm_Command_COMMISSION) {
            ret->commission_seq = odb_int(q, 0);
            ret->commissioned_at_s = odb_int(q, 2);
        }
    }
    odb_end(q);
    if (r >= 0)
        r = odb_number(o->db, &ret->opened_at_s,
                       "SELECT opened_at_s FROM account WHERE org_id = ?1 AND account_no = ?2",
                       ODB(ODB_I(order->account_no)));
    return r < 0 ? ho_db_fail(o) : 0;
}

/* Is everything home? The opening's account may have been opened under an earlier order; then its
 * number says so. */
static bool is_proved(const struct ho_order *order, const struct proof *p)
{
    return p->commission_seq > 0 && p->last_seq >= order->last_receipt_seq
           && (uint64_t)p->receipts == p->last_seq - order->began_seq
           && (p->account_seq > 0 || order->began_seq > 0);
}

static void write_text(struct office *o, const struct ho_order *order, const struct ho_meter *meter,
                       const char *number, const char *staff_name, const struct proof *p,
                       struct buf *ret)
{
    char opened[21], commissioned[21], made[21], hash[65];

    gf_utc_text(p->opened_at_s, opened);
    gf_utc_text(p->commissioned_at_s, commissioned);
    gf_utc_text(ho_now_ms(o) / 1000, made);
    gf_hex(p->last_hash, sizeof p->last_hash, hash);
    buf_print(ret, "Certificate of commissioning %s\n", number);
    buf_print(ret, "Meter          %s, type %u, verified %s\n", meter->id, meter->type,
              meter->verification_date);
    buf_print(ret, "Supply point   %s, %s\n", order->supply_point, order->address);
    buf_print(ret, "Customer       %s, %s\n", order->customer_no, order->customer_name);
    buf_print(ret, "Account        %llu, opened %s\n", (unsigned long long)order->account_no,
              opened);
    buf_print(ret, "Order          %s, %s %s\n", order->number, order->staff_no, staff_name);
    buf_print(ret, "Purged         %lld l in %lld %s\n", (long long)p->purged_l,
              (long long)p->purges, p->purges == 1 ? "purge" : "purges");
    buf_print(ret, "Cleared        %lld l\n", (long long)p->cleared_l);
    if (p->parameters_seq > 0)
        buf_print(ret, "Parameters     set (receipt %lld)\n", (long long)p->parameters_seq);
    buf_print(ret, "Commissioned   %s (receipt %lld), key epoch %u\n", commissioned,
              (long long)p->commission_seq, order->key_epoch);
    buf_print(ret, "Receipts       %llu to %llu, all verified\n",
              (unsigned long long)order->began_seq + 1, (unsigned long long)p->last_seq);
    buf_print(ret, "Last receipt   SHA-256 %s\n", hash);
    buf_print(ret, "Made           %s\n", made);
}

static int store(struct office *o, const struct ho_order *order, const char *number,
                 const struct buf *text)
{
    uint8_t signature[PKI_SIGNATURE_MAX];
    struct buf message = { 0 };
    int n = GF_E_MEMORY;

    ho_certificate_message((const char *)text->p, &message);
    if (!message.bad)
        n = pki_sign(o->sign_key, (struct gf_span){ message.p, message.n }, signature);
    buf_free(&message);
    if (n < 0)
        return ho_fail(o, n, "certificate", number);
    if (odb_exec(o->db,
                 "INSERT INTO certificate (org_id, order_id, number, text, signature, made_at_ms) "
                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                 ODB(ODB_B(order->id, GF_UUID_LEN), ODB_T(number), ODB_T((const char *)text->p),
                     ODB_B(signature, (size_t)n), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, "office", "certificate made", "%s for %s", number, order->number);
}

/* The name of the order's person, made again for the text. 0 or a failure. */
static int staff_name(struct office *o, const char *staff_no, char ret[static 97])
{
    struct odb_query *q = odb_query(
        o->db, "SELECT name FROM staff WHERE org_id = ?1 AND staff_no = ?2", ODB(ODB_T(staff_no)));
    int r = odb_next(o->db, q);

    ret[0] = '\0';
    if (r == 1)
        odb_text(q, 0, ret, 97);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* 1 when the order waits for its certificate: done, an application applied, none made yet. 0, or a
 * failure. */
static int is_waiting(struct office *o, const struct ho_order *order)
{
    const struct odb_value id = ODB_B(order->id, GF_UUID_LEN);
    int64_t made = 0, registered = 0;

    if (strcmp(order->state, "done") != 0 || !order->has_begun)
        return 0;
    if (odb_number(o->db, &made,
                   "SELECT COUNT(*) FROM certificate WHERE org_id = ?1 AND order_id = ?2", ODB(id))
            < 0
        || odb_number(o->db, &registered,
                      "SELECT COUNT(*) FROM item WHERE org_id = ?1 AND order_id = ?2 AND kind = ?3 "
                      "AND verdict = ?4",
                      ODB(id, ODB_I(sync_ItemKind_APPLICATION), ODB_I(sync_VerdictKind_APPLIED)))
               < 0)
        return ho_db_fail(o);
    return made == 0 && registered > 0;
}

int ho_certify(struct office *o, const struct ho_order *order)
{
    struct buf text = { 0 };
    struct ho_meter meter;
    struct proof proof;
    char number[32], person[97];
    int64_t n;
    int r = is_waiting(o, order);

    if (r != 1 || (r = read_proof(o, order, &proof)) != 0)
        return r;
    if (!is_proved(order, &proof) || (r = ho_find_meter(o, order->meter_id, &meter)) != 1)
        return r;
    if ((r = staff_name(o, order->staff_no, person)) != 0
        || (r = ho_next_number(o, "certificate", 1, &n)) != 0)
        return r;
    (void)snprintf(number, sizeof number, "CC-%06lld", (long long)n);
    write_text(o, order, &meter, number, person, &proof, &text);
    buf_add(&text, "", 1);
    r = text.bad || text.n > sizeof((sync_Certificate *)0)->text
            ? ho_fail(o, GF_E_SPACE, "certificate", number)
            : store(o, order, number, &text);
    buf_free(&text);
    return r == 0 ? 1 : r;
}

/* ---- checking one ---- */

void ho_certificate_message(const char *text, struct buf *ret)
{
    buf_text(ret, "gasm certificate");
    buf_text(ret, text);
}

int ho_certificate_check(struct office *o, char *text, struct gf_fail *why)
{
    static const char mark[] = "\nsignature: ";
    char *at = strstr(text, mark);
    uint8_t signature[PKI_SIGNATURE_MAX];
    struct buf message = { 0 };
    size_t digits;

    if (at == NULL)
        return gf_fail(why, GF_E_FORMAT, "certificate",
                       "there is no line that begins with \"signature: \"");
    digits = strcspn(at + sizeof mark - 1, " \r\n");
    at[sizeof mark - 1 + digits] = '\0';
    if (digits % 2 != 0 || digits / 2 > sizeof signature
        || gf_unhex(at + sizeof mark - 1, signature, digits / 2) != 0)
        return gf_fail(why, GF_E_FORMAT, "signature",
                       "it has to be hex digits, as gasfitter prints them");
    at[1] = '\0'; /* the text ends with its newline */
    ho_certificate_message(text, &message);

    int r = message.bad ? GF_E_MEMORY
                        : pki_verify(o->sign_key, (struct gf_span){ message.p, message.n },
                                     (struct gf_span){ signature, digits / 2 });
    buf_free(&message);
    return r == 0 ? 0
                  : gf_fail(why, GF_E_SIGNATURE, "certificate",
                            "the text was changed, or this head office did not sign it");
}
