/* office_audit_places.c - the statement about places: which meter stands there, whose accounts,
 * orders and customers' programs go with it; see office_audit.h. */
#include <string.h>

#include "backend/office_audit.h"

/* Rows of a query that break the statement, each with a text and a number to name it. */
static int each_broken(struct ho_audit *a, struct odb_query *q, const char *what, const char *wrong)
{
    char name[64];
    int r;

    while ((r = odb_next(a->o->db, q)) == 1) {
        odb_text(q, 0, name, sizeof name);
        if (odb_is_null(q, 1))
            ho_broken(a, HO_PLACES, "%s %s %s", what, name, wrong);
        else
            ho_broken(a, HO_PLACES, "%s %s, account %lld, %s", what, name,
                      (long long)odb_int(q, 1), wrong);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(a->o) : 0;
}

/* ---- the meter that stands there ---- */

enum { P_POINT, P_METER, P_ACCOUNT, P_STATE, P_ACCOUNT_METER, P_SWAPPED };

/* A place goes by its last account that was opened, or closed by its meter. While that is open its
 * meter stands there; once it is closed nothing does, or its meter still while a swap brings the
 * next. */
static void check_place(struct ho_audit *a, struct odb_query *q)
{
    char point[64], meter_id[64], want[64], state[16];
    bool is_right;

    odb_text(q, P_POINT, point, sizeof point);
    odb_text(q, P_METER, meter_id, sizeof meter_id);
    odb_text(q, P_STATE, state, sizeof state);
    odb_text(q, P_ACCOUNT_METER, want, sizeof want);
    ho_checked(a, HO_PLACES);
    if (odb_is_null(q, P_ACCOUNT))
        is_right = meter_id[0] == '\0';
    else if (strcmp(state, "open") == 0)
        is_right = strcmp(meter_id, want) == 0;
    else
        is_right = meter_id[0] == '\0' || (strcmp(meter_id, want) == 0 && odb_int(q, P_SWAPPED) > 0);
    if (!is_right)
        ho_broken(a, HO_PLACES, "place %s has meter %s, its last account is %lld on %s, %s", point,
                  meter_id[0] != '\0' ? meter_id : "none", (long long)odb_int(q, P_ACCOUNT),
                  want[0] != '\0' ? want : "none", state[0] != '\0' ? state : "not there");
}

/* The sum keeps SQLite from looking for a place's last account from the last of all accounts on. */
static int check_places(struct ho_audit *a)
{
    struct odb_query *q = odb_query(
        a->o->db,
        "SELECT s.supply_point, s.meter_id, t.account_no, t.state, t.meter_id, (SELECT COUNT(*) "
        "FROM swap_case c WHERE c.org_id = s.org_id AND c.supply_point = s.supply_point AND "
        "c.old_account_no = t.account_no AND c.state <> 'cancelled') FROM supply_point s LEFT JOIN "
        "account t ON t.org_id = s.org_id AND t.account_no = (SELECT MAX(b.account_no + 0) FROM "
        "account b WHERE b.org_id = s.org_id AND b.supply_point = s.supply_point AND (b.state = "
        "'open' OR b.closed_seq IS NOT NULL)) WHERE s.org_id = ?1 ORDER BY s.supply_point",
        ODB_NONE);
    int r;

    while ((r = odb_next(a->o->db, q)) == 1)
        check_place(a, q);
    odb_end(q);
    return r < 0 ? ho_db_fail(a->o) : 0;
}

/* ---- what goes with it ---- */

int ho_audit_places(struct ho_audit *a)
{
    struct odb *db = a->o->db;
    int r = check_places(a);

    if (r == 0)
        r = each_broken(
            a,
            odb_query(db,
                      "SELECT meter_id, NULL FROM supply_point WHERE org_id = ?1 AND meter_id IS "
                      "NOT NULL GROUP BY meter_id HAVING COUNT(*) > 1 ORDER BY meter_id",
                      ODB_NONE),
            "meter", "stands at two places");
    if (r == 0)
        r = each_broken(
            a,
            odb_query(db,
                      "SELECT a.supply_point, a.account_no FROM account a WHERE a.org_id = ?1 AND "
                      "a.state = 'open' AND EXISTS (SELECT 1 FROM account b WHERE b.org_id = "
                      "a.org_id AND b.supply_point = a.supply_point AND b.state = 'open' AND "
                      "b.account_no > a.account_no) AND NOT EXISTS (SELECT 1 FROM swap_case c "
                      "WHERE c.org_id = a.org_id AND c.supply_point = a.supply_point AND "
                      "c.old_account_no = a.account_no AND c.state <> 'cancelled') ORDER BY "
                      "a.account_no",
                      ODB_NONE),
            "place", "is open beside a later one, and no swap says why");
    if (r == 0)
        r = each_broken(
            a,
            odb_query(db,
                      "SELECT m.meter_id, m.account_no FROM meter m WHERE m.org_id = ?1 AND "
                      "m.account_no <> 0 AND NOT EXISTS (SELECT 1 FROM account a WHERE a.org_id = "
                      "m.org_id AND a.account_no = m.account_no AND a.meter_id = m.meter_id) ORDER "
                      "BY m.meter_id",
                      ODB_NONE),
            "meter", "which is not registered on it");
    if (r == 0)
        r = each_broken(
            a,
            odb_query(db,
                      "SELECT a.supply_point, a.account_no FROM account a WHERE a.org_id = ?1 AND "
                      "(NOT EXISTS (SELECT 1 FROM meter m WHERE m.org_id = a.org_id AND m.meter_id "
                      "= a.meter_id) OR NOT EXISTS (SELECT 1 FROM supply_point s JOIN customer c "
                      "ON c.org_id = s.org_id AND c.customer_no = s.customer_no WHERE s.org_id = "
                      "a.org_id AND s.supply_point = a.supply_point AND s.customer_no = "
                      "a.customer_no)) ORDER BY a.account_no",
                      ODB_NONE),
            "place", "has not its customer, or not its meter");
    if (r == 0)
        r = each_broken(
            a,
            odb_query(db,
                      "SELECT b.customer_no, b.account_no FROM binding b LEFT JOIN account a ON "
                      "a.org_id = b.org_id AND a.account_no = b.account_no AND a.meter_id = "
                      "b.meter_id AND a.customer_no = b.customer_no WHERE b.org_id = ?1 AND "
                      "(a.account_no IS NULL OR (b.ended_at_ms IS NULL AND a.state <> 'open' AND "
                      "NOT EXISTS (SELECT 1 FROM swap_case c WHERE c.org_id = a.org_id AND "
                      "c.supply_point = a.supply_point AND c.old_account_no = a.account_no AND "
                      "c.state <> 'cancelled'))) ORDER BY b.customer_no, b.meter_id",
                      ODB_NONE),
            "customer", "is bound to what is not theirs, or to a closed account");
    return r == 0 ? each_broken(
                        a,
                        odb_query(db,
                                  "SELECT w.number, w.account_no FROM work_order w LEFT JOIN "
                                  "account a ON a.org_id = w.org_id AND a.account_no = "
                                  "w.account_no AND a.meter_id = w.meter_id AND a.supply_point = "
                                  "w.supply_point AND a.customer_no = w.customer_no LEFT JOIN "
                                  "swap_case c ON c.org_id = w.org_id AND c.case_id = w.swap_case "
                                  "AND c.new_account_no = w.account_no WHERE w.org_id = ?1 AND "
                                  "((w.account_no IS NOT NULL AND a.account_no IS NULL) OR "
                                  "(w.swap_case IS NOT NULL AND c.case_id IS NULL) OR "
                                  "(w.closed_at_ms IS NULL) <> (w.state IN ('planned', 'assigned', "
                                  "'on-site')) OR (w.checked_at_ms IS NULL) <> (w.state <> "
                                  "'checked')) ORDER BY w.number",
                                  ODB_NONE),
                        "order", "is of another meter, place, customer, swap or state")
                  : r;
}
