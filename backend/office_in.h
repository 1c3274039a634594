/* office_in.h - what the parts of head office share; not for anybody else. */
#ifndef GF_OFFICE_IN_H
#define GF_OFFICE_IN_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "backend/address.h"
#include "backend/keys.h"
#include "backend/office.h"
#include "backend/office_db.h"
#include "common/ids.h"
#include "common/proto/sync.pb.h"

#define HO_KEY_LEN KEYS_LEN
#define HO_SEALED_LEN KEYS_SEALED_LEN
#define HO_URL_MAX 256
#define HO_TEXT_MAX 256 /* of texts that a message of the system carries */

/* Failed attempts from one group of addresses, in the present window. */
#define HO_PEERS 64
struct ho_tries {
    char group[ADDRESS_GROUP_MAX];
    int64_t since_mono_ms;
    unsigned failed;
};

/* A name that somebody tried to log in with and that is no login: what a login's rows would say of
 * a group of addresses, or of all strangers (""). */
#define HO_NO_LOGINS 2048
struct ho_no_login {
    char name[65], group[ADDRESS_GROUP_MAX];
    int64_t failed, failed_at_ms, until_ms;
};

/* Who watches the office at work: a service; all NULL else. */
struct metrics_now;
struct ho_watch {
    struct metrics *metrics;
    const struct log *log;
    void *ctx;
    void (*now)(void *ctx, struct metrics_now *ret);
};

/* The end of the audit log as the transaction under way left it. */
struct ho_log_end {
    int64_t n; /* 0: it wrote no row yet */
    uint8_t hash[32];
};

struct office {
    struct odb *db;
    struct office_ports ports;
    struct keys *keys;
    EVP_PKEY *ca_key, *sign_key;
    X509 *ca;
    struct buf ca_pem, sign_pem; /* with their NUL */
    char url[HO_URL_MAX], public_url[HO_URL_MAX];
    struct ho_tries tries[HO_PEERS];
    struct ho_no_login no_logins[HO_NO_LOGINS];
    struct ho_watch watch;
    struct ho_log_end log_end;
    char who[64];        /* who asks, of the request under way; "": administration */
    struct gf_fail fail; /* of the request under way: what went wrong inside */
};

/* The names of files in the folder. */
enum ho_file {
    HO_DB,
    HO_CA_PEM,
    HO_CA_KEY,
    HO_SERVER_PEM,
    HO_SERVER_KEY,
    HO_SIGN_PEM,
    HO_SIGN_KEY,
    HO_MASTER_KEY,
    HO_DB_URL,
    HO_INIT_BEGUN, /* stands there while an init is under way, or was cut off */
    HO_FILES,
};
/* dir/name. 0 or GF_E_SPACE. */
/* Are ca.pem and sign.pem of the folder those that this database was made with? 0; GF_E_CRYPTO with
 * the file's name. */
int ho_check_papers(struct odb *db, const char *dir, struct gf_fail *why);
int ho_path(const char *dir, enum ho_file file, char *ret, size_t cap);

int64_t ho_now_ms(const struct office *o);

/* A failure of the database as this office's failure. Returns its code. */
int ho_db_fail(struct office *o);
/* Any other; the texts are copied. Returns code. */
int ho_fail(struct office *o, int code, const char *where, const char *detail);

/* The next number of a counter that starts at first; never given twice. 0 or a store error. */
int ho_next_number(struct office *o, const char *counter, int64_t first, int64_t *ret);

/* Who acts, for the audit log: the caller of the request under way, or "administration". */
const char *ho_who(const struct office *o);

/* Append to the audit log, in an ho_transaction(): who did what, on what. No secret may stand
 * in `detail`. */
__attribute__((format(printf, 4, 5))) int ho_log(struct office *o, const char *who,
                                                 const char *what, const char *detail, ...);

/* For ho_transaction(): before its body, and before its commit, which stores where the log ends. 0 or
 * a store error. */
void ho_log_begin(struct office *o);
int ho_log_settle(struct office *o);

/* The hash of a row of the audit log over the one before it. */
int ho_log_hash(struct office *o, const uint8_t prev[static 32], int64_t n, int64_t at_ms,
                const char *const texts[3], uint8_t ret[static 32]);

/* keys_seal() (in the transaction that stores the row, with keys_sealed_version() of ret in
 * sealed_version), keys_unseal() and keys_derive() of this office. */
int ho_seal(struct office *o, const char *label, const uint8_t key[static HO_KEY_LEN],
            uint8_t ret[static HO_SEALED_LEN]);
int ho_unseal(struct office *o, const char *label, struct gf_span sealed,
              uint8_t ret[static HO_KEY_LEN]);
int ho_derive(struct office *o, const char *label, uint8_t ret[static HO_KEY_LEN]);

/* Run `body` in one transaction: committed when it returns 0 or more, else undone. The only way to
 * change anything; not within another (GF_E_BUG). The body may be run again from its begin, up to
 * twelve times in all with random pauses: when the database wants the transaction again (GF_E_AGAIN,
 * whatever the body made of it), or when a commit got lost with its connection and turns out not to
 * have happened. When it did happen the result of that run stands. GF_E_STORE_UNSURE: the server did
 * not come back to tell. */
int ho_transaction(struct office *o, int (*body)(struct office *o, void *ctx), void *ctx);

/* How many numbers to leave out before the next one of a series (a meter's ticket serials, an
 * account's token sequences) of which the newest known was made at that time (0: there is none).
 * After a restore what was issued behind the backup is not known: 1,000 then, once for each series,
 * else 0. For each restore since then, for the backup of the second may be of before the series went
 * on after the first. In the caller's transaction. */
int64_t ho_restore_skip(struct office *o, int64_t newest_made_at_ms);

/* In the transaction that restores: from this moment on numbers are left out, for ho_restore_skip();
 * of the counters at once: 1,000 numbers of accounts, orders, swaps and certificates, and a million
 * of the changes that laptops fetch. */
int ho_restore_numbers(struct odb *db, int64_t now_ms);

/* ---- rows ---- */

/* Functions that find return 1 when there is one, 0 when not, or a store error. */

struct ho_device {
    uint8_t id[GF_UUID_LEN];
    char staff_no[25];
    char role[16]; /* of that person; "": has left */
    bool is_revoked;
    uint64_t chain_seq;
    uint8_t chain_hash[32];
    uint64_t claimed_seq;
};
int ho_find_device(struct office *o, const uint8_t id[static GF_UUID_LEN], struct ho_device *ret);

struct ho_meter {
    char id[GF_METER_ID_TEXT];
    uint32_t type, pulse_l, life_state, active_epoch;
    char bt_address[GF_BT_ADDRESS_TEXT], verification_date[16];
    uint64_t account_no, last_seq;
};
int ho_find_meter(struct office *o, const char *meter_id, struct ho_meter *ret);
/* A meter's id as bytes that nobody has verified bring it: a text to ret; true when it has the form
 * of one. Only then may it be looked for: other bytes are no text to a database. */
bool ho_wire_meter_id(const uint8_t wire[static GF_METER_ID_LEN],
                      char ret[static GF_METER_ID_TEXT]);

/* An order with what it refers to. */
struct ho_order {
    uint8_t id[GF_UUID_LEN];
    char number[32], kind[32], state[16], meter_id[GF_METER_ID_TEXT], supply_point[32],
        customer_no[32], staff_no[25];
    char due[16], parameters[512], note[200], address[160], customer_name[96], customer_phone[32];
    uint64_t account_no, priority;
    uint32_t purge_volume_l, purge_limit_s;
    bool has_begun; /* tickets were issued: the four below hold */
    uint32_t began_state, began_epoch, key_epoch;
    uint64_t began_seq;
    bool is_closed;            /* done, unable, checked */
    uint64_t last_receipt_seq; /* as job done said */
    bool has_swap;             /* of a swap: the case, and the meter that goes; meter_id comes */
    uint8_t swap_case[16];
    char old_meter_id[GF_METER_ID_TEXT], reason[16];
    uint64_t old_account_no;
};
int ho_find_order(struct office *o, const uint8_t id[static GF_UUID_LEN], struct ho_order *ret);

/* One thing changed that the laptops of this order's person have to know. */
int ho_changed(struct office *o, const struct ho_order *order);

/* Each order of a query whose first column is its id; the query is read to its end and ended before
 * `each` is called. 0, or the first failure. */
int ho_each_order(struct office *o, struct odb_query *q,
                  int (*each)(struct office *o, const struct ho_order *order));

#endif
