/* fuzz_answer.c - what a client hears from somebody who says to be a meter: answers to its hello,
 * answers in a session, CTL; see meter-core/session.h and gatt.h.
 *
 * Input: what it is (enum heard) 1 | its bytes. */
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/session.h"
#include "tests/aid/session_pair.h"
#include "tests/fuzz/fuzz.h"

enum heard {
    WELCOME,    /* a message instead of a ServerHello, or one */
    MESSAGE,    /* a message instead of an answer */
    ANSWER,     /* the plain bytes of an authentic answer */
    REQUEST,    /* the meter's side: a message instead of a request */
    CTL,        /* the CTL value as read */
    CTL_RESET,  /* ... and as written */
    HEARD
};

/* Stages of one session; the messages that the next stage takes lie in the one after it. */
static struct aid_pair greeted, asked, proved, asked_again;

static void prepare(void)
{
    aid_pair_begin(&greeted);
    FUZZ_INSIST(aid_pair_welcome(&greeted) > 0, "no welcome");
    asked = greeted;
    FUZZ_INSIST(aid_pair_take_welcome(&asked) == 0, "no session");
    proved = asked;
    aid_pair_ask(&asked, 1);
    aid_pair_exchange(&proved, 1, true);
    asked_again = proved;
    aid_pair_ask(&asked_again, 2);
}

static bool is_same(struct gf_span msg, const struct aid_message *genuine)
{
    return msg.n == genuine->n && memcmp(msg.p, genuine->p, msg.n) == 0;
}

/* All of a session's bytes are gone. */
static void check_ended(const struct mc_session *s)
{
    static const struct mc_session none;

    FUZZ_INSIST(memcmp(s, &none, sizeof none) == 0, "something of the session is left");
}

static void hear_welcome(struct gf_span msg)
{
    struct mc_session s = greeted.client;
    gasm_HelloRefusal refusal;
    int rc = mc_client_welcome(&s, mc_crypto_openssl(), msg.p, msg.n, &refusal);

    FUZZ_INSIST((rc == 0) == is_same(msg, &greeted.welcome),
                "a welcome that is not the meter's is taken");
    if (rc != 0)
        check_ended(&s);
}

static void hear_message(struct gf_span msg)
{
    static gasm_Response response;
    struct mc_session s = proved.client;

    FUZZ_INSIST(mc_client_open(&s, mc_crypto_openssl(), msg.p, msg.n, &response) == GF_E_SESSION,
                "an answer that is not the meter's is taken");
    check_ended(&s);
}

/* The meter at one stage: it takes the genuine request and no other. */
static void hear_at(const struct aid_pair *stage, struct gf_span msg,
                    const struct aid_message *genuine, bool first)
{
    static uint8_t plain[MC_MESSAGE_MAX];
    struct mc_session s = stage->server;
    bool was_proved;
    int rc = mc_server_open(&s, mc_crypto_openssl(), msg.p, msg.n, plain, sizeof plain,
                            &was_proved);

    FUZZ_INSIST((rc >= 0) == is_same(msg, genuine), "a request that is not the client's is taken");
    FUZZ_INSIST(was_proved == (rc >= 0 && first), "who is there is proved, or not");
    if (rc < 0)
        check_ended(&s);
}

static void hear_request(struct gf_span msg)
{
    if (msg.n > MC_MESSAGE_MAX)
        return;
    hear_at(&greeted, msg, &asked.request, true);
    hear_at(&proved, msg, &asked_again.request, false);
}

static void hear_answer(struct gf_span plain)
{
    static gasm_Response response, same;
    static uint8_t msg[MC_MESSAGE_MAX], again[gasm_Response_size];
    struct mc_session server = proved.server, client = proved.client;
    int n = mc_server_seal(&server, mc_crypto_openssl(), plain, msg, sizeof msg), rc;

    if (n < 0)
        return;                 /* longer than a message */
    rc = mc_client_open(&client, mc_crypto_openssl(), msg, (size_t)n, &response);
    FUZZ_INSIST(rc == 0 || rc == GF_E_FORMAT, "an authentic answer ends the session");
    FUZZ_INSIST(client.received == proved.client.received + 1, "an answer is not counted");
    if (rc != 0)
        return;
    n = mc_pb_encode(gasm_Response_fields, &response, again, sizeof again);
    FUZZ_INSIST(n >= 0, "an answer is longer than any can be");
    FUZZ_INSIST(mc_pb_decode(gasm_Response_fields, (struct gf_span){again, (size_t)n}, &same) == 0,
                "an answer cannot be said again");
}

static void read_ctl(struct gf_span bytes)
{
    uint8_t again[MC_CTL_LEN];
    struct mc_ctl ctl;

    if (mc_ctl_decode(bytes.p, bytes.n, &ctl) != 0)
        return;
    mc_ctl_encode(&ctl, again);
    FUZZ_INSIST(bytes.n == MC_CTL_LEN && memcmp(bytes.p, again, sizeof again) == 0,
                "CTL has another form");
}

static void write_ctl(struct gf_span bytes)
{
    uint8_t again[MC_CTL_RESET_LEN];
    struct mc_ctl_reset reset;

    if (mc_ctl_reset_decode(bytes.p, bytes.n, &reset) != 0)
        return;
    mc_ctl_reset_encode(&reset, again);
    FUZZ_INSIST(bytes.n == MC_CTL_RESET_LEN && memcmp(bytes.p, again, sizeof again) == 0,
                "a CTL reset has another form");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const hear[HEARD])(struct gf_span) = {
        [WELCOME] = hear_welcome, [MESSAGE] = hear_message, [ANSWER] = hear_answer,
        [REQUEST] = hear_request, [CTL] = read_ctl,         [CTL_RESET] = write_ctl,
    };
    struct gf_reader in = {data, size, false};
    unsigned heard = (unsigned)gf_rd_uint(&in, 1) % HEARD;
    size_t n;
    uint8_t *bytes = fuzz_take(&in, in.left, &n);

    if (greeted.hello.n == 0)
        prepare();
    hear[heard]((struct gf_span){bytes, n});
    free(bytes);
    return 0;
}
