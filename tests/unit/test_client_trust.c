/* test_client_trust.c - what the office client checks before it is made, and the signatures it
 * verifies. */
#include "backend/client/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "common/ids.h"
#include "tests/aid/store_tls.h"

#define DEVICE "01890a5d-ac96-774b-bcce-b302099a8057"

static struct tls_id ca, device, sign, other_ca, other_device, other_sign;

static int make_ids(void **state)
{
    (void)state;
    tls_id_make(&ca, "Office CA", NULL, true, NULL);
    tls_id_make(&device, DEVICE, &ca, false, NULL);
    tls_id_make(&sign, "sign", &ca, false, NULL);
    tls_id_make(&other_ca, "Office CA", NULL, true, NULL);
    tls_id_make(&other_device, DEVICE, &other_ca, false, NULL);
    tls_id_make(&other_sign, "sign", &other_ca, false, NULL);
    return 0;
}

static int free_ids(void **state)
{
    struct tls_id *all[] = {&ca, &device, &sign, &other_ca, &other_device, &other_sign};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tls_id_free(all[i]);
    return 0;
}

static struct office_client_config config(const char *url)
{
    return (struct office_client_config){.url = url,
                                         .ca_pem = ca.cert_pem,
                                         .cert_pem = device.cert_pem,
                                         .key_pem = device.key_pem,
                                         .sign_pem = sign.cert_pem,
                                         .device_id = DEVICE,
                                         .user_agent = "gasfitter/test"};
}

static void a_client_that_cannot_work_is_not_made(void **state)
{
    struct gf_fail why;
    static const char *const urls[] = {"http://office:1",
                                       "office:1",
                                       "https://",
                                       "https://o/path",
                                       "https://o?x=1",
                                       "https://o#x",
                                       "https://u:p@o:1",
                                       "ftp://o",
                                       "https://o:99999",
                                       "HTTPS//o",
                                       ""};

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct office_client_config cfg = config(urls[i]);

        why = (struct gf_fail){0};
        if (office_client_new(&cfg, &why) != NULL || why.code != GF_E_FORMAT)
            fail_msg("url \"%s\": %d", urls[i], why.code);
    }
    for (int bad = 0; bad < 9; bad++) {
        struct office_client_config cfg = config("https://office:8443/");
        int wanted = GF_E_OFFICE_TLS;

        switch (bad) {
        case 0: cfg.ca_pem = "no certificate"; break;
        case 1: cfg.ca_pem = other_ca.cert_pem; break;
        case 2: cfg.cert_pem = ""; break;
        case 3: cfg.cert_pem = other_device.cert_pem; cfg.key_pem = other_device.key_pem; break;
        case 4: cfg.key_pem = other_device.key_pem; break;
        case 5: cfg.key_pem = device.cert_pem; break;
        case 6: cfg.sign_pem = other_sign.cert_pem; break;
        case 7: cfg.sign_pem = ""; break;
        default: cfg.device_id = "not a uuid"; wanted = GF_E_FORMAT; break;
        }
        why = (struct gf_fail){0};
        if (office_client_new(&cfg, &why) != NULL || why.code != wanted || why.detail[0] == '\0')
            fail_msg("case %d: %d %s", bad, why.code, why.detail);
    }
    struct office_client_config cfg = config("https://office:8443/");
    struct office_client *c = office_client_new(&cfg, NULL);
    uint8_t id[16], wanted[16];
    assert_non_null(c);
    office_client_port(c)->device_id(office_client_port(c)->ctx, id);
    assert_int_equal(gf_uuid_parse(DEVICE, wanted), 0);
    assert_memory_equal(id, wanted, 16);
    assert_null(office_client_free(c));
    assert_null(office_client_free(NULL));
}

static size_t sign_with(EVP_PKEY *key, const uint8_t *msg, size_t n, uint8_t sig[static 80])
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    size_t len = 80;

    assert_int_equal(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(c, sig, &len, msg, n), 1);
    EVP_MD_CTX_free(c);
    return len;
}

/* Every bit of message and signature counts. */
static void acknowledgements_are_verified(void **state)
{
    struct office_client_config cfg = config("https://office:8443");
    struct office_client *c = office_client_new(&cfg, NULL);
    const struct office_port *port = office_client_port(c);
    uint8_t msg[40] = "gasm ack and so on", sig[80], foreign[80];
    size_t n = sign_with(sign.key, msg, sizeof msg, sig),
           m = sign_with(device.key, msg, sizeof msg, foreign);

    (void)state;
    assert_int_equal(port->verify(port->ctx, msg, sizeof msg, sig, n), 0);
    for (size_t bit = 0; bit < 8 * sizeof msg; bit++) {
        msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(port->verify(port->ctx, msg, sizeof msg, sig, n), GF_E_ACK_BAD);
        msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * n; bit++) {
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(port->verify(port->ctx, msg, sizeof msg, sig, n), GF_E_ACK_BAD);
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(port->verify(port->ctx, msg, sizeof msg, sig, cut), GF_E_ACK_BAD);
    for (size_t cut = 0; cut < sizeof msg; cut++)
        assert_int_equal(port->verify(port->ctx, msg, cut, sig, n), GF_E_ACK_BAD);
    assert_int_equal(port->verify(port->ctx, msg, sizeof msg, foreign, m), GF_E_ACK_BAD);
    assert_int_equal(port->verify(port->ctx, msg, sizeof msg, sig, 1000), GF_E_ACK_BAD);
    assert_int_equal(port->verify(port->ctx, msg, sizeof msg, sig, n), 0);
    assert_null(office_client_free(c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_cannot_work_is_not_made),
        cmocka_unit_test(acknowledgements_are_verified),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_ids, free_ids);
}
