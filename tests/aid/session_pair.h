#ifndef GF_TESTS_AID_SESSION_PAIR_H
#define GF_TESTS_AID_SESSION_PAIR_H
/*
 * A client with a ticket, a meter that knows the root key, and the messages between them, which a
 * test may damage on their way. Crypto is aid_crypto()'s. Failures are cmocka's.
 */
#include "meter-core/frame.h"
#include "meter-core/session.h"
#include "tests/aid/linkaid.h"

enum { AID_SESSION_NO = 0x0708 };

struct aid_message {
    uint8_t p[MC_MESSAGE_MAX];
    size_t n;
};

struct aid_pair {
    struct aid_random random;
    uint8_t root[MC_KEY_LEN], ticket_key[MC_KEY_LEN];
    struct mc_session client, server;
    struct aid_message hello, welcome, request, answer;
    uint64_t session_no;
};

/* The client has made its hello, under the sample ticket. The same each time. */
void aid_pair_begin(struct aid_pair *p);

/* The meter decodes the hello, derives the key from the ticket shown, and answers. Length or error;
 * GF_E_FORMAT when the hello cannot be decoded. */
int aid_pair_welcome(struct aid_pair *p);

/* What the client makes of the meter's answer. */
int aid_pair_take_welcome(struct aid_pair *p);

/* All of that, undisturbed. */
void aid_pair_establish(struct aid_pair *p);

/* The client seals a request (read_receipts) for from_seq. */
void aid_pair_ask(struct aid_pair *p, uint64_t from_seq);

/* The meter opens it: 0 when it holds from_seq, else the error. */
int aid_pair_hear(struct aid_pair *p, uint64_t from_seq, bool *ret_proved);

/* The meter seals an answer with receipt_seq. */
void aid_pair_reply(struct aid_pair *p, uint64_t seq);

/* The client opens it: 0 when it holds seq, else the error. */
int aid_pair_read_reply(struct aid_pair *p, uint64_t seq);

/* Request and answer, undisturbed; the first one proves the client. */
void aid_pair_exchange(struct aid_pair *p, uint64_t seq, bool first);

/* Nothing is left in the struct. */
void aid_pair_assert_ended(const struct mc_session *s);

#endif
