/* session.h - handshake and sealed messages, both ends. Freestanding.
 *
 * A message's first byte is its kind (enum mc_kind). What follows:
 *   hellos and refusal   the Protocol Buffers message
 *   first request        counter 8 LE | proof_c 32 | sealed Request
 *   other requests       counter 8 LE | sealed Request
 *   answers              counter 8 LE | sealed Response
 * Sealed is AES-128-CCM with all before it, the kind included, as associated data, and 5 zero bytes
 * and the counter (8 LE) as nonce. Counters start at 1 and step by 1, each way for itself.
 *
 * proof_x = HMAC(HKDF(K_ticket, "gasm proof"), "m" or "c" | H),
 * H = SHA-256(version 1 | ClientHello bytes | ServerHello bytes with only nonce_m: 0A 10 nonce).
 * Session keys, 16 bytes: HKDF(K_ticket, "gasm c2m" or "gasm m2c" | nonce_c | nonce_m).
 * A ServerHello is taken in its one strict form only (mc_pb_decode_strict()), since the proofs
 * cover nothing of it but the nonce.
 */
#ifndef GF_METER_SESSION_H
#define GF_METER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/port.h"
#include "meter-core/crypto.h"
#include "meter-core/keys.h"

enum mc_kind {
    MC_KIND_CLIENT_HELLO = 1,
    MC_KIND_SERVER_HELLO = 2,
    MC_KIND_FIRST = 3, /* request, with the client's proof */
    MC_KIND_REQUEST = 4,
    MC_KIND_ANSWER = 5,
    MC_KIND_REFUSAL = 6,
};

#define MC_SEAL_OVERHEAD (1 + 8 + 32 + MC_AEAD_TAG_LEN) /* most bytes that sealing adds */

/* State of one end; private; wiped by mc_session_end(). Contains no pointers into itself. */
struct mc_session {
    uint8_t phase;                  /* enum phase in session.c; 0 is none */
    uint8_t ticket_key[MC_KEY_LEN]; /* client, until the welcome */
    uint8_t proof_c[MC_HASH_LEN];   /* until the first request */
    uint8_t key_c2m[MC_AEAD_KEY_LEN], key_m2c[MC_AEAD_KEY_LEN];
    uint64_t sent, received; /* counters */
    uint8_t nonce_c[16];
    uint8_t hello[gasm_ClientHello_size]; /* client: ClientHello bytes, until the welcome */
    size_t hello_len;
};

/* End a session, wanted or not: every byte of it is overwritten with zero. */
void mc_session_end(struct mc_session *s);

/* ---- client ---- */

/* Begin a session, whatever *s held before: make a ClientHello message (kind byte first) into ret.
 * run_id names the procedure run in the logs of both sides. Length, or GF_E_RANDOM, GF_E_SPACE
 * (ticket longer than MC_TICKET_MAX, or cap); after these there is no session. */
int mc_client_hello(struct mc_session *s, const struct gf_random *random, struct gf_span ticket,
                    const uint8_t ticket_key[static MC_KEY_LEN], const uint8_t run_id[static 16],
                    uint8_t *ret, size_t cap);

/* Take the answer to the hello. 0: established. GF_E_TICKET: refused, *ret_refusal says why (not
 * authenticated). GF_E_PROOF: the meter does not know the ticket's key. GF_E_FORMAT: no answer to a
 * hello. GF_E_SESSION: no hello was made. GF_E_CRYPTO. After all but 0 the session has ended. */
int mc_client_welcome(struct mc_session *s, const struct mc_crypto *c, const uint8_t *msg, size_t n,
                      gasm_HelloRefusal *ret_refusal);

/* Encode and seal a request. Length of the message; GF_E_SESSION when not established; GF_E_SPACE
 * (nothing was used up); GF_E_CRYPTO (the session has ended). */
int mc_client_seal(struct mc_session *s, const struct mc_crypto *c, const gasm_Request *request,
                   uint8_t *ret, size_t cap);

/* Open and decode an answer. 0; GF_E_SESSION after any replay, gap or wrong tag (the session has
 * then ended); GF_E_FORMAT (authentic, but not a Response; the session goes on). A HelloRefusal
 * that comes instead (the meter restarted) is GF_E_SESSION too. */
int mc_client_open(struct mc_session *s, const struct mc_crypto *c, const uint8_t *msg, size_t n,
                   gasm_Response *ret);

/* ---- meter ---- */

/* Take a ClientHello (msg without its kind byte) whose ticket was judged and whose key is known;
 * make the ServerHello message. Whatever *s held before has ended. session_no never repeats in the
 * life of the meter. Length, or GF_E_FORMAT (another version), GF_E_RANDOM, GF_E_SPACE,
 * GF_E_CRYPTO. */
int mc_server_welcome(struct mc_session *s, const struct mc_crypto *c,
                      const struct gf_random *random, struct gf_span hello,
                      const gasm_ClientHello *decoded, const uint8_t ticket_key[static MC_KEY_LEN],
                      uint64_t session_no, uint8_t *ret, size_t cap);

/* Open a request (kind 3 or 4). *ret_proved is true when this was the first and proof_c held. The
 * plain Request bytes go to ret, which must not overlap msg (cap >= n); their length, or
 * GF_E_SESSION, GF_E_PROOF (session ended), GF_E_SPACE. */
int mc_server_open(struct mc_session *s, const struct mc_crypto *c, const uint8_t *msg, size_t n,
                   uint8_t *ret, size_t cap, bool *ret_proved);

/* Seal a plain answer; ret must not overlap it. Length of the message, or GF_E_SPACE (nothing was
 * used up), GF_E_CRYPTO (the session has ended), GF_E_SESSION (not established, or no request was
 * opened yet). */
int mc_server_seal(struct mc_session *s, const struct mc_crypto *c, struct gf_span plain,
                   uint8_t *ret, size_t cap);

#endif
