/* office_audit_logged.c - the statement about what the audit log says was made or done: the rows
 * that it names are there; see office_audit.h.
 *
 * The log is a chain of hashes, so it is what finds a row that is gone altogether. One walk over it;
 * each row is looked up by its key.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/office_audit.h"
#include "common/text.h"

/* How a detail is read: its words, separated by spaces, with what stands behind them (':', ',')
 * cut off. n: a number, p: two numbers with a slash between, t: a text, u: a UUID, .: anything; w in
 * front: who did it. Each is a parameter, from ?2 on. */
#define PARAMETERS_MAX 8
static const struct said {
    const char *what, *words, *sql; /* rows that agree; none is a break */
} said[] = {
    { "token issued", "wp.tt.n",
      "SELECT COUNT(*) FROM token WHERE org_id = ?1 AND made_by = ?2 AND account_no = ?3 AND "
      "sequence = ?4 AND meter_id = ?5 AND kind = ?6 AND litres = ?7" },
    { "refund wanted", "wp",
      "SELECT COUNT(*) FROM refund WHERE org_id = ?1 AND asked_by = ?2 AND account_no = ?3 AND "
      "sequence = ?4" },
    { "refund ended", "pt",
      "SELECT COUNT(*) FROM refund WHERE org_id = ?1 AND account_no = ?2 AND sequence = ?3 AND "
      "state = ?4" },
    { "certificate home", "wt.nn",
      "SELECT COUNT(*) FROM closing WHERE org_id = ?1 AND brought_by = ?2 AND meter_id = ?3 AND "
      "account_no = ?4 AND residual_l = ?5" },
    { "account opened", "n.t",
      "SELECT COUNT(*) FROM account WHERE org_id = ?1 AND account_no = ?2 AND meter_id = ?3 AND "
      "opened_seq IS NOT NULL" },
    { "account closed", "n.t.n",
      "SELECT COUNT(*) FROM account WHERE org_id = ?1 AND account_no = ?2 AND meter_id = ?3 AND "
      "residual_l = ?4 AND closed_seq IS NOT NULL" },
    { "application registered", "t.n",
      "SELECT COUNT(*) FROM work_order WHERE org_id = ?1 AND number = ?2 AND account_no = ?3" },
    { "order made", "wtt.t",
      "SELECT COUNT(*) FROM work_order WHERE org_id = ?1 AND made_by = ?2 AND number = ?3 AND kind "
      "= ?4 AND meter_id = ?5" },
    { "order closed", "tt",
      "SELECT COUNT(*) FROM work_order WHERE org_id = ?1 AND number = ?2 AND state IN (?3, "
      "'checked')" },
    { "order checked", "wt",
      "SELECT COUNT(*) FROM work_order WHERE org_id = ?1 AND checked_by = ?2 AND number = ?3 AND "
      "state = 'checked'" },
    { "order cancelled", "t",
      "SELECT COUNT(*) FROM work_order WHERE org_id = ?1 AND number = ?2 AND state IN ('unable', "
      "'checked')" },
    { "swap planned", "wtt.t",
      "SELECT COUNT(*) FROM swap_case WHERE org_id = ?1 AND made_by = ?2 AND number = ?3 AND "
      "new_meter_id = ?4 AND old_meter_id = ?5" },
    { "swap estimated", "wtn..t",
      "SELECT COUNT(*) FROM swap_case WHERE org_id = ?1 AND confirmed_by = ?2 AND number = ?3 AND "
      "estimate_l = ?4 AND estimated_by = ?5" },
    { "ticket issued", "t.n.n",
      "SELECT COUNT(*) FROM ticket WHERE org_id = ?1 AND meter_id = ?2 AND serial = ?3 AND epoch = "
      "?4" },
    { "account key made", "t.n",
      "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND epoch = ?3" },
    { "key active", "t.n",
      "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND epoch = ?3 AND "
      "active_since_ms IS NOT NULL" },
    { "key withdrawn", "t.n",
      "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND epoch = ?3 AND "
      "ended_at_ms IS NOT NULL" },
    { "certificate made", "t.t",
      "SELECT COUNT(*) FROM certificate c JOIN work_order w ON w.org_id = c.org_id AND w.order_id "
      "= c.order_id WHERE c.org_id = ?1 AND c.number = ?2 AND w.number = ?3" },
    { "device enrolled", "u",
      "SELECT COUNT(*) FROM device WHERE org_id = ?1 AND device_id = ?2" },
    { "staff added", "tt",
      "SELECT COUNT(*) FROM staff WHERE org_id = ?1 AND staff_no = ?2 AND role = ?3" },
    { "customer added", "t",
      "SELECT COUNT(*) FROM customer WHERE org_id = ?1 AND customer_no = ?2" },
    { "supply point added", "t.t",
      "SELECT COUNT(*) FROM supply_point s JOIN customer c ON c.org_id = s.org_id AND "
      "c.customer_no = ?3 WHERE s.org_id = ?1 AND s.supply_point = ?2" },
    { "meter bound", "t",
      "SELECT COUNT(*) FROM binding WHERE org_id = ?1 AND meter_id = ?2" },
    { "tariff", "wttt",
      "SELECT COUNT(*) FROM tariff WHERE org_id = ?1 AND made_by = ?2 AND tariff_id = ?3 AND class "
      "= ?4 AND currency = ?5" },
    { "provider added", "t",
      "SELECT COUNT(*) FROM provider WHERE org_id = ?1 AND name = ?2" },
    { "provider ended", "t",
      "SELECT COUNT(*) FROM provider WHERE org_id = ?1 AND name = ?2 AND ended_at_ms IS NOT NULL" },
};

/* A detail's words as parameters. How many; -1 when it does not read so. */
struct words {
    char text[HO_TEXT_MAX];
    uint8_t id[GF_UUID_LEN];
    struct odb_value values[PARAMETERS_MAX];
    size_t n;
};

static bool add_number(struct words *w, const char *digits, const char *end)
{
    char *stopped;
    const long long v = strtoll(digits, &stopped, 10);

    w->values[w->n++] = ODB_I(v);
    return stopped == end && stopped != digits;
}

static bool add_word(struct words *w, char sort, char *word)
{
    char *end = word + strlen(word), *slash = strchr(word, '/');

    if (end > word && (end[-1] == ':' || end[-1] == ','))
        *--end = '\0';
    if (sort == 'n')
        return add_number(w, word, end);
    if (sort == 'p')
        return slash != NULL && add_number(w, word, slash) && add_number(w, slash + 1, end);
    if (sort == 'u') {
        w->values[w->n++] = ODB_B(w->id, sizeof w->id);
        return gf_uuid_parse(word, w->id) == 0;
    }
    if (sort == 't')
        w->values[w->n++] = ODB_T(word);
    return true;
}

static bool read_words(struct words *w, const char *sorts, const char *who)
{
    char *at = w->text;

    w->n = 0;
    if (*sorts == 'w') {
        w->values[w->n++] = ODB_T(who);
        sorts++;
    }
    for (; *sorts != '\0'; sorts++) {
        size_t n = strcspn(at, " ");
        char *word = at;

        if (n == 0)
            return false;
        at += n + (at[n] == ' ');
        word[n] = '\0';
        if (!add_word(w, *sorts, word))
            return false;
    }
    return true;
}

/* One row of the log. 0 or a failure. */
static int check_row(struct ho_audit *a, struct odb_query *q)
{
    struct words w;
    char what[64], detail[HO_TEXT_MAX], who[64];
    int64_t n = 0;
    size_t i = 0;

    odb_text(q, 1, what, sizeof what);
    odb_text(q, 2, detail, sizeof detail);
    odb_text(q, 3, who, sizeof who);
    while (i < sizeof said / sizeof said[0] && strcmp(said[i].what, what) != 0)
        i++;
    if (i == sizeof said / sizeof said[0])
        return 0;
    ho_checked(a, HO_LOGGED_ROWS);
    memcpy(w.text, detail, sizeof w.text);
    if (read_words(&w, said[i].words, who)
        && odb_number(a->o->db, &n, said[i].sql, w.values, w.n) < 0)
        return ho_db_fail(a->o);
    if (n == 0)
        ho_broken(a, HO_LOGGED_ROWS, "audit log row %lld: %s %.160s: it is not there, or not so",
                  (long long)odb_int(q, 0), what, detail);
    return 0;
}

static int check_rows(struct ho_audit *a)
{
    struct odb_query *q = odb_query(
        a->o->db, "SELECT n, what, detail, who FROM audit_log WHERE org_id = ?1 ORDER BY n", ODB_NONE);
    int r = 0, failed = 0;

    while (failed == 0 && (r = odb_next(a->o->db, q)) == 1)
        failed = check_row(a, q);
    if (failed == 0 && r < 0)
        failed = ho_db_fail(a->o);
    odb_end(q);
    return failed;
}

/* ---- where swaps are ---- */

/* The last that the log says of a case: "SW-000001 is settled". */
struct last {
    char number[64], state[64];
    int64_t n; /* of its row; 0: none */
};

static int end_case(struct ho_audit *a, const struct last *l)
{
    int64_t n = 0;

    if (l->n == 0)
        return 0;
    ho_checked(a, HO_LOGGED_ROWS);
    if (odb_number(a->o->db, &n,
                   "SELECT COUNT(*) FROM swap_case WHERE org_id = ?1 AND number = ?2 AND state = "
                   "?3",
                   ODB(ODB_T(l->number), ODB_T(l->state)))
        < 0)
        return ho_db_fail(a->o);
    if (n == 0)
        ho_broken(a, HO_LOGGED_ROWS, "audit log row %lld: swap %s is %s, it is registered otherwise",
                  (long long)l->n, l->number, l->state);
    return 0;
}

/* A row of a case: rows of one stand together, in no order of time. */
static int add_case(struct ho_audit *a, struct last *l, int64_t n, char *detail)
{
    char *state = strstr(detail, " is ");
    int r = 0;

    if (state == NULL)
        return 0;
    *state = '\0';
    if (strcmp(detail, l->number) != 0) {
        r = end_case(a, l);
        *l = (struct last){ .n = 0 };
    }
    if (n > l->n) {
        l->n = n;
        (void)gf_copy(l->number, sizeof l->number, detail);
        (void)gf_copy(l->state, sizeof l->state, state + 4);
    }
    return r;
}

static int check_cases(struct ho_audit *a)
{
    struct odb_query *q = odb_query(a->o->db,
                                    "SELECT n, detail FROM audit_log WHERE org_id = ?1 AND what = "
                                    "'swap case' ORDER BY detail, n",
                                    ODB_NONE);
    struct last last = { .n = 0 };
    char detail[HO_TEXT_MAX];
    int r = 0, failed = 0;

    while (failed == 0 && (r = odb_next(a->o->db, q)) == 1) {
        odb_text(q, 1, detail, sizeof detail);
        failed = add_case(a, &last, odb_int(q, 0), detail);
    }
    if (failed == 0 && r < 0)
        failed = ho_db_fail(a->o);
    odb_end(q);
    return failed == 0 ? end_case(a, &last) : failed;
}

int ho_audit_logged_rows(struct ho_audit *a)
{
    int r = check_rows(a);

    return r == 0 ? check_cases(a) : r;
}
