/* office_follow.c - what follows from a receipt that is stored; see office_receipt.h. */
#include <string.h>

#include "backend/keys_epoch.h"
#include "backend/office_receipt.h"
#include "backend/swap_case.h"

/* When it happened: a new meter's clock is not set yet, then the bringer's time says when. */
static int64_t happened_s(const struct office *o, const struct ho_arrival *a,
                          const struct ho_receipt_context *ctx)
{
    if (a->r.clock_valid)
        return a->r.at_s;
    return (ctx->made_at_ms > 0 ? ctx->made_at_ms : ho_now_ms(o)) / 1000;
}

/* The meter opened the account: it is open, unless it was closed before this came; and the meter is
 * the supply point's, unless a later account is open there already. */
static int open_account(struct office *o, const struct ho_arrival *a,
                        const struct ho_receipt_context *ctx)
{
    const struct odb_value account = ODB_I(a->r.account_no);
    int opened = odb_exec(o->db,
                          "UPDATE account SET state = CASE state WHEN 'reserved' THEN 'open' ELSE "
                          "state END, opened_at_s = ?3, opened_seq = ?4 WHERE org_id = ?1 AND "
                          "account_no = ?2 AND opened_seq IS NULL",
                          ODB(account, ODB_I(happened_s(o, a, ctx)), ODB_I(a->r.seq)));

    if (opened == 0)
        return 0;
    if (opened < 0
        || odb_exec(o->db,
                    "UPDATE supply_point SET meter_id = ?3 WHERE org_id = ?1 AND supply_point = "
                    "(SELECT a.supply_point FROM account a WHERE a.org_id = ?1 AND a.account_no = "
                    "?2 AND a.state = 'open') AND NOT EXISTS (SELECT 1 FROM account b WHERE "
                    "b.org_id = ?1 AND b.supply_point = supply_point.supply_point AND "
                    "b.account_no > ?2 AND (b.state = 'open' OR b.closed_seq IS NOT NULL))",
                    ODB(account, ODB_T(a->meter->id)))
               < 0)
        return ho_db_fail(o);
    return ho_log(o, "office", "account opened", "%llu on %s",
                  (unsigned long long)a->r.account_no, a->meter->id);
}

/* What is registered of the meter is what its latest receipt says. */
static int put_meter(struct office *o, const struct ho_meter *meter)
{
    if (odb_later(
            o->db, NULL,
            "UPDATE meter SET life_state = ?3, account_no = ?4, last_seq = ?5 WHERE org_id = ?1 "
            "AND meter_id = ?2",
            ODB(ODB_T(meter->id), ODB_I(meter->life_state), ODB_I(meter->account_no),
                ODB_I(meter->last_seq)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

static void follow_meter(const struct ho_arrival *a, struct ho_receipt_memory *m)
{
    a->meter->life_state = (uint32_t)a->r.state;
    a->meter->account_no = a->r.account_no;
    a->meter->last_seq = a->r.seq;
    memcpy(m->tail_hash, a->hash, sizeof m->tail_hash);
    m->has_tail = true;
}

/* ---- the books ---- */

/* Rows that only the last of several receipts of use writes. */
static int catch_up(struct office *o, struct ho_receipt_memory *m)
{
    int r;

    if (!m->is_behind)
        return 0;
    m->is_behind = false;
    r = put_meter(o, &m->meter);
    return r == 0 ? ledger_put_posted(o, m->meter.id, m->quiet.account_no, &m->quiet.posted) : r;
}

/* Is all that the books need to know of this receipt's account in memory? Not asked for the first of
 * them, which may be the only one. 1, 0 or a failure. */
static int is_quiet(struct office *o, struct ho_receipt_memory *m, const gasm_Receipt *r)
{
    if (!m->has_booked || !credit_is_plain(r) || r->account_no != m->booked.account_no)
        return 0;
    if (m->quiet.account_no == r->account_no)
        return 1;
    return credit_look(o, m->meter.id, r->account_no, &m->quiet);
}

/* Anything may follow: the rows are as the memory first. */
static int tell_all(struct office *o, struct ho_receipt_memory *m, const gasm_Receipt *r)
{
    int code = catch_up(o, m);

    m->quiet = (struct credit_quiet){ 0 };
    if (code == 0)
        code = swap_foresee(o, m->meter.id, r);
    if (code == 0)
        code = credit_follow(o, m->meter.id, r);
    return code == 0 ? swap_follow(o, m->meter.id, r) : code;
}

/* A receipt above all that are home. */
static int tell_books(struct office *o, struct ho_receipt_memory *m, const gasm_Receipt *r)
{
    int code = is_quiet(o, m, r);

    if (code < 0)
        return code;
    if (code == 1) {
        m->is_behind = true;
        return credit_follow_quiet(o, m->meter.id, r, &m->quiet);
    }
    code = m->is_behind ? 0 : put_meter(o, &m->meter);
    return code == 0 ? tell_all(o, m, r) : code;
}

/* It moves no register, and is no operation that says more than the registers do. */
static bool moves_nothing(const struct ho_receipt_memory *m, const gasm_Receipt *r)
{
    return m->has_booked && r->account_no == m->booked.account_no && r->state == m->booked.state
           && memcmp(&r->after, &m->booked.after, sizeof r->after) == 0
           && memcmp(&r->before, &m->booked.after, sizeof r->before) == 0
           && !credit_moves(r->command);
}

int ho_receipt_settle(struct office *o, struct ho_receipt_memory *m)
{
    int r = 0;

    if (m->has_left) {
        m->has_left = false;
        r = tell_books(o, m, &m->left);
    }
    return r == 0 ? catch_up(o, m) : r;
}

/* Each receipt in turn moves the register of meters and the books. Of several after one another that
 * move nothing the last is enough: it says how far the meter's receipts are followed. */
int ho_receipt_follow(struct office *o, const struct ho_arrival *a,
                      const struct ho_receipt_context *ctx, struct ho_receipt_memory *m)
{
    const bool is_left = a->is_tail && moves_nothing(m, &a->r),
               is_plain = a->r.command != gasm_Command_OPEN_ACCOUNT
                          && a->r.key_epoch <= a->meter->active_epoch;
    int r = ho_epoch_activate(o, a->meter, a->r.key_epoch);

    m->is_quiet = is_plain && is_left;
    if (r == 0 && a->r.command == gasm_Command_OPEN_ACCOUNT)
        r = open_account(o, a, ctx);
    if (r != 0)
        return r;
    if (a->is_tail)
        follow_meter(a, m);
    if (is_left) {
        m->left = a->r;
        m->has_left = true;
        return 0;
    }
    if (!a->is_tail)
        return tell_all(o, m, &a->r);
    r = tell_books(o, m, &a->r);
    m->is_quiet = is_plain && m->is_behind;
    m->booked = a->r;
    m->has_booked = true;
    m->has_left = false;
    return r;
}
