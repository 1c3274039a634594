/* test_webhook.c - signed messages of payment providers: what is believed, once, and what is not.
 */
#include "backend/webhook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/api_aid.h"
#include "tests/aid/money_aid.h"

#define NOW_S (AID_NOW_MS / 1000)

static struct maid m;
static const uint8_t secret[HO_KEY_LEN] = { 5, 6, 7 };
static const uint8_t other_secret[HO_KEY_LEN] = { 5, 6, 8 };

static int add_providers(struct office *o, void *ctx)
{
    int r = provider_add(o, "demo", secret, "S002");

    (void)ctx;
    return r == 0 ? provider_add(o, "other", other_secret, "S002") : r;
}

static int begin(void **state)
{
    (void)state;
    maid_office(&m);
    assert_int_equal(ho_transaction(m.office.o, add_providers, NULL), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    maid_end(&m);
    return 0;
}

/* ---- messages ---- */

static void sign_at(const uint8_t *key, const char *body, int64_t at_s, char ret[static 128])
{
    const struct mc_crypto *c = mc_crypto_openssl();
    uint8_t mac[MC_HASH_LEN];
    char digits[32], hex[2 * MC_HASH_LEN + 1];

    (void)snprintf(digits, sizeof digits, "%lld.", (long long)at_s);

    const struct gf_span parts[] = { { (const uint8_t *)digits, strlen(digits) },
                                     { (const uint8_t *)body, strlen(body) } };
    assert_int_equal(c->hmac(c->ctx, key, HO_KEY_LEN, parts, 2, mac), 0);
    gf_hex(mac, sizeof mac, hex);
    (void)snprintf(ret, 128, "t=%lld,v1=%s", (long long)at_s, hex);
}

struct message {
    const char *provider, *ref, *currency, *status;
    uint32_t payment;
    int64_t amount, at_s;
    const uint8_t *key;
};

static struct message paid(uint32_t payment)
{
    return (struct message){ "demo", "REF-1", "EUR", "paid", payment, 1000, NOW_S, secret };
}

static void body_of(const struct message *x, char ret[static 512])
{
    uint8_t id[16];
    char text[GF_UUID_TEXT];

    maid_id(x->payment, 'p', id);
    gf_uuid_text(id, text);
    (void)snprintf(ret, 512,
                   "{\"event_id\":\"EVT-1\",\"payment_id\":\"%s\",\"provider_ref\":\"%s\","
                   "\"amount_minor\":%lld,\"currency\":\"%s\",\"status\":\"%s\"}",
                   text, x->ref, (long long)x->amount, x->currency, x->status);
}

/* Send these bytes under this header: the error's code, or the state that is answered. */
static const char *post(const char *provider, const char *body, const char *header, int want)
{
    static char said[64];
    char path[64];
    const struct oaid_request r = {
        .method = "POST", .path = path, .who = "", .raw = body, .signature = header
    };

    (void)snprintf(path, sizeof path, "/v1/webhooks/%s", provider);

    json_t *json = oaid_request(&m.office, &r, want);
    (void)snprintf(said, sizeof said, "%s", oaid_text(json, want == 200 ? "state" : "error"));
    json_decref(json);
    return said;
}

static const char *send_message(const struct message *x, int want)
{
    char body[512], header[128];

    body_of(x, body);
    sign_at(x->key, body, x->at_s, header);
    return post(x->provider, body, header, want);
}

static void ask(uint32_t n)
{
    struct payment_new what = { .account_no = MAID_ACCOUNT,
                                .provider = "demo",
                                .amount_minor = 1000,
                                .currency = "EUR",
                                .asked_by = "customer C-1001" };
    struct payment p;

    maid_id(n, 'p', what.payment_id);
    assert_int_equal(maid_ask(&m, &what, &p), 0);
}

static void nothing_happened(void)
{
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 0);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM journal"), 0);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM payment WHERE state <> 'requested'"), 0);
}

/* ---- tests ---- */

static void paid_is_confirmed_once(void **state)
{
    struct message x = paid(1);

    (void)state;
    ask(1);
    assert_string_equal(send_message(&x, 200), "confirmed");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
    for (int i = 0; i < 3; i++) {
        x.at_s += i; /* sent again, signed again */
        assert_string_equal(send_message(&x, 200), "confirmed");
    }
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_CASH, "demo"), 1000000);
    x.status = "failed";
    assert_string_equal(send_message(&x, 409), "MISMATCH");
    oaid_office_restart(&m.office);
    x.status = "paid";
    assert_string_equal(send_message(&x, 200), "confirmed");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
}

static void failed_stays_failed(void **state)
{
    struct message x = paid(1);

    (void)state;
    ask(1);
    x.status = "failed";
    assert_string_equal(send_message(&x, 200), "failed");
    assert_string_equal(send_message(&x, 200), "failed");
    x.status = "paid";
    assert_string_equal(send_message(&x, 409), "MISMATCH");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 0);
    /* refused, and not forgotten: a person has to ask the provider */
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM audit_log WHERE who = 'provider demo' AND "
                                  "what = 'message refused' AND detail LIKE 'EVT-1: paid: "
                                  "status %'"),
                     1);
}

static void only_its_own_signature(void **state)
{
    struct message x = paid(1);
    char body[512], header[128];

    (void)state;
    ask(1);
    x.key = other_secret;
    assert_string_equal(send_message(&x, 401), "SIGNATURE");
    x.provider = "other"; /* signs well, and the payment is not its own */
    assert_string_equal(send_message(&x, 404), "not_found");
    x.provider = "nobody";
    assert_string_equal(send_message(&x, 404), "not_found");
    x.provider = "counter";
    assert_string_equal(send_message(&x, 404), "not_found");
    x = paid(1);
    body_of(&x, body);
    sign_at(secret, body, NOW_S, header);
    memcpy(strstr(body, "1000"), "9000", 4);
    assert_string_equal(post("demo", body, header, 401), "SIGNATURE");
    assert_string_equal(post("demo", body, "v1=00", 401), "FORMAT");
    assert_string_equal(post("demo", body, NULL, 401), "FORMAT");
    nothing_happened();
}

/* Every byte of the body, every digit of the header: one that differs is refused. */
static void altered_anywhere(void **state)
{
    struct message x = paid(1);
    const struct mc_crypto *c = mc_crypto_openssl();
    char body[512], header[128];

    (void)state;
    body_of(&x, body);
    sign_at(secret, body, NOW_S, header);

    const struct gf_span span = { (const uint8_t *)body, strlen(body) };
    assert_int_equal(webhook_check(c, secret, header, span, NOW_S, NULL), 0);
    for (size_t i = 0; body[i] != '\0'; i++) {
        body[i] ^= 1;
        assert_int_equal(webhook_check(c, secret, header, span, NOW_S, NULL), GF_E_SIGNATURE);
        body[i] ^= 1;
    }
    for (size_t i = 0; header[i] != '\0'; i++) {
        header[i] ^= 1;
        assert_int_not_equal(webhook_check(c, secret, header, span, NOW_S, NULL), 0);
        header[i] ^= 1;
    }
    for (size_t n = 0; n < strlen(header); n++) {
        char cut[128] = { 0 };

        memcpy(cut, header, n);
        assert_int_equal(webhook_check(c, secret, cut, span, NOW_S, NULL), GF_E_FORMAT);
    }
    assert_int_equal(webhook_check(c, secret, NULL, span, NOW_S, NULL), GF_E_FORMAT);
    (void)strncat(header, "0", sizeof header - strlen(header) - 1);
    assert_int_equal(webhook_check(c, secret, header, span, NOW_S, NULL), GF_E_FORMAT);
}

static void only_now(void **state)
{
    struct message x = paid(1);

    (void)state;
    ask(1);
    x.at_s = NOW_S - WEBHOOK_WINDOW_S - 1;
    assert_string_equal(send_message(&x, 401), "CLOCK");
    x.at_s = NOW_S + WEBHOOK_WINDOW_S + 1;
    assert_string_equal(send_message(&x, 401), "CLOCK");
    nothing_happened();
    x.at_s = NOW_S + WEBHOOK_WINDOW_S;
    assert_string_equal(send_message(&x, 200), "confirmed");
    x.at_s = NOW_S - WEBHOOK_WINDOW_S;
    assert_string_equal(send_message(&x, 200), "confirmed");
}

static void only_what_was_asked_for(void **state)
{
    struct message x = paid(1);

    (void)state;
    ask(1);
    ask(2);
    x.payment = 3;
    assert_string_equal(send_message(&x, 404), "not_found");
    x = paid(1);
    x.amount = 1001;
    assert_string_equal(send_message(&x, 409), "MISMATCH");
    x.amount = 999;
    assert_string_equal(send_message(&x, 409), "MISMATCH");
    x = paid(1);
    x.currency = "USD";
    assert_string_equal(send_message(&x, 409), "MISMATCH");
    nothing_happened();
    x = paid(1);
    assert_string_equal(send_message(&x, 200), "confirmed");
    x.payment = 2; /* under the same reference */
    assert_string_equal(send_message(&x, 409), "MISMATCH");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
}

static int end_demo(struct office *o, void *ctx)
{
    (void)ctx;
    return provider_end(o, "demo", "S002");
}

static void an_ended_provider_is_refused(void **state)
{
    struct message x = paid(1);

    (void)state;
    ask(1);
    assert_int_equal(ho_transaction(m.office.o, end_demo, NULL), 0);
    assert_int_equal(ho_transaction(m.office.o, end_demo, NULL), 0);
    assert_string_equal(send_message(&x, 409), "NOT_NOW");
    nothing_happened();
}

static int add_again(struct office *o, void *ctx)
{
    return provider_add(o, ctx, secret, "S002");
}

static int end_nobody(struct office *o, void *ctx)
{
    return provider_end(o, ctx, "S002");
}

static void a_name_is_taken_for_good(void **state)
{
    char demo[] = "demo", counter[] = "counter", bad[] = "a/b", nobody[] = "nobody";
    struct payment_provider p = { .name = "" };
    uint8_t got[HO_KEY_LEN];

    (void)state;
    assert_int_equal(ho_transaction(m.office.o, add_again, demo), GF_E_NOT_NOW);
    assert_int_equal(ho_transaction(m.office.o, add_again, counter), GF_E_NOT_NOW);
    assert_int_equal(ho_transaction(m.office.o, add_again, bad), GF_E_FORMAT);
    assert_int_equal(ho_transaction(m.office.o, end_nobody, nobody), GF_E_FORMAT);
    assert_int_equal(ho_transaction(m.office.o, end_nobody, counter), GF_E_FORMAT);
    assert_int_equal(provider_next(m.office.o, p.name, &p), 1);
    assert_string_equal(p.name, "demo");
    assert_int_equal(provider_next(m.office.o, p.name, &p), 1);
    assert_string_equal(p.name, "other");
    assert_int_equal(provider_next(m.office.o, p.name, &p), 0);
    assert_int_equal(provider_secret(m.office.o, "other", got), 0);
    assert_memory_equal(got, other_secret, sizeof got);
    /* One sealed under another name does not open. */
    oaid_sql(&m.office, "UPDATE provider SET sealed = (SELECT p.sealed FROM provider p WHERE "
                        "p.name = 'other') WHERE name = 'demo'");
    assert_int_equal(provider_secret(m.office.o, "demo", got), GF_E_CRYPTO);
}

/* The worked example of docs/payments.md is what this code makes. */
static void the_documents_example(void **state)
{
    static const char body[] =
        "{\"event_id\":\"EVT-7\",\"payment_id\":\"01907f4c-2c00-7000-8000-000000000001\","
        "\"provider_ref\":\"PAY-7\",\"amount_minor\":1250,\"currency\":\"EUR\",\"status\":"
        "\"paid\"}";
    uint8_t key[HO_KEY_LEN];
    char header[128], page[65536];
    FILE *f = fopen("docs/payments.md", "rbe");
    size_t n;

    (void)state;
    assert_non_null(f);
    n = fread(page, 1, sizeof page - 1, f);
    (void)fclose(f);
    page[n] = '\0';
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    sign_at(key, body, 1795339800, header);
    assert_non_null(strstr(page, body));
    if (strstr(page, header) == NULL)
        fail_msg("docs/payments.md has to say: %s", header);
    assert_int_equal(webhook_check(mc_crypto_openssl(), key, header,
                                   (struct gf_span){ (const uint8_t *)body, sizeof body - 1 },
                                   1795339800, NULL),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paid_is_confirmed_once, begin, end),
        cmocka_unit_test_setup_teardown(failed_stays_failed, begin, end),
        cmocka_unit_test_setup_teardown(only_its_own_signature, begin, end),
        cmocka_unit_test(altered_anywhere),
        cmocka_unit_test_setup_teardown(only_now, begin, end),
        cmocka_unit_test_setup_teardown(only_what_was_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(an_ended_provider_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_name_is_taken_for_good, begin, end),
        cmocka_unit_test(the_documents_example),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
