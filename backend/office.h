/* office.h - head office without a socket: made, opened, asked.
 *
 * A folder holds all of it: office.db; ca.pem ca.key; server.pem server.key (the PEM holds the CA's
 * certificate too, so that a laptop that enrols can check the CA's fingerprint); sign.pem sign.key
 * (acknowledgements, certificates); master.key (unless the master key is kept elsewhere: keys.h).
 * Keys are for the owner alone (0600). With a database on PostgreSQL the file db.url stands in
 * the place of office.db and holds its URL (0600: there may be a password in it).
 */
#ifndef GF_OFFICE_H
#define GF_OFFICE_H

#include "backend/http_msg.h"
#include "common/err.h"
#include "common/port.h"
#include "meter-core/crypto.h"

/* What head office asks of the world. Borrowed. */
struct office_ports {
    const struct gf_clock *clock;
    const struct gf_random *random;
    const struct mc_crypto *crypto;
};

struct office;
struct keys_source; /* keys.h */

/* Make the folder and everything in it. `hosts` are further names and addresses of the server
 * (localhost and 127.0.0.1 are always in its certificate). 0; GF_E_NOT_NOW when there is one
 * already (nothing is changed); GF_E_FORMAT for a bad host; GF_E_FILE, GF_E_DISK_FULL, GF_E_STORE,
 * GF_E_CRYPTO. What an interrupted init left is made anew. */
int office_init(const char *dir, const char *const *hosts, size_t n_hosts,
                const struct office_ports *ports, struct gf_fail *why);

/* What else can be said of a new office; all zero is right for most. */
struct office_setup {
    const char *db; /* "postgresql://...": its database; NULL: the file office.db in the folder */
    const struct keys_source *master; /* its master key; NULL: a file in the folder */
};
/* The same with that. GF_E_NOT_NOW too when the database named is a head office's already; what
 * keys_create() says. */
int office_init_with(const char *dir, const char *const *hosts, size_t n_hosts,
                     const struct office_setup *setup, const struct office_ports *ports,
                     struct gf_fail *why);

/* Open it. 0; GF_E_FILE (no such office: say init), store errors, GF_E_CRYPTO (a key file cannot be
 * used). */
int office_open(const char *dir, const struct office_ports *ports, struct office **ret,
                struct gf_fail *why);

/* The same where secrets (a passphrase, a PIN) are not where the environment says. Of `secrets` only
 * what keys_open() looks at counts. */
int office_open_with(const char *dir, const struct keys_source *secrets,
                     const struct office_ports *ports, struct office **ret, struct gf_fail *why);

/* The same office once more, for another thread that reads: a connection of its own, and the keys
 * that `first` has open. From here on the two share nothing but the ports. As office_open(). */
int office_open_beside(const struct office *first, const char *dir, struct office **ret,
                       struct gf_fail *why);

/* Close, wipe keys; NULL is fine. Returns NULL. */
struct office *office_close(struct office *o);

/* What enrolled laptops are told to synchronise with: "https://host:port". Copied; false when it is
 * too long. */
bool office_set_url(struct office *o, const char *url);

/* Where strangers and customers reach it, while the setting public_url does not say: what the QR code
 * of an enrolment says. The same rules. */
bool office_set_public_url(struct office *o, const char *url);

/* Answer one request. Everything that it changes is durable when this returns. Errors are JSON:
 * {"error": code, "message": sentence, "field": place}. The caller frees ret->body. */
void office_handle(struct office *o, const struct http_request *request, struct http_response *ret);

#endif
