/* customer_login.c - passwords and sessions; see customer.h. */
#include <stdio.h>
#include <string.h>

#include "backend/customer_in.h"
#include "common/text.h"

#define SCRYPT_LOG_N 15 /* 32 MiB, some 70 ms */
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_MEMORY (64u << 20)
#define FREE_FAILURES 5 /* wrong passwords in a row before a login waits */
#define WAIT_MAX_S (15 * 60)
#define SESSION_MS ((int64_t)CUSTOMER_SESSION_DAYS * 24 * 3600 * 1000)

/* ---- passwords ---- */

int customer_check_password(struct office *o, const char *login, const char *password)
{
    size_t n = strlen(password);

    if (n < CUSTOMER_PASSWORD_MIN || n > CUSTOMER_PASSWORD_MAX)
        return ho_fail(o, GF_E_FORMAT, "password", "10 to 128 bytes; a sentence is good");
    if (strspn(password, (const char[]){ password[0], '\0' }) == n)
        return ho_fail(o, GF_E_FORMAT, "password", "not one character again and again");
    if (strstr(password, login) != NULL || strstr(login, password) != NULL)
        return ho_fail(o, GF_E_FORMAT, "password", "not the login, and nothing with it inside");
    return 0;
}

/* "scrypt 15 8 1": what a stored hash was made with. */
static void parameters_text(char ret[static 32])
{
    (void)snprintf(ret, 32, "scrypt %d %d %d", SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P);
}

static int scrypt(struct office *o, const char *password, const uint8_t salt[static 16],
                  const char *parameters, uint8_t ret[static 32])
{
    unsigned log_n = 0, r = 0, p = 0;

    if (sscanf(parameters, "scrypt %2u %2u %2u", &log_n, &r, &p) != 3 || log_n > 16 || r > 8
        || p > 4)
        return ho_fail(o, GF_E_STORE_DAMAGED, "login", "its parameters are not understood");
    if (EVP_PBE_scrypt(password, strlen(password), salt, 16, (uint64_t)1 << log_n, r, p,
                       SCRYPT_MEMORY, ret, 32)
        != 1)
        return ho_fail(o, GF_E_CRYPTO, "password", "");
    return 0;
}

int customer_hash_password(struct office *o, const char *password, struct customer_secret *ret)
{
    if (o->ports.random->fill(o->ports.random->ctx, ret->salt, sizeof ret->salt) != 0)
        return ho_fail(o, GF_E_RANDOM, "password", "");
    parameters_text(ret->parameters);
    return scrypt(o, password, ret->salt, ret->parameters, ret->hash);
}

/* ---- logins ---- */

struct login {
    char name[CUSTOMER_LOGIN_MAX + 1], customer_no[32];
    struct customer_secret secret;
    int64_t failed, locked_until_ms;
};

static int find_login(struct office *o, const char *name, struct login *ret)
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT customer_no, salt, hash, parameters, failed, "
                                    "locked_until_ms FROM customer_login WHERE org_id = ?1 AND "
                                    "login = ?2",
                                    ODB(ODB_T(name)));
    int r = odb_next(o->db, q);

    *ret = (struct login){ 0 };
    (void)snprintf(ret->name, sizeof ret->name, "%s", name);
    if (r == 1) {
        odb_text(q, 0, ret->customer_no, sizeof ret->customer_no);
        (void)odb_copy(q, 1, ret->secret.salt, sizeof ret->secret.salt);
        (void)odb_copy(q, 2, ret->secret.hash, sizeof ret->secret.hash);
        odb_text(q, 3, ret->secret.parameters, sizeof ret->secret.parameters);
        ret->failed = odb_int(q, 4);
        ret->locked_until_ms = odb_int(q, 5);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

/* How long a login waits after a wrong password, when there were so many before: from the fifth on,
 * 1 s, 2 s, 4 s, ... */
static int64_t wait_after_ms(int64_t failed)
{
    int64_t beyond = failed + 1 - FREE_FAILURES;

    return beyond < 0 ? 0 : 1000 * (beyond > 9 ? WAIT_MAX_S : (int64_t)1 << beyond);
}

static int note_failure(struct office *o, void *ctx)
{
    const struct login *l = ctx;

    if (odb_exec(o->db,
                 "UPDATE customer_login SET failed = failed + 1, locked_until_ms = ?3 WHERE "
                 "org_id = ?1 AND login = ?2",
                 ODB(ODB_T(l->name), ODB_I(ho_now_ms(o) + wait_after_ms(l->failed))))
        < 0)
        return ho_db_fail(o);
    return 0;
}

static int note_success(struct office *o, const char *login)
{
    return odb_exec(o->db,
                    "UPDATE customer_login SET failed = 0, locked_until_ms = 0 WHERE org_id = ?1 "
                    "AND login = ?2 AND failed > 0",
                    ODB(ODB_T(login)))
                   < 0
               ? ho_db_fail(o)
               : 0;
}

/* What is remembered of a name that is no login; the one that failed longest ago gives way. */
static struct ho_no_login *no_login(struct office *o, const char *name)
{
    struct ho_no_login *place = &o->no_logins[0];

    for (size_t i = 0; i < HO_NO_LOGINS; i++) {
        struct ho_no_login *n = &o->no_logins[i];

        if (strcmp(n->name, name) == 0)
            return n;
        if (n->failed_at_ms < place->failed_at_ms)
            place = n;
    }
    *place = (struct ho_no_login){ 0 };
    (void)gf_copy(place->name, sizeof place->name, name);
    return place;
}

/* Is this the login's password? 1, 0 (wrong, or it waits: *ret_wait_s), or a failure. A login that
 * there is not costs as much as one that there is, and waits like one: what would stand in its row
 * is kept in memory. */
static int check(struct office *o, struct login *l, int found, const char *password,
                 int *ret_wait_s)
{
    struct ho_no_login *none = found == 0 ? no_login(o, l->name) : NULL;
    int64_t left_ms = (none != NULL ? none->locked_until_ms : l->locked_until_ms) - ho_now_ms(o);
    uint8_t hash[32];

    *ret_wait_s = 0;
    if (left_ms > 0) {
        *ret_wait_s = (int)((left_ms + 999) / 1000);
        return 0;
    }
    if (found == 0)
        parameters_text(l->secret.parameters);
    if (scrypt(o, password, l->secret.salt, l->secret.parameters, hash) != 0)
        return o->fail.code;

    bool is_same = gf_same_secret(hash, l->secret.hash, sizeof hash) && found == 1;
    gf_wipe(hash, sizeof hash);
    if (is_same)
        return 1;
    if (none == NULL)
        return ho_transaction(o, note_failure, l);
    none->failed_at_ms = ho_now_ms(o);
    none->locked_until_ms = none->failed_at_ms + wait_after_ms(none->failed++);
    return 0;
}

static int forget_failures(struct office *o, void *ctx)
{
    return note_success(o, ((const struct login *)ctx)->name);
}

int customer_has_password(struct office *o, const char *login, const char *password,
                          int *ret_wait_s)
{
    struct login l;
    int found = find_login(o, login, &l);
    int r = found < 0 ? found : check(o, &l, found, password, ret_wait_s);

    if (r == 1 && l.failed > 0)
        r = ho_transaction(o, forget_failures, &l) < 0 ? o->fail.code : 1;
    return r;
}

/* ---- sessions ---- */

/* A token as it is stored. Its 256 random bits need no salt and no slow hash. */
static int token_hash(struct office *o, const char *token, uint8_t ret[static 32])
{
    const struct mc_crypto *c = o->ports.crypto;
    const struct gf_span parts[] = { { (const uint8_t *)"gasm session", 12 },
                                     { (const uint8_t *)token, strlen(token) } };

    return c->sha256(c->ctx, parts, 2, ret) == 0 ? 0 : ho_fail(o, GF_E_CRYPTO, "session", "");
}

struct new_session {
    const char *login;
    uint8_t hash[32];
    struct customer_login *ret;
};

static int store_session(struct office *o, void *ctx)
{
    const struct new_session *n = ctx;

    if (note_success(o, n->login) != 0)
        return o->fail.code;
    if (odb_exec(o->db, "DELETE FROM customer_session WHERE org_id = ?1 AND expires_at_ms <= ?2",
                 ODB(ODB_I(ho_now_ms(o))))
            < 0
        || odb_exec(o->db,
                    "INSERT INTO customer_session (org_id, token_hash, login, customer_no, "
                    "made_at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    ODB(ODB_B(n->hash, 32), ODB_T(n->login), ODB_T(n->ret->customer_no),
                        ODB_I(ho_now_ms(o)), ODB_I(n->ret->expires_at_ms)))
               < 0)
        return ho_db_fail(o);
    return 0;
}

int customer_login(struct office *o, const char *login, const char *password,
                   struct customer_login *ret, int *ret_wait_s)
{
    struct new_session n = { .login = login, .ret = ret };
    struct login l;
    uint8_t random[32];
    int found = find_login(o, login, &l);
    int r = found < 0 ? found : check(o, &l, found, password, ret_wait_s);

    if (r != 1)
        return r;
    if (o->ports.random->fill(o->ports.random->ctx, random, sizeof random) != 0)
        return ho_fail(o, GF_E_RANDOM, "session", "");
    gf_hex(random, sizeof random, ret->token);
    gf_wipe(random, sizeof random);
    (void)snprintf(ret->customer_no, sizeof ret->customer_no, "%s", l.customer_no);
    ret->expires_at_ms = ho_now_ms(o) + SESSION_MS;
    r = token_hash(o, ret->token, n.hash);
    if (r == 0)
        r = ho_transaction(o, store_session, &n);
    return r == 0 ? 1 : r;
}

/* The session of a token: its login and customer. 1, 0 or a failure. */
static int find_session(struct office *o, const uint8_t hash[static 32], char *ret_login,
                        size_t cap, char ret_customer_no[static 32])
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT login, customer_no FROM customer_session WHERE org_id "
                                    "= ?1 AND token_hash = ?2 AND expires_at_ms > ?3",
                                    ODB(ODB_B(hash, 32), ODB_I(ho_now_ms(o))));
    int r = odb_next(o->db, q);

    if (r == 1) {
        odb_text(q, 0, ret_login, cap);
        odb_text(q, 1, ret_customer_no, 32);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int customer_session(struct office *o, const char *token, char ret_customer_no[static 32])
{
    char login[CUSTOMER_LOGIN_MAX + 1];
    uint8_t hash[32];

    if (strlen(token) != CUSTOMER_TOKEN_TEXT - 1)
        return 0;
    return token_hash(o, token, hash) != 0
               ? o->fail.code
               : find_session(o, hash, login, sizeof login, ret_customer_no);
}

struct ending {
    uint8_t hash[32];
    bool everywhere;
    const struct customer_secret *secret; /* another password; NULL: none */
};

static int end_sessions(struct office *o, void *ctx)
{
    const struct ending *e = ctx;
    char login[CUSTOMER_LOGIN_MAX + 1], customer_no[32], who[48];
    int r = find_session(o, e->hash, login, sizeof login, customer_no);

    if (r != 1)
        return r;
    if (e->secret != NULL
        && odb_exec(o->db,
                    "UPDATE customer_login SET salt = ?3, hash = ?4, parameters = ?5, failed = 0, "
                    "locked_until_ms = 0 WHERE org_id = ?1 AND login = ?2",
                    ODB(ODB_T(login), ODB_B(e->secret->salt, sizeof e->secret->salt),
                        ODB_B(e->secret->hash, sizeof e->secret->hash),
                        ODB_T(e->secret->parameters)))
               < 0)
        return ho_db_fail(o);
    if (e->secret != NULL)
        r = odb_exec(o->db,
                     "DELETE FROM customer_session WHERE org_id = ?1 AND login = ?2 AND "
                     "token_hash <> ?3",
                     ODB(ODB_T(login), ODB_B(e->hash, 32)));
    else if (e->everywhere)
        r = odb_exec(o->db, "DELETE FROM customer_session WHERE org_id = ?1 AND login = ?2",
                     ODB(ODB_T(login)));
    else
        r = odb_exec(o->db, "DELETE FROM customer_session WHERE org_id = ?1 AND token_hash = ?2",
                     ODB(ODB_B(e->hash, 32)));
    if (r < 0)
        return ho_db_fail(o);
    if (e->secret == NULL)
        return 0;
    (void)snprintf(who, sizeof who, "customer %s", customer_no);
    return ho_log(o, who, "password changed", "login %s", login);
}

int customer_logout(struct office *o, const char *token, bool everywhere)
{
    struct ending e = { .everywhere = everywhere };
    int r = token_hash(o, token, e.hash);

    return r == 0 ? ho_transaction(o, end_sessions, &e) : r;
}

int customer_password(struct office *o, const char *token, const char *old_password,
                      const char *new_password, int *ret_wait_s)
{
    struct customer_secret secret;
    struct ending e = { .secret = &secret };
    char login[CUSTOMER_LOGIN_MAX + 1], customer_no[32];
    struct login l;
    int r = token_hash(o, token, e.hash);

    *ret_wait_s = 0;
    if (r == 0)
        r = find_session(o, e.hash, login, sizeof login, customer_no);
    if (r == 1)
        r = find_login(o, login, &l);
    if (r == 1)
        r = check(o, &l, 1, old_password, ret_wait_s);
    if (r != 1)
        return r;
    r = customer_check_password(o, login, new_password);
    if (r == 0)
        r = customer_hash_password(o, new_password, &secret);
    if (r == 0)
        r = ho_transaction(o, end_sessions, &e);
    gf_wipe(&secret, sizeof secret);
    return r == 0 ? 1 : r;
}
