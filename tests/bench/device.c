/* device.c - a device of the staff, in a file; see device.h. */
#include "tests/bench/device.h"

#include <stdio.h>

#include <jansson.h>
#include <openssl/pem.h>

#include "backend/office_http.h"
#include "tests/bench/bench.h"

void bench_device(struct oaid_office *office, const char *staff_no, const char *path,
                  char ret[static GF_UUID_TEXT])
{
    static char csr[4096], answer[16384];
    char code[HO_CODE_TEXT];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *request = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    FILE *out;
    char *p = NULL;

    bench_need(X509_REQ_set_pubkey(request, key) == 1
                   && X509_REQ_sign(request, key, EVP_sha256()) > 0
                   && PEM_write_bio_X509_REQ(bio, request) == 1,
               "a certificate request");
    long n = BIO_get_mem_data(bio, &p);
    (void)snprintf(csr, sizeof csr, "%.*s", (int)n, p);
    bench_need(ho_enrol_code(office->o, staff_no, code) == 0, "a code");
    bench_need(oaid_enrol(office, code, csr, "127.0.0.1", answer, sizeof answer) == 200, answer);

    json_t *json = json_loads(answer, 0, NULL);
    out = fopen(path, "we");
    bench_need(out != NULL && json != NULL, path);
    (void)fputs(json_string_value(json_object_get(json, "cert_pem")), out);
    bench_need(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1, path);
    (void)fclose(out);
    (void)snprintf(ret, GF_UUID_TEXT, "%s", json_string_value(json_object_get(json, "device_id")));
    json_decref(json);
    (void)BIO_free(bio);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}
