/* provider.c - rows of providers, their secrets sealed; see provider.h. */
#include "backend/provider.h"

#include <stdio.h>
#include <string.h>

#include "backend/keys.h"
#include "backend/office_register.h"
#include "common/text.h"

static void label_of(const char *name, char ret[static 48])
{
    (void)snprintf(ret, 48, "provider %.31s", name);
}

static int first_provider(struct office *o, struct odb_query *q, struct payment_provider *ret)
{
    char kind[16];
    int r = odb_next(o->db, q);

    if (r == 1) {
        *ret = (struct payment_provider){ .is_ended = !odb_is_null(q, 2),
                                          .made_at_ms = odb_int(q, 3) };
        odb_text(q, 0, ret->name, sizeof ret->name);
        odb_text(q, 1, kind, sizeof kind);
        ret->kind = strcmp(kind, "webhook") == 0 ? PROVIDER_WEBHOOK : PROVIDER_AT_COUNTER;
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int provider_find(struct office *o, const char *name, struct payment_provider *ret)
{
    if (strcmp(name, PROVIDER_COUNTER) == 0) {
        *ret = (struct payment_provider){ .name = PROVIDER_COUNTER, .kind = PROVIDER_AT_COUNTER };
        return 1;
    }
    return first_provider(o,
                          odb_query(o->db,
                                    "SELECT name, kind, ended_at_ms, made_at_ms FROM provider "
                                    "WHERE org_id = ?1 AND name = ?2",
                                    ODB(ODB_T(name))),
                          ret);
}

int provider_next(struct office *o, const char *after, struct payment_provider *ret)
{
    return first_provider(o,
                          odb_query(o->db,
                                    "SELECT name, kind, ended_at_ms, made_at_ms FROM provider "
                                    "WHERE org_id = ?1 AND name > ?2 ORDER BY name LIMIT 1",
                                    ODB(ODB_T(after))),
                          ret);
}

int provider_add(struct office *o, const char *name, const uint8_t secret[static HO_KEY_LEN],
                 const char *by)
{
    struct payment_provider known;
    uint8_t sealed[HO_SEALED_LEN];
    char label[48];
    int r;

    if (!ho_is_id(name, sizeof known.name - 1) || strchr(name, '/') != NULL)
        return ho_fail(o, GF_E_FORMAT, "name", "1 to 31 letters, digits, . _ -");
    if ((r = provider_find(o, name, &known)) == 1)
        r = ho_fail(o, GF_E_NOT_NOW, "name", "this name is taken");
    label_of(name, label);
    if (r != 0 || (r = ho_seal(o, label, secret, sealed)) != 0)
        return r;
    if (odb_exec(o->db,
                 "INSERT INTO provider (org_id, name, kind, sealed, sealed_version, made_at_ms) "
                 "VALUES (?1, ?2, 'webhook', ?3, ?4, ?5)",
                 ODB(ODB_T(name), ODB_B(sealed, sizeof sealed), ODB_I(keys_sealed_version(sealed)),
                     ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, by, "provider added", "%s", name);
}

int provider_end(struct office *o, const char *name, const char *by)
{
    int n = odb_exec(o->db,
                     "UPDATE provider SET ended_at_ms = ?3 WHERE org_id = ?1 AND name = ?2 AND "
                     "ended_at_ms IS NULL",
                     ODB(ODB_T(name), ODB_I(ho_now_ms(o))));
    struct payment_provider known;
    int r = n < 0 ? ho_db_fail(o) : n;

    if (r == 1)
        return ho_log(o, by, "provider ended", "%s", name);
    if (r == 0)
        r = provider_find(o, name, &known);
    if (r == 0 || (r == 1 && known.kind == PROVIDER_AT_COUNTER))
        r = ho_fail(o, GF_E_FORMAT, "name", "there is no such provider");
    return r < 0 ? r : 0;
}

int provider_secret(struct office *o, const char *name, uint8_t ret[static HO_KEY_LEN])
{
    char label[48];
    struct odb_query *q = odb_query(
        o->db, "SELECT sealed FROM provider WHERE org_id = ?1 AND name = ?2", ODB(ODB_T(name)));
    int r = odb_next(o->db, q);

    label_of(name, label);
    if (r == 1)
        r = ho_unseal(o, label, odb_bytes(q, 0), ret);
    else
        r = r < 0 ? ho_db_fail(o)
                  : ho_fail(o, GF_E_FORMAT, "provider", "there is no such provider");
    odb_end(q);
    return r;
}
