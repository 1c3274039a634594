/* customer_login.c - passwords and sessions; see customer.h. */
#include <stdio.h>
#include <string.h>

#include "backend/customer_in.h"
#include "backend/customer_wait.h"
#include "common/text.h"

#define SCRYPT_LOG_N 15 /* 32 MiB, some 70 ms */
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_MEMORY (64u << 20)
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
    char customer_no[32];
    struct customer_secret secret;
};

static int find_login(struct office *o, const char *name, struct login *ret)
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT customer_no, salt, hash, parameters FROM "
                                    "customer_login WHERE org_id = ?1 AND login = ?2",
                                    ODB(ODB_T(name)));
    int r = odb_next(o->db, q);

    *ret = (struct login){ 0 };
    if (r == 1) {
        odb_text(q, 0, ret->customer_no, sizeof ret->customer_no);
        (void)odb_copy(q, 1, ret->secret.salt, sizeof ret->secret.salt);
        (void)odb_copy(q, 2, ret->secret.hash, sizeof ret->secret.hash);
        odb_text(q, 3, ret->secret.parameters, sizeof ret->secret.parameters);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

/* Is this the login's password? 1, 0 (wrong, or it waits: *ret_wait_s), or a failure. A login that
 * there is not costs as much as one that there is. */
static int check(struct office *o, struct login *l, const struct customer_try *t,
                 const char *password, int *ret_wait_s)
{
    int r = customer_wait_s(o, t);
    uint8_t hash[32];

    *ret_wait_s = r > 0 ? r : 0;
    if (r != 0)
        return r > 0 ? 0 : r;
    if (!t->is_login)
        parameters_text(l->secret.parameters);
    if (scrypt(o, password, l->secret.salt, l->secret.parameters, hash) != 0)
        return o->fail.code;

    bool is_same = gf_same_secret(hash, l->secret.hash, sizeof hash) && t->is_login;
    gf_wipe(hash, sizeof hash);
    return is_same ? 1 : customer_was_wrong(o, t);
}

/* Find the login and check; t->is_login is set. */
static int find_and_check(struct office *o, struct customer_try *t, const char *password,
                          struct login *ret, int *ret_wait_s)
{
    int found = find_login(o, t->login, ret);

    t->is_login = found == 1;
    return found < 0 ? found : check(o, ret, t, password, ret_wait_s);
}

static int note_right(struct office *o, void *ctx)
{
    return customer_was_right(o, ctx);
}

int customer_has_password(struct office *o, const char *login, const char *password,
                          const char *address, int *ret_wait_s)
{
    struct customer_try t = { .login = login, .address = address };
    struct login l;
    int r = find_and_check(o, &t, password, &l, ret_wait_s);

    if (r == 1)
        r = ho_transaction(o, note_right, &t) < 0 ? o->fail.code : 1;
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
    struct customer_try by;
    uint8_t hash[32];
    struct customer_login *ret;
};

static int store_session(struct office *o, void *ctx)
{
    const struct new_session *n = ctx;

    if (customer_was_right(o, &n->by) != 0)
        return o->fail.code;
    if (odb_exec(o->db, "DELETE FROM customer_session WHERE org_id = ?1 AND expires_at_ms <= ?2",
                 ODB(ODB_I(ho_now_ms(o))))
            < 0
        || odb_exec(o->db,
                    "INSERT INTO customer_session (org_id, token_hash, login, customer_no, "
                    "made_at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    ODB(ODB_B(n->hash, 32), ODB_T(n->by.login), ODB_T(n->ret->customer_no),
                        ODB_I(ho_now_ms(o)), ODB_I(n->ret->expires_at_ms)))
               < 0)
        return ho_db_fail(o);
    return 0;
}

int customer_login(struct office *o, const char *login, const char *password, const char *address,
                   struct customer_login *ret, int *ret_wait_s)
{
    struct new_session n = { .by = { .login = login, .address = address }, .ret = ret };
    struct login l;
    uint8_t random[32];
    int r = find_and_check(o, &n.by, password, &l, ret_wait_s);

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
    const struct customer_try *by;        /* of another password */
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
                    "UPDATE customer_login SET salt = ?3, hash = ?4, parameters = ?5 WHERE org_id "
                    "= ?1 AND login = ?2",
                    ODB(ODB_T(login), ODB_B(e->secret->salt, sizeof e->secret->salt),
                        ODB_B(e->secret->hash, sizeof e->secret->hash),
                        ODB_T(e->secret->parameters)))
               < 0)
        return ho_db_fail(o);
    if (e->secret != NULL
        && (customer_forget_tries(o, login) != 0 || customer_was_right(o, e->by) != 0))
        return o->fail.code;
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
                      const char *new_password, const char *address, int *ret_wait_s)
{
    char login[CUSTOMER_LOGIN_MAX + 1], customer_no[32];
    struct customer_secret secret;
    struct customer_try t = { .login = login, .address = address };
    struct ending e = { .secret = &secret, .by = &t };
    struct login l;
    int r = token_hash(o, token, e.hash);

    *ret_wait_s = 0;
    if (r == 0)
        r = find_session(o, e.hash, login, sizeof login, customer_no);
    if (r == 1)
        r = find_and_check(o, &t, old_password, &l, ret_wait_s);
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
