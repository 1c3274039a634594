/* office_audit_tiers.c - the statement about where sales start in their tariff's steps; see
 * office_audit.h.
 *
 * The steps of a period go on through swaps: a sale starts at the litres that were sold since the
 * period began to its customer at its place, on whichever account. A token that was voided counts
 * until then, and on when a swap has its litres. So the walk is over events in the order of time:
 * a sale adds its litres, its voiding without a swap takes them back.
 */
#include <string.h>

#include "backend/office_audit.h"
#include "backend/tariff.h"

#define PERIODS (TARIFF_YEAR + 1)

struct walk {
    char point[64], customer_no[64];
    int64_t start_s[PERIODS], sold_l[PERIODS]; /* in the present period of each kind */
};

/* At the same time: in the order of the account's tokens; one is voided when the token that takes it
 * back is taken, or when the account ends. */
#define VOIDED_AT "COALESCE(f.by_sequence, 9223372036854775807)"
static const char events[] =
    "SELECT a.supply_point, a.customer_no, t.made_at_ms AS at_ms, t.account_no, t.sequence AS "
    "place, 0 AS is_void, t.sequence, t.litres, t.from_l, t.made_at_ms, COALESCE(k.period, '') "
    "FROM token t JOIN account a ON a.org_id = t.org_id AND a.account_no = t.account_no LEFT JOIN "
    "tariff k ON k.org_id = t.org_id AND k.tariff_id = t.tariff_id WHERE t.org_id = ?1 AND t.kind "
    "= 'sale' UNION ALL SELECT a.supply_point, a.customer_no, COALESCE(t.settled_at_ms, "
    "t.made_at_ms), t.account_no, " VOIDED_AT
    ", 1, t.sequence, t.litres, t.from_l, t.made_at_ms, '' FROM token t JOIN account a ON a.org_id "
    "= t.org_id AND a.account_no = t.account_no LEFT JOIN refund f ON f.org_id = t.org_id AND "
    "f.account_no = t.account_no AND f.sequence = t.sequence AND f.state = 'paid' WHERE t.org_id = "
    "?1 AND t.kind = 'sale' AND t.state = 'voided' AND NOT EXISTS (SELECT 1 FROM posting p WHERE "
    "p.org_id = t.org_id AND p.op_id = t.op_id AND p.kind = 'voided' AND p.code = 'transit') ORDER "
    "BY 1, 2, 3, 4, 5, 6";

/* Before a row: whose it is, and which periods have begun. */
static void go_on(struct walk *w, struct odb_query *q)
{
    char point[sizeof w->point], customer_no[sizeof w->customer_no];

    odb_text(q, 0, point, sizeof point);
    odb_text(q, 1, customer_no, sizeof customer_no);
    if (strcmp(point, w->point) != 0 || strcmp(customer_no, w->customer_no) != 0) {
        *w = (struct walk){ .sold_l = { 0 } };
        memcpy(w->point, point, sizeof point);
        memcpy(w->customer_no, customer_no, sizeof customer_no);
    }
    for (int i = 0; i < PERIODS; i++) {
        int64_t start_s = tariff_period_start((enum tariff_period)i, odb_int(q, 2) / 1000);

        if (start_s != w->start_s[i])
            w->sold_l[i] = 0;
        w->start_s[i] = start_s;
    }
}

/* Its litres count in the periods that had begun when it was sold. A row that was tampered with may
 * leave 64 bits: then it is not equal, but must not trap. */
static void add(struct walk *w, struct odb_query *q, bool is_void)
{
    const uint64_t litres = (uint64_t)odb_int(q, 7);

    for (int i = 0; i < PERIODS; i++)
        if (odb_int(q, 9) / 1000 >= w->start_s[i])
            w->sold_l[i] = (int64_t)((uint64_t)w->sold_l[i] + (is_void ? -litres : litres));
}

static void check_sale(struct ho_audit *a, const struct walk *w, struct odb_query *q)
{
    enum tariff_period period;
    char word[16];

    odb_text(q, 10, word, sizeof word);
    if (tariff_period_find(word, &period) != 0)
        return; /* its tariff is not there, which is told elsewhere */
    ho_checked(a, HO_TIERS);
    if (odb_int(q, 8) != w->sold_l[period])
        ho_broken(a, HO_TIERS,
                  "token %lld/%lld starts at %lld l, of this period %lld l were sold before it at "
                  "%s to %s",
                  (long long)odb_int(q, 3), (long long)odb_int(q, 6), (long long)odb_int(q, 8),
                  (long long)w->sold_l[period], w->point, w->customer_no);
}

int ho_audit_tiers(struct ho_audit *a)
{
    struct odb_query *q = odb_query(a->o->db, events, ODB_NONE);
    struct walk w = { .sold_l = { 0 } };
    int r;

    while ((r = odb_next(a->o->db, q)) == 1) {
        const bool is_void = odb_int(q, 5) != 0;

        go_on(&w, q);
        if (!is_void)
            check_sale(a, &w, q);
        add(&w, q, is_void);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(a->o) : 0;
}
