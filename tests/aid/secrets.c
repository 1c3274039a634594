/* secrets.c - no key in what head office says; see secrets.h. */
#define _GNU_SOURCE /* memmem(3) */
#include "tests/aid/secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "backend/keys_in.h"
#include "backend/office_issue.h"
#include "common/host/real.h"

#define EACH 64 /* of a table */
#define KNOWN_MAX (2 * EACH + EACH + KEYS_HELD_MAX + 4)

struct known {
    uint8_t key[KNOWN_MAX][KEYS_LEN];
    char name[KNOWN_MAX][KEYS_LABEL_MAX];
    size_t n;
};

static void add(struct known *k, const uint8_t key[static KEYS_LEN], const char *name)
{
    assert_true(k->n < KNOWN_MAX);
    memcpy(k->key[k->n], key, KEYS_LEN);
    (void)snprintf(k->name[k->n++], KEYS_LABEL_MAX, "%s", name);
}

/* What a query gives: name, number, sealed. A database that a test has damaged gives less. */
static void add_sealed(struct oaid_office *a, struct known *k, const char *sql, bool is_provider)
{
    struct odb_query *q = odb_query(a->o->db, sql, ODB(ODB_I(EACH)));
    uint8_t key[KEYS_LEN];
    char name[128], label[KEYS_LABEL_MAX];

    while (q != NULL && odb_next(a->o->db, q) == 1) {
        struct gf_fail ignored = { 0 };

        odb_text(q, 0, name, sizeof name);
        if (is_provider)
            keys_provider_label(name, label);
        else
            ho_key_label(name, (uint32_t)odb_int(q, 1), label);
        if (keys_unseal(a->o->keys, label, odb_bytes(q, 2), key, &ignored) == 0)
            add(k, key, label);
    }
    odb_end(q);
}

static void collect(struct oaid_office *a, struct known *k)
{
    const struct keys_vault *v = a->o->keys->vault;
    struct gf_fail ignored = { 0 };
    uint8_t key[KEYS_LEN + 1];
    char path[600];

    k->n = 0;
    add_sealed(a, k, "SELECT meter_id, 0, factory_key FROM meter WHERE org_id = ?1 LIMIT ?2",
               false);
    add_sealed(a, k, "SELECT meter_id, epoch, sealed FROM account_key WHERE org_id = ?1 LIMIT ?2",
               false);
    add_sealed(a, k, "SELECT name, 0, sealed FROM provider WHERE org_id = ?1 LIMIT ?2", true);
    for (size_t i = 0; i < v->n; i++)
        add(k, v->held[i].key, "data key");
    if (keys_derive(a->o->keys, "enrol codes", key, &ignored) == 0)
        add(k, key, "derived key");
    (void)snprintf(path, sizeof path, "%s/master.key", a->dir);
    if (gf_file_read(path, key, sizeof key, &ignored) == KEYS_LEN)
        add(k, key, "master key");
}

static bool has(struct gf_span bytes, const void *p, size_t n)
{
    return bytes.n >= n && memmem(bytes.p, bytes.n, p, n) != NULL;
}

static bool has_key(struct gf_span bytes, const uint8_t key[static KEYS_LEN])
{
    char hex[2 * KEYS_LEN + 1];
    uint8_t shifted[KEYS_LEN + 4] = { 0 }, base64[64];

    if (has(bytes, key, KEYS_LEN))
        return true;
    gf_hex(key, KEYS_LEN, hex);
    if (has(bytes, hex, 2 * KEYS_LEN))
        return true;
    for (char *c = hex; *c != '\0'; c++)
        *c = (char)(*c >= 'a' ? *c - 'a' + 'A' : *c);
    if (has(bytes, hex, 2 * KEYS_LEN))
        return true;
    /* of base64 the middle, which does not depend on what stands beside it, in its three shifts */
    for (size_t n = 0; n < 3; n++) {
        memcpy(shifted + n, key, KEYS_LEN);
        (void)EVP_EncodeBlock(base64, shifted, (int)(KEYS_LEN + n));
        if (has(bytes, base64 + 4, 36))
            return true;
    }
    return false;
}

void oaid_no_secrets(struct oaid_office *a, const char *what, struct gf_span bytes)
{
    static struct known known;

    if (a->o == NULL || bytes.n == 0 || odb_is_open(a->o->db))
        return;
    collect(a, &known);
    for (size_t i = 0; i < known.n; i++)
        if (has_key(bytes, known.key[i]))
            fail_msg("%s has a key: %s", what, known.name[i]);
}

void oaid_no_secrets_kept(struct oaid_office *a)
{
    struct buf text = { 0 };
    struct odb_query *q;
    char detail[HO_TEXT_MAX];

    if (a->o == NULL || odb_is_open(a->o->db))
        return;
    buf_text(&text, a->o->fail.where);
    buf_text(&text, a->o->fail.detail);
    q = odb_query(a->o->db, "SELECT detail FROM audit_log WHERE org_id = ?1", ODB_NONE);
    while (q != NULL && odb_next(a->o->db, q) == 1) {
        odb_text(q, 0, detail, sizeof detail);
        buf_text(&text, detail);
    }
    odb_end(q);
    oaid_no_secrets(a, "the audit log", (struct gf_span){ text.p, text.n });
    buf_free(&text);
}
