/* customer.c - registering against what is registered, binding meters; see customer.h. */
#include "backend/customer.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "backend/customer_in.h"
#include "backend/customer_wait.h"

/* ---- comparing ---- */

/* What is registered of a customer with an account. */
struct registered {
    bool has_customer, has_account;
    char name[96], phone[32], meter_id[GF_METER_ID_TEXT], account_state[16];
};

static int find_registered(struct office *o, const char *customer_no, uint64_t account_no,
                           struct registered *ret)
{
    struct odb_query *q =
        odb_query(o->db, "SELECT name, phone FROM customer WHERE org_id = ?1 AND customer_no = ?2",
                  ODB(ODB_T(customer_no)));
    int r = odb_next(o->db, q);

    *ret = (struct registered){ .has_customer = r == 1 };
    if (r == 1) {
        odb_text(q, 0, ret->name, sizeof ret->name);
        odb_text(q, 1, ret->phone, sizeof ret->phone);
    }
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    q = odb_query(o->db,
                  "SELECT meter_id, state FROM account WHERE org_id = ?1 AND account_no = ?2 AND "
                  "customer_no = ?3",
                  ODB(ODB_I(account_no), ODB_T(customer_no)));
    r = odb_next(o->db, q);
    ret->has_account = r == 1;
    if (r == 1) {
        odb_text(q, 0, ret->meter_id, sizeof ret->meter_id);
        odb_text(q, 1, ret->account_state, sizeof ret->account_state);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* Are the digits of two telephone numbers the same? */
static bool is_same_phone(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a != '\0' && isdigit((unsigned char)*a) == 0)
            a++;
        while (*b != '\0' && isdigit((unsigned char)*b) == 0)
            b++;
        if (*a != *b || *a == '\0')
            return *a == *b;
    }
}

static int compare(struct office *o, const struct customer_new *n, const struct registered *r)
{
    static const char differs[] = "this is not what head office has registered";
    const char *field = !r->has_customer                        ? "customer_no"
                        : strcmp(n->name, r->name) != 0         ? "name"
                        : !is_same_phone(n->phone, r->phone)    ? "phone"
                        : !r->has_account                       ? "account_no"
                        : strcmp(n->meter_id, r->meter_id) != 0 ? "meter_id"
                                                                : NULL;

    if (field != NULL)
        return ho_fail(o, GF_E_MISMATCH, field, differs);
    if (strcmp(r->account_state, "open") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "account_no",
                       "the account is not open; it is when the technician's records are home");
    return 0;
}

/* ---- binding ---- */

static int store_binding(struct office *o, const char *customer_no, const char *meter_id,
                         uint64_t account_no)
{
    if (odb_exec(o->db,
                 "INSERT INTO binding (org_id, customer_no, meter_id, account_no, bound_at_ms) "
                 "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (org_id, customer_no, meter_id) DO "
                 "UPDATE SET account_no = excluded.account_no, ended_at_ms = NULL",
                 ODB(ODB_T(customer_no), ODB_T(meter_id), ODB_I(account_no), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    return 0;
}

struct binding {
    const char *customer_no, *meter_id;
    uint64_t account_no;
    bool is_found;
};

static int bind(struct office *o, void *ctx)
{
    struct binding *b = ctx;
    struct registered found;
    char who[48];
    int r = find_registered(o, b->customer_no, b->account_no, &found);

    b->is_found = found.has_account && strcmp(found.meter_id, b->meter_id) == 0;
    if (r != 0 || !b->is_found)
        return r;
    if (strcmp(found.account_state, "open") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "account_no", "this account is not open");
    (void)snprintf(who, sizeof who, "customer %s", b->customer_no);
    r = store_binding(o, b->customer_no, b->meter_id, b->account_no);
    return r == 0 ? ho_log(o, who, "meter bound", "%s", b->meter_id) : r;
}

int customer_bind(struct office *o, const char *customer_no, const char *meter_id,
                  uint64_t account_no)
{
    struct binding b = { customer_no, meter_id, account_no, false };
    int r = ho_transaction(o, bind, &b);

    return r == 0 ? b.is_found : r;
}

int customer_is_bound(struct office *o, const char *customer_no, const char *meter_id,
                      uint64_t *ret_account_no)
{
    int64_t account_no = 0;
    int r = odb_number(o->db, &account_no,
                       "SELECT b.account_no FROM binding b JOIN account a ON a.org_id = b.org_id "
                       "AND a.account_no = b.account_no WHERE b.org_id = ?1 AND b.customer_no = ?2 "
                       "AND b.meter_id = ?3 AND b.ended_at_ms IS NULL AND a.state = 'open'",
                       ODB(ODB_T(customer_no), ODB_T(meter_id)));

    *ret_account_no = (uint64_t)account_no;
    return r < 0 ? ho_db_fail(o) : r;
}

/* ---- registering ---- */

struct registration {
    const struct customer_new *n;
    struct customer_secret secret;
};

/* Who has this login, and which login this customer has. */
static int find_taken(struct office *o, const struct customer_new *n, bool *ret_same)
{
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT login, customer_no FROM customer_login WHERE org_id = ?1 AND (login = ?2 "
                  "OR customer_no = ?3)",
                  ODB(ODB_T(n->login), ODB_T(n->customer_no)));
    bool has_other = false, is_others = false;
    char login[CUSTOMER_LOGIN_MAX + 1], customer_no[32];
    int r;

    *ret_same = false;
    while ((r = odb_next(o->db, q)) == 1) {
        odb_text(q, 0, login, sizeof login);
        odb_text(q, 1, customer_no, sizeof customer_no);

        bool is_mine = strcmp(customer_no, n->customer_no) == 0;
        *ret_same = *ret_same || (is_mine && strcmp(login, n->login) == 0);
        has_other = has_other || (is_mine && !*ret_same);
        is_others = is_others || !is_mine;
    }
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    if (is_others)
        return ho_fail(o, GF_E_NOT_NOW, "login", "this login is taken; choose another");
    if (has_other)
        return ho_fail(o, GF_E_NOT_NOW, "customer_no", "this customer has a login already");
    return 0;
}

static int store_login(struct office *o, void *ctx)
{
    const struct registration *g = ctx;
    const struct customer_new *n = g->n;
    struct registered found;
    char who[48];
    bool is_same;
    int r = find_registered(o, n->customer_no, n->account_no, &found);

    if (r == 0)
        r = compare(o, n, &found);
    if (r == 0)
        r = find_taken(o, n, &is_same);
    if (r != 0 || is_same)
        return r;
    if (odb_exec(o->db,
                 "INSERT INTO customer_login (org_id, login, customer_no, salt, hash, parameters, "
                 "made_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                 ODB(ODB_T(n->login), ODB_T(n->customer_no),
                     ODB_B(g->secret.salt, sizeof g->secret.salt),
                     ODB_B(g->secret.hash, sizeof g->secret.hash), ODB_T(g->secret.parameters),
                     ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    r = store_binding(o, n->customer_no, n->meter_id, n->account_no);
    if (r == 0)
        r = customer_was_right(
            o, &(struct customer_try){ .login = n->login, .address = n->address });
    (void)snprintf(who, sizeof who, "customer %s", n->customer_no);
    return r == 0 ? ho_log(o, who, "customer registered", "login %s, %s", n->login, n->meter_id)
                  : r;
}

int customer_register(struct office *o, const struct customer_new *n, int *ret_wait_s)
{
    struct registration g = { .n = n };
    struct registered found;
    bool is_same;
    int r = customer_check_password(o, n->login, n->password);

    *ret_wait_s = 0;
    /* What is refused anyway costs no scrypt; the transaction looks again. */
    if (r == 0)
        r = find_registered(o, n->customer_no, n->account_no, &found);
    if (r == 0)
        r = compare(o, n, &found);
    if (r == 0)
        r = find_taken(o, n, &is_same);
    if (r != 0)
        return r;
    if (is_same) {
        r = customer_has_password(o, n->login, n->password, n->address, ret_wait_s);
        return r == 0  ? ho_fail(o, GF_E_NOT_NOW, "customer_no",
                                 "this customer has a login already, with another password")
               : r < 0 ? r
                       : 0;
    }
    r = customer_hash_password(o, n->password, &g.secret);
    if (r == 0)
        r = ho_transaction(o, store_login, &g);
    gf_wipe(&g.secret, sizeof g.secret);
    return r;
}
