/* swap_mac.c - whose key made the second mac of a closing certificate, the one for the new meter;
 * see swap_in.h. */
#include "backend/office_issue.h"
#include "backend/swap_in.h"
#include "meter-core/keys.h"

/* Under one key of the new meter, with these terms. 1, 0 or a failure. */
static int try_key(struct office *o, const struct swap_case *c, uint32_t epoch,
                   struct gf_span terms, struct gf_span sealed)
{
    uint8_t root[HO_KEY_LEN], key[MC_KEY_LEN];
    gasm_Certificate ignored;
    int r = ho_root_key(o, c->new_meter_id, epoch, root);

    if (r != 1)
        return r;
    if (mc_swap_key(o->ports.crypto, root, terms, key) != 0)
        r = ho_fail(o, GF_E_CRYPTO, "swap key", c->number);
    else
        r = mc_certificate_open_swap(o->ports.crypto, key, sealed, &ignored) == 0;
    gf_wipe(root, sizeof root);
    gf_wipe(key, sizeof key);
    return r;
}

/* Under each key of the new meter: which was the highest when the key was sealed is not kept. */
static int try_terms(struct office *o, const struct swap_case *c, struct gf_span terms,
                     struct gf_span sealed)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT epoch FROM account_key WHERE org_id = ?1 AND meter_id = ?2 ORDER BY epoch DESC",
        ODB(ODB_T(c->new_meter_id)));
    int r = 0, found = 0;

    while (found == 0 && (r = odb_next(o->db, q)) == 1)
        found = try_key(o, c, (uint32_t)odb_int(q, 0), terms, sealed);
    if (r < 0)
        found = ho_db_fail(o);
    odb_end(q);
    return found;
}

/* The present terms, then those of every ticket that the case's orders had: the old meter may have
 * been shown terms that were renewed since. */
int swap_check_mac(struct office *o, const struct swap_case *c, struct gf_span sealed)
{
    int found = try_terms(o, c, (struct gf_span){ c->terms, c->terms_n }, sealed), r = 0;
    struct odb_query *q;
    gasm_Ticket t;

    if (found != 0)
        return found;
    q = odb_query(o->db,
                  "SELECT t.bytes FROM work_order w JOIN ticket t ON t.org_id = w.org_id AND "
                  "t.order_id = w.order_id WHERE w.org_id = ?1 AND w.swap_case = ?2 AND t.meter_id "
                  "= ?3 ORDER BY t.serial DESC",
                  ODB(ODB_B(c->case_id, 16), ODB_T(c->old_meter_id)));
    while (found == 0 && (r = odb_next(o->db, q)) == 1)
        if (mc_ticket_decode(odb_bytes(q, 0), &t) == 0 && t.swap.size > 0)
            found = try_terms(o, c, (struct gf_span){ t.swap.bytes, t.swap.size }, sealed);
    if (r < 0)
        found = ho_db_fail(o);
    odb_end(q);
    return found;
}
