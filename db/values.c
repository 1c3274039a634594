/* values.c - settings and secrets by name; see db.h. */
#include <string.h>

#include "common/bytes.h"
#include "db/store.h"

#define NAME_MAX_LEN 48

static struct seal_place secret_place(const char *name)
{
    return (struct seal_place){"secrets.value", name, strlen(name)};
}

static int check(struct db *db, const struct db_value *v)
{
    if (v->name[0] == '\0' || strlen(v->name) > NAME_MAX_LEN)
        return db_refuse(db, GF_E_RANGE, "name of a value", v->name);
    if (v->n > DB_VALUE_MAX)
        return db_refuse(db, GF_E_RANGE, v->name, "longer than 8192 bytes");
    if (!v->secret && v->bytes != NULL && memchr(v->bytes, '\0', v->n) != NULL)
        return db_refuse(db, GF_E_FORMAT, v->name, "a setting is a text");
    return 0;
}

static int put_one(struct db *db, const struct db_value *v)
{
    uint8_t sealed[DB_VALUE_MAX + SEAL_EXTRA];
    int r;

    if (v->bytes == NULL)
        return db_run(db, v->secret ? SQL_SECRET_DROP : SQL_SETTING_DROP,
                      DB_ARGS(db_text(v->name)));
    if (!v->secret) {
        struct db_arg text = {.type = ARG_TEXT, .p = v->bytes, .n = v->n};
        return db_run(db, SQL_SETTING_PUT, DB_ARGS(db_text(v->name), text));
    }
    r = db_seal(db, secret_place(v->name), v->bytes, v->n, sealed);
    if (r == 0)
        r = db_run(db, SQL_SECRET_PUT,
                   DB_ARGS(db_text(v->name), db_blob(sealed, v->n + SEAL_EXTRA)));
    return r;
}

int db_put(struct db *db, const struct db_value *values, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = check(db, &values[i]);
    if (r != 0 || (r = db_begin(db)) != 0)
        return r;
    for (size_t i = 0; i < n && r >= 0; i++)
        r = put_one(db, &values[i]);
    r = db_end(db, r);
    return r < 0 ? r : 0;
}

int db_setting_put(struct db *db, const char *name, const char *text)
{
    return db_put(db, &(struct db_value){name, text, strlen(text), false}, 1);
}

int db_secret_put(struct db *db, const char *name, const uint8_t *bytes, size_t n)
{
    return db_put(db, &(struct db_value){name, bytes, n, true}, 1);
}

int db_setting_get(struct db *db, const char *name, char *ret, size_t cap)
{
    sqlite3_stmt *s;
    int r = db_query(db, SQL_SETTING, DB_ARGS(db_text(name)), &s);

    ret[0] = '\0';
    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        size_t n = (size_t)sqlite3_column_bytes(s, 0);

        if (n < cap) {
            memcpy(ret, sqlite3_column_text(s, 0), n);
            ret[n] = '\0';
        } else {
            r = db_refuse(db, GF_E_SPACE, name, "the setting is longer than expected");
        }
    }
    db_done(s);
    return r;
}

int db_secret_get(struct db *db, const char *name, uint8_t *ret, size_t cap, size_t *ret_n)
{
    uint8_t plain[DB_VALUE_MAX];
    size_t n;
    sqlite3_stmt *s;
    int r = db_query(db, SQL_SECRET, DB_ARGS(db_text(name)), &s);

    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        int opened = db_unseal(db, secret_place(name), s, 0, plain, sizeof plain, &n);

        if (opened == 0 && n > cap)
            opened = db_refuse(db, GF_E_SPACE, name, "the secret is longer than expected");
        if (opened == 0) {
            memcpy(ret, plain, n);
            *ret_n = n;
        }
        gf_wipe(plain, sizeof plain);
        r = opened == 0 ? 1 : opened;
    }
    db_done(s);
    return r;
}
