/* office_init.c - making and opening a head office's folder; see office.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/office_in.h"
#include "backend/office_pki.h"
#include "backend/office_place.h"
#include "common/host/real.h"
#include "common/text.h"

#define PEM_MAX 8192
#define DAY_S 86400
#define CA_DAYS (30 * 365)
#define SERVER_DAYS (10 * 365)
#define HOSTS_MAX 16

int ho_path(const char *dir, enum ho_file file, char *ret, size_t cap)
{
    static const char *const names[HO_FILES] = {
        [HO_DB] = "office.db",          [HO_CA_PEM] = "ca.pem",         [HO_CA_KEY] = "ca.key",
        [HO_SERVER_PEM] = "server.pem", [HO_SERVER_KEY] = "server.key", [HO_SIGN_PEM] = "sign.pem",
        [HO_SIGN_KEY] = "sign.key",     [HO_MASTER_KEY] = "master.key",
        [HO_DB_URL] = "db.url",         [HO_INIT_BEGUN] = "init.begun",
    };
    int n = snprintf(ret, cap, "%s/%s", dir, names[file]);

    return n > 0 && (size_t)n < cap ? 0 : GF_E_SPACE;
}

static int write_file(const char *dir, enum ho_file file, struct gf_span bytes, unsigned mode,
                      struct gf_fail *why)
{
    char path[4096];

    if (ho_path(dir, file, path, sizeof path) != 0)
        return gf_fail(why, GF_E_SPACE, "folder", dir);
    (void)unlink(path); /* so that the mode is ours even when an interrupted init left one */
    return gf_file_write(path, bytes.p, bytes.n, mode, why);
}

/* A key and its certificate into two files; server.pem gets the CA's certificate behind its own. */
struct pair {
    const char *dir;
    enum ho_file pem, key;
    const X509 *issuer; /* NULL: the CA itself */
};

static int write_pair(const struct pair *to, const X509 *cert, const EVP_PKEY *key,
                      struct gf_fail *why)
{
    struct buf pem = { 0 }, secret = { 0 };
    int r = pki_cert_pem(cert, &pem);

    if (r == 0 && to->pem == HO_SERVER_PEM)
        r = pki_cert_pem(to->issuer, &pem);
    if (r == 0)
        r = pki_key_pem(key, &secret);
    if (r != 0)
        (void)gf_fail(why, r, "certificate", "cannot be written as PEM");
    if (r == 0)
        r = write_file(to->dir, to->key, (struct gf_span){ secret.p, secret.n }, 0600, why);
    if (r == 0)
        r = write_file(to->dir, to->pem, (struct gf_span){ pem.p, pem.n }, 0644, why);
    buf_free(&pem);
    buf_free(&secret);
    return r;
}

/* The server's and the signing pair, issued by the CA. */
static int make_issued(const struct pair *to, const struct pki_cert *what,
                       const struct pki_signer *ca, const struct office_ports *ports,
                       struct gf_fail *why)
{
    EVP_PKEY *key = pki_key_new();
    X509 *cert = NULL;
    int r = key != NULL ? pki_cert_new(what, key, ca, ports->random, &cert, why)
                        : gf_fail(why, GF_E_CRYPTO, "key", "cannot be made");

    if (r == 0)
        r = write_pair(to, cert, key, why);
    X509_free(cert);
    EVP_PKEY_free(key);
    return r;
}

static int make_certificates(const char *dir, const char *const *hosts, size_t n_hosts,
                             const struct office_ports *ports, struct gf_fail *why)
{
    int64_t now_s = ports->clock->utc_ms(ports->clock->ctx) / 1000, from_s = now_s - DAY_S;
    struct pki_cert what = { .use = PKI_CA,
                             .name = "gasoffice CA",
                             .from_s = from_s,
                             .to_s = now_s + (int64_t)CA_DAYS * DAY_S };
    EVP_PKEY *key = pki_key_new();
    X509 *ca = NULL;
    struct pki_signer self = { NULL, key };
    int r = key != NULL ? pki_cert_new(&what, key, &self, ports->random, &ca, why)
                        : gf_fail(why, GF_E_CRYPTO, "key", "cannot be made");

    if (r == 0)
        r = write_pair(&(struct pair){ dir, HO_CA_PEM, HO_CA_KEY, NULL }, ca, key, why);
    if (r == 0) {
        struct pki_signer issuer = { ca, key };

        what = (struct pki_cert){ .use = PKI_SERVER,
                                  .name = "gasoffice",
                                  .hosts = hosts,
                                  .n_hosts = n_hosts,
                                  .from_s = from_s,
                                  .to_s = now_s + (int64_t)SERVER_DAYS * DAY_S };
        r = make_issued(&(struct pair){ dir, HO_SERVER_PEM, HO_SERVER_KEY, ca }, &what, &issuer,
                        ports, why);
        what.use = PKI_SIGN;
        what.name = "gasoffice signing";
        what.n_hosts = 0;
        if (r == 0)
            r = make_issued(&(struct pair){ dir, HO_SIGN_PEM, HO_SIGN_KEY, ca }, &what, &issuer,
                            ports, why);
    }
    X509_free(ca);
    EVP_PKEY_free(key);
    return r;
}

static int read_file(const char *dir, enum ho_file file, uint8_t *ret, size_t cap,
                     struct gf_fail *why)
{
    char path[4096];

    if (ho_path(dir, file, path, sizeof path) != 0)
        return gf_fail(why, GF_E_SPACE, "folder", dir);
    return gf_file_read(path, ret, cap, why);
}

/* ---- which certificates are this office's ---- */

static const struct paper {
    enum ho_file file;
    const char *setting, *name;
} papers[] = {
    { HO_CA_PEM, "ca certificate", "ca.pem" },
    { HO_SIGN_PEM, "sign certificate", "sign.pem" },
};

/* SHA-256 of a certificate's DER, in hex. */
static int paper_hash(const char *dir, const struct paper *paper, char ret[static 65],
                      struct gf_fail *why)
{
    uint8_t pem[PEM_MAX], hash[32];
    int n = read_file(dir, paper->file, pem, sizeof pem, why);
    X509 *cert = n >= 0 ? pki_cert_parse((struct gf_span){ pem, (size_t)n }) : NULL;
    bool ok = cert != NULL && pki_cert_hash(cert, hash) == 0;

    X509_free(cert);
    if (n < 0)
        return n;
    if (!ok)
        return gf_fail(why, GF_E_CRYPTO, paper->name, "this is not a certificate in PEM");
    gf_hex(hash, sizeof hash, ret);
    return 0;
}

static int note_papers(struct odb *db, const char *dir, struct gf_fail *why)
{
    char hash[65];

    for (size_t i = 0; i < sizeof papers / sizeof papers[0]; i++) {
        int r = paper_hash(dir, &papers[i], hash, why);

        if (r != 0)
            return r;
        if (odb_exec(db, "INSERT INTO setting (org_id, name, value) VALUES (?1, ?2, ?3)",
                     ODB(ODB_T(papers[i].setting), ODB_T(hash)))
            < 0)
            return odb_fail(db, why);
    }
    return 0;
}

int ho_check_papers(struct odb *db, const char *dir, struct gf_fail *why)
{
    char hash[65], noted[65];

    for (size_t i = 0; i < sizeof papers / sizeof papers[0]; i++) {
        int r = paper_hash(dir, &papers[i], hash, why);
        struct odb_query *q = NULL;

        if (r != 0)
            return r;
        q = odb_query(db, "SELECT value FROM setting WHERE org_id = ?1 AND name = ?2",
                      ODB(ODB_T(papers[i].setting)));
        r = odb_next(db, q);
        if (r == 1)
            odb_text(q, 0, noted, sizeof noted);
        odb_end(q);
        if (r < 0)
            return odb_fail(db, why);
        if (r == 1 && strcmp(hash, noted) != 0)
            return gf_fail(why, GF_E_CRYPTO, papers[i].name,
                           "it is of another head office than this database: put the file there "
                           "that belongs to it");
    }
    return 0;
}

/* ---- making one ---- */

/* What a new database holds: its keys, and which certificates are its own. */
struct first_rows {
    const char *dir;
    const struct keys_source *master;
    const struct office_ports *ports;
};

static int fill(struct odb *db, void *ctx, struct gf_fail *why)
{
    const struct first_rows *rows = ctx;
    int r = keys_create(db, rows->master, rows->ports, why);

    return r == 0 ? note_papers(db, rows->dir, why) : r;
}

/* Keys that lie in the folder are nobody's to destroy, but for those that an init left that was cut
 * off. 0, or GF_E_NOT_NOW. */
static int begin_init(const char *dir, struct gf_fail *why)
{
    char path[4096];

    if (ho_path(dir, HO_INIT_BEGUN, path, sizeof path) != 0)
        return gf_fail(why, GF_E_SPACE, "folder", dir);
    if (access(path, F_OK) == 0)
        return 0;
    for (enum ho_file file = HO_CA_PEM; file < HO_DB_URL; file++) {
        char key[4096], detail[160];

        if (ho_path(dir, file, key, sizeof key) != 0 || access(key, F_OK) != 0)
            continue;
        (void)snprintf(detail, sizeof detail,
                       "%s of a head office lies there: bring that one back with restore, or move "
                       "its files away",
                       strrchr(key, '/') + 1);
        return gf_fail(why, GF_E_NOT_NOW, "init", detail);
    }
    return gf_file_write(path, "", 0, 0600, why);
}

int office_init(const char *dir, const char *const *hosts, size_t n_hosts,
                const struct office_ports *ports, struct gf_fail *why)
{
    return office_init_with(dir, hosts, n_hosts, &(struct office_setup){ 0 }, ports, why);
}

int office_init_with(const char *dir, const char *const *hosts, size_t n_hosts,
                     const struct office_setup *setup, const struct office_ports *ports,
                     struct gf_fail *why)
{
    struct place place;
    char begun[4096];
    const char *all[HOSTS_MAX] = { "localhost", "127.0.0.1" };
    struct keys_source master = { .kind = KEYS_FILE };

    if (setup->master != NULL)
        master = *setup->master;
    master.dir = dir;
    if (n_hosts > HOSTS_MAX - 2)
        return gf_fail(why, GF_E_USAGE, "host", "at most 14");
    for (size_t i = 0; i < n_hosts; i++)
        all[i + 2] = hosts[i];
    if (mkdir(dir, 0700) != 0 && access(dir, W_OK | X_OK) != 0)
        return gf_fail(why, GF_E_FILE, "folder", dir);

    int lock = keys_folder_lock(dir, why);
    if (lock < 0)
        return lock;

    int r = place_new(&place, dir, setup->db, why);
    if (r == 0)
        r = begin_init(dir, why);
    if (r == 0)
        r = make_certificates(dir, all, n_hosts + 2, ports, why);
    if (r == 0)
        r = place_make(&place, fill, &(struct first_rows){ dir, &master, ports }, why);
    place_end(&place);
    if (r == 0 && ho_path(dir, HO_INIT_BEGUN, begun, sizeof begun) == 0)
        (void)unlink(begun); /* it allows nothing that office.db does not forbid */
    keys_folder_unlock(lock);
    return r;
}

/* ---- opening ---- */

static int read_key(const char *dir, enum ho_file file, EVP_PKEY **ret, struct gf_fail *why)
{
    uint8_t pem[PEM_MAX];
    int n = read_file(dir, file, pem, sizeof pem, why);

    if (n < 0)
        return n;
    *ret = pki_key_parse((struct gf_span){ pem, (size_t)n });
    gf_wipe(pem, sizeof pem);
    return *ret != NULL ? 0
                        : gf_fail(why, GF_E_CRYPTO, "key",
                                  "the key's file does not hold a private key in PEM");
}

static int read_keys(const char *dir, struct office *o, struct gf_fail *why)
{
    uint8_t pem[PEM_MAX];
    int r = read_key(dir, HO_CA_KEY, &o->ca_key, why);

    if (r == 0)
        r = read_key(dir, HO_SIGN_KEY, &o->sign_key, why);
    if (r < 0 || (r = read_file(dir, HO_CA_PEM, pem, sizeof pem, why)) < 0)
        return r;
    o->ca = pki_cert_parse((struct gf_span){ pem, (size_t)r });
    if (o->ca == NULL)
        return gf_fail(why, GF_E_CRYPTO, "ca.pem", "this is not a certificate in PEM");
    buf_add(&o->ca_pem, pem, (size_t)r);
    buf_add(&o->ca_pem, "", 1);
    if ((r = read_file(dir, HO_SIGN_PEM, pem, sizeof pem, why)) < 0)
        return r;
    buf_add(&o->sign_pem, pem, (size_t)r);
    buf_add(&o->sign_pem, "", 1);
    return o->ca_pem.bad || o->sign_pem.bad ? gf_fail(why, GF_E_MEMORY, "keys", "") : 0;
}

int office_open(const char *dir, const struct office_ports *ports, struct office **ret,
                struct gf_fail *why)
{
    return office_open_with(dir, &(struct keys_source){ 0 }, ports, ret, why);
}

/* Its keys are those that `first` has open, or, without one, what `secrets` opens. */
static int open_it(const char *dir, const struct office *first, const struct keys_source *secrets,
                   const struct office_ports *ports, struct office **ret, struct gf_fail *why)
{
    struct office *o = calloc(1, sizeof *o);
    struct keys_source source = { 0 };

    if (o == NULL)
        return gf_fail(why, GF_E_MEMORY, "office", "");
    o->ports = *ports;
    if (secrets != NULL)
        source = *secrets;
    source.dir = dir;

    int r = place_open(dir, &o->db, why);
    if (r == 0)
        r = read_keys(dir, o, why);
    if (r == 0)
        r = ho_check_papers(o->db, dir, why);
    if (r == 0)
        r = first != NULL ? keys_open_beside(first->keys, o->db, &o->keys, why)
                          : keys_open(o->db, &source, &o->ports, &o->keys, why);
    if (r != 0) {
        (void)office_close(o);
        return r;
    }
    *ret = o;
    return 0;
}

int office_open_with(const char *dir, const struct keys_source *secrets,
                     const struct office_ports *ports, struct office **ret, struct gf_fail *why)
{
    return open_it(dir, NULL, secrets, ports, ret, why);
}

int office_open_beside(const struct office *first, const char *dir, struct office **ret,
                       struct gf_fail *why)
{
    return open_it(dir, first, NULL, &first->ports, ret, why);
}

struct office *office_close(struct office *o)
{
    if (o == NULL)
        return NULL;
    (void)keys_close(o->keys);
    (void)odb_close(o->db);
    X509_free(o->ca);
    EVP_PKEY_free(o->ca_key);
    EVP_PKEY_free(o->sign_key);
    buf_free(&o->ca_pem);
    buf_free(&o->sign_pem);
    gf_wipe(o, sizeof *o);
    free(o);
    return NULL;
}

bool office_set_url(struct office *o, const char *url)
{
    return gf_copy(o->url, sizeof o->url, url);
}

bool office_set_public_url(struct office *o, const char *url)
{
    return gf_copy(o->public_url, sizeof o->public_url, url);
}
