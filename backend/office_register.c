/* office_register.c - staff, revocations, work orders; see office_register.h. */
#include "backend/office_register.h"

#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"
#include "common/text.h"
#include "meter-core/params.h"
#include "meter-core/proto/meter.pb.h"

#define STAFF_NO_MAX 24
#define NAME_MAX_LEN 95
#define NOTE_MAX_LEN 199
#define PURGE_L_MAX 10000
#define PURGE_S_MAX 3600
#define FIRST_ACCOUNT 100001

const char *const ho_roles[] = {
    "technician", "clerk", "supervisor", "key-officer", "auditor", NULL
};

bool ho_is_id(const char *text, size_t max)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/");

    return n > 0 && n <= max && text[n] == '\0';
}

bool ho_is_text(const char *text, size_t max)
{
    char seen[HO_TEXT_MAX];
    size_t n = strlen(text);

    gf_visible(seen, sizeof seen, text, n);
    return n > 0 && n <= max && n < sizeof seen && strcmp(seen, text) == 0;
}

/* ---- staff ---- */

struct new_staff {
    const char *staff_no, *name, *role;
};

static int store_staff(struct office *o, void *ctx)
{
    const struct new_staff *n = ctx;
    int64_t taken = 0;

    if (odb_number(o->db, &taken, "SELECT COUNT(*) FROM staff WHERE org_id = ?1 AND staff_no = ?2",
                   ODB(ODB_T(n->staff_no)))
        < 0)
        return ho_db_fail(o);
    if (taken > 0)
        return ho_fail(o, GF_E_NOT_NOW, "staff", "this number is taken");
    if (odb_exec(o->db,
                 "INSERT INTO staff (org_id, staff_no, name, role, added_at_ms) VALUES (?1, ?2, "
                 "?3, ?4, ?5)",
                 ODB(ODB_T(n->staff_no), ODB_T(n->name), ODB_T(n->role), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, ho_who(o), "staff added", "%s %s", n->staff_no, n->role);
}

int ho_add_staff(struct office *o, const char *staff_no, const char *name, const char *role)
{
    struct new_staff fresh = { staff_no, name, role };
    size_t i = 0;

    while (ho_roles[i] != NULL && strcmp(ho_roles[i], role) != 0)
        i++;
    if (!ho_is_id(staff_no, STAFF_NO_MAX))
        return ho_fail(o, GF_E_FORMAT, "number", "1 to 24 letters, digits, and . _ - /");
    if (!ho_is_text(name, NAME_MAX_LEN))
        return ho_fail(o, GF_E_FORMAT, "name", "1 to 95 bytes of text");
    if (ho_roles[i] == NULL)
        return ho_fail(o, GF_E_FORMAT, "role",
                       "technician, clerk, supervisor, key-officer or auditor");
    return ho_transaction(o, store_staff, &fresh);
}

/* ---- revoking ---- */

/* The open orders of a person get new tickets at the next fetch. */
static int renew_orders(struct office *o, const char *staff_no)
{
    struct buf ids = { 0 };
    struct ho_order order;
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT order_id FROM work_order WHERE org_id = ?1 AND staff_no = ?2 AND "
                  "closed_at_ms IS NULL AND key_epoch IS NOT NULL",
                  ODB(ODB_T(staff_no)));
    int r;

    while ((r = odb_next(o->db, q)) == 1)
        buf_add(&ids, odb_bytes(q, 0).p, odb_bytes(q, 0).n);
    odb_end(q);
    if (r < 0)
        (void)ho_db_fail(o);
    for (size_t at = 0; r >= 0 && at + GF_UUID_LEN <= ids.n; at += GF_UUID_LEN) {
        r = ho_find_order(o, ids.p + at, &order);
        if (r == 1)
            r = ho_changed(o, &order);
    }
    buf_free(&ids);
    return r < 0 ? r : ho_void_tickets(o, staff_no);
}

static int revoke(struct office *o, void *ctx)
{
    const char *who = ctx;
    uint8_t id[GF_UUID_LEN];
    struct ho_device device;
    char staff_no[25] = "";
    int64_t known = 0, now = ho_now_ms(o);
    int n, r = 0;

    if (gf_uuid_parse(who, id) == 0) {
        if ((r = ho_find_device(o, id, &device)) < 0)
            return r;
        if (r == 0)
            return ho_fail(o, GF_E_FORMAT, "device", "there is no such device");
        (void)gf_copy(staff_no, sizeof staff_no, device.staff_no);
        n = odb_exec(o->db,
                     "UPDATE device SET revoked_at_ms = ?3 WHERE org_id = ?1 AND device_id = ?2 "
                     "AND revoked_at_ms IS NULL",
                     ODB(ODB_B(id, GF_UUID_LEN), ODB_I(now)));
    } else {
        (void)gf_copy(staff_no, sizeof staff_no, who);
        if (odb_number(o->db, &known,
                       "SELECT COUNT(*) FROM staff WHERE org_id = ?1 AND staff_no = ?2",
                       ODB(ODB_T(who)))
            < 0)
            return ho_db_fail(o);
        if (known == 0)
            return ho_fail(o, GF_E_FORMAT, "device",
                           "this is neither a device's id nor a number of the staff");
        n = odb_exec(o->db,
                     "UPDATE device SET revoked_at_ms = ?3 WHERE org_id = ?1 AND staff_no = ?2 AND "
                     "revoked_at_ms IS NULL",
                     ODB(ODB_T(who), ODB_I(now)));
    }
    if (n < 0)
        return ho_db_fail(o);
    if (n > 0)
        r = renew_orders(o, staff_no);
    if (r >= 0)
        r = ho_log(o, ho_who(o), "revoked", "%s: %d", who, n);
    return r < 0 ? r : n;
}

int ho_revoke(struct office *o, const char *who)
{
    char copy[64];

    if (!gf_copy(copy, sizeof copy, who))
        return ho_fail(o, GF_E_FORMAT, "device",
                       "this is neither a device's id nor a number of the staff");
    return ho_transaction(o, revoke, copy);
}

/* ---- work orders ---- */

/* What a company sets at each commissioning unless the order says otherwise. */
static const uint32_t standard_parameters[] = { MC_PARAM_CREDIT_LOW, MC_PARAM_CREDIT_EMERGENCY,
                                                MC_PARAM_ARMING_TIME };

/* "7=5000" into the list; each id once, in the range of the meter's table. */
static int add_parameter(struct office *o, const char *text, struct buf *list, uint64_t *seen)
{
    char id[16] = "", detail[120];
    int64_t n, v;
    size_t at = strcspn(text, "=");
    const struct mc_param_row *row = NULL;

    if (text[at] == '=' && at < sizeof id) {
        memcpy(id, text, at);
        id[at] = '\0';
        row = gf_parse_int(id, 1, 63, &n) == 0 ? mc_param_row((uint32_t)n) : NULL;
    }
    if (row == NULL) {
        (void)snprintf(detail, sizeof detail,
                       "\"%.40s\": a parameter is ID=VALUE with an id of 1 to %zu", text,
                       (size_t)MC_PARAM_COUNT);
        return ho_fail(o, GF_E_FORMAT, "param", detail);
    }
    if (gf_parse_int(text + at + 1, row->min, row->max, &v) != 0) {
        (void)snprintf(detail, sizeof detail, "%s: a number of %s from %d to %d", row->text,
                       row->unit, row->min, row->max);
        return ho_fail(o, GF_E_RANGE, "param", detail);
    }
    if ((*seen >> row->id & 1) != 0)
        return ho_fail(o, GF_E_FORMAT, "param", "a parameter is named twice");
    *seen |= UINT64_C(1) << row->id;
    buf_print(list, "%s%u=%lld", list->n > 0 ? ";" : "", row->id, (long long)v);
    return 0;
}

static int make_parameters(struct office *o, const struct ho_new_order *n, struct buf *list)
{
    uint64_t seen = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n->n_parameters; i++)
        r = add_parameter(o, n->parameters[i], list, &seen);
    for (size_t i = 0;
         n->n_parameters == 0 && i < sizeof standard_parameters / sizeof standard_parameters[0];
         i++) {
        const struct mc_param_row *row = mc_param_row(standard_parameters[i]);

        buf_print(list, "%s%u=%d", list->n > 0 ? ";" : "", row->id, row->def);
    }
    buf_add(list, "", 1);
    return r == 0 && list->bad ? ho_fail(o, GF_E_MEMORY, "param", "") : r;
}

struct making {
    const struct ho_new_order *n;
    const char *parameters;
    char number[32], due[16], customer_no[32];
    uint64_t meter_account_no; /* that the meter has open, 0 for none */
    uint64_t account_no;
};

/* May this meter be opened? An order that is open holds it; a meter beyond its opening needs
 * another procedure. */
static int check_meter(struct office *o, struct making *m)
{
    struct ho_meter meter;
    char detail[120];
    int r = ho_find_meter(o, m->n->meter_id, &meter);

    if (r <= 0)
        return r < 0 ? r : ho_fail(o, GF_E_UNREGISTERED, "meter", m->n->meter_id);
    if (meter.life_state >= gasm_LifeState_IN_SERVICE)
        return ho_fail(o, GF_E_NOT_NOW, "meter", "its account is open already");
    m->meter_account_no = meter.account_no;

    struct odb_query *q = odb_query(o->db,
                                    "SELECT number, state FROM work_order WHERE org_id = ?1 AND "
                                    "meter_id = ?2 AND closed_at_ms IS NULL",
                                    ODB(ODB_T(m->n->meter_id)));
    r = odb_next(o->db, q);
    if (r == 1) {
        char number[32], state[16];

        odb_text(q, 0, number, sizeof number);
        odb_text(q, 1, state, sizeof state);
        (void)snprintf(detail, sizeof detail, "order %s for this meter is %s", number, state);
        r = ho_fail(o, GF_E_NOT_NOW, "meter", detail);
    }
    odb_end(q);
    return r < 0 && o->fail.code == 0 ? ho_db_fail(o) : r;
}

/* The customer of the supply point, whose place must not be taken by another meter. */
static int check_supply_point(struct office *o, struct making *m)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT customer_no, meter_id FROM supply_point WHERE org_id = ?1 AND supply_point = ?2",
        ODB(ODB_T(m->n->supply_point)));
    char meter_id[GF_METER_ID_TEXT] = "";
    int r = odb_next(o->db, q);

    if (r == 1) {
        odb_text(q, 0, m->customer_no, sizeof m->customer_no);
        odb_text(q, 1, meter_id, sizeof meter_id);
    }
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    if (r == 0)
        return ho_fail(o, GF_E_FORMAT, "supply point",
                       "there is no such supply point: see import-customers");
    if (meter_id[0] != '\0' && strcmp(meter_id, m->n->meter_id) != 0)
        return ho_fail(o, GF_E_NOT_NOW, "supply point", "another meter serves it");
    return 0;
}

static int check_staff(struct office *o, const char *staff_no)
{
    struct odb_query *q = odb_query(
        o->db, "SELECT role FROM staff WHERE org_id = ?1 AND staff_no = ?2", ODB(ODB_T(staff_no)));
    char role[32] = "";
    int r = odb_next(o->db, q);

    if (r == 1)
        odb_text(q, 0, role, sizeof role);
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    if (r == 0)
        return ho_fail(o, GF_E_FORMAT, "staff", "there is no such person: see add-staff");
    return strcmp(role, "technician") == 0 || strcmp(role, "supervisor") == 0
               ? 0
               : ho_fail(o, GF_E_FORMAT, "staff",
                         "only a technician or a supervisor works at meters");
}

/* The account's number: that of an opening which an earlier order had to leave, else the next. */
static int choose_account(struct office *o, struct making *m)
{
    int64_t no = 0;
    int r = odb_number(o->db, &no,
                       "SELECT MAX(a.account_no) FROM account a JOIN meter m ON m.org_id = "
                       "a.org_id AND m.meter_id = a.meter_id AND m.life_state > ?5 WHERE a.org_id "
                       "= ?1 AND a.meter_id = ?2 AND a.supply_point = ?3 AND a.customer_no = ?4",
                       ODB(ODB_T(m->n->meter_id), ODB_T(m->n->supply_point), ODB_T(m->customer_no),
                           ODB_I(gasm_LifeState_FACTORY)));

    if (r < 0)
        return ho_db_fail(o);
    if (m->meter_account_no != 0 && (r == 0 || (uint64_t)no != m->meter_account_no))
        return ho_fail(o, GF_E_NOT_NOW, "meter",
                       "its opening was begun for another customer or place");
    if (r == 0) {
        if (ho_next_number(o, "account", FIRST_ACCOUNT, &no) != 0)
            return o->fail.code;
        if (odb_exec(o->db,
                     "INSERT INTO account (org_id, account_no, customer_no, supply_point, "
                     "meter_id, state) VALUES (?1, ?2, ?3, ?4, ?5, 'reserved')",
                     ODB(ODB_I(no), ODB_T(m->customer_no), ODB_T(m->n->supply_point),
                         ODB_T(m->n->meter_id)))
            < 0)
            return ho_db_fail(o);
    }
    m->account_no = (uint64_t)no;
    return 0;
}

/* The order's number: as given when it is free, else the next that is. */
static int choose_number(struct office *o, struct making *m)
{
    int64_t n, taken = 1;
    bool is_given = m->n->number != NULL;

    while (taken > 0) {
        if (is_given)
            (void)gf_copy(m->number, sizeof m->number, m->n->number);
        else if (ho_next_number(o, "order", 1, &n) != 0)
            return o->fail.code;
        else
            (void)snprintf(m->number, sizeof m->number, "J-%04lld", (long long)n);
        if (odb_number(o->db, &taken,
                       "SELECT COUNT(*) FROM work_order WHERE org_id = ?1 AND number = ?2",
                       ODB(ODB_T(m->number)))
            < 0)
            return ho_db_fail(o);
        if (is_given && taken > 0)
            return ho_fail(o, GF_E_NOT_NOW, "number", "there is an order with this number");
    }
    return 0;
}

static int store_order(struct office *o, const struct making *m)
{
    const struct ho_new_order *n = m->n;
    struct ho_order order = { 0 };

    if (gf_uuid7(o->ports.clock, o->ports.random, order.id) != 0)
        return ho_fail(o, GF_E_RANDOM, "order", "");
    (void)gf_copy(order.staff_no, sizeof order.staff_no, n->staff_no);
    if (odb_exec(
            o->db,
            "INSERT INTO work_order (org_id, order_id, number, kind, meter_id, supply_point, "
            "customer_no, staff_no, account_no, state, due, priority, purge_volume_l, "
            "purge_limit_s, parameters, note, made_at_ms) VALUES (?1, ?2, ?3, 'account-opening', "
            "?4, ?5, ?6, ?7, ?8, 'assigned', ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            ODB(ODB_B(order.id, GF_UUID_LEN), ODB_T(m->number), ODB_T(n->meter_id),
                ODB_T(n->supply_point), ODB_T(m->customer_no), ODB_T(n->staff_no),
                ODB_I(m->account_no), ODB_T(m->due), ODB_I(n->priority), ODB_I(n->purge_l),
                ODB_I(n->purge_s), ODB_T(m->parameters), ODB_T(n->note != NULL ? n->note : ""),
                ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);

    int r = ho_changed(o, &order);
    return r == 0 ? ho_log(o, ho_who(o), "order made", "%s for %s at %s to %s, account %llu",
                           m->number, n->meter_id, n->supply_point, n->staff_no,
                           (unsigned long long)m->account_no)
                  : r;
}

static int make_order(struct office *o, void *ctx)
{
    struct making *m = ctx;
    int r = check_meter(o, m);

    if (r == 0)
        r = check_supply_point(o, m);
    if (r == 0)
        r = check_staff(o, m->n->staff_no);
    if (r == 0)
        r = choose_account(o, m);
    if (r == 0)
        r = choose_number(o, m);
    return r == 0 ? store_order(o, m) : r;
}

int ho_order_new(struct office *o, const struct ho_new_order *n, char ret_number[static 32])
{
    struct making m = { .n = n };
    struct buf parameters = { 0 };
    int64_t due_s;

    if (gf_meter_id_check(n->meter_id, &o->fail) != 0)
        return o->fail.code;
    if (n->number != NULL && !ho_is_id(n->number, sizeof m.number - 1))
        return ho_fail(o, GF_E_FORMAT, "number", "1 to 31 letters, digits, and . _ - /");
    if (n->note != NULL && n->note[0] != '\0' && !ho_is_text(n->note, NOTE_MAX_LEN))
        return ho_fail(o, GF_E_FORMAT, "note", "at most 199 bytes of text");
    if (n->due != NULL && ho_date_parse(n->due, &due_s) != 0)
        return ho_fail(o, GF_E_FORMAT, "due", "a date is written like 2026-11-22");
    if (n->priority < 1 || n->priority > 9)
        return ho_fail(o, GF_E_RANGE, "priority", "1 (first) to 9");
    if (n->purge_l < 1 || n->purge_l > PURGE_L_MAX)
        return ho_fail(o, GF_E_RANGE, "purge-l", "1 to 10000 litres");
    if (n->purge_s < 1 || n->purge_s > PURGE_S_MAX)
        return ho_fail(o, GF_E_RANGE, "purge-s", "1 to 3600 seconds");
    if (n->due == NULL)
        ho_date_text(ho_now_ms(o) / 1000, m.due);
    else
        (void)gf_copy(m.due, sizeof m.due, n->due);

    int r = make_parameters(o, n, &parameters);
    m.parameters = (const char *)parameters.p;
    if (r == 0)
        r = ho_transaction(o, make_order, &m);
    buf_free(&parameters);
    if (r == 0)
        (void)gf_copy(ret_number, 32, m.number);
    return r;
}
