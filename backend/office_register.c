/* office_register.c - staff and revocations; see office_register.h. */
#include "backend/office_register.h"

#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"
#include "common/text.h"

#define STAFF_NO_MAX 24
#define NAME_MAX_LEN 95

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
    int r = ho_each_order(o,
                          odb_query(o->db,
                                    "SELECT order_id FROM work_order WHERE org_id = ?1 AND "
                                    "staff_no = ?2 AND closed_at_ms IS NULL AND key_epoch IS NOT "
                                    "NULL",
                                    ODB(ODB_T(staff_no))),
                          ho_changed);

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
