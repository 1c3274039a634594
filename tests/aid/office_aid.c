/* office_aid.c - a head office in a test's process, and enrolment at it; see office_aid.h. */
#include "tests/aid/office_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/pem.h>
#include <sqlite3.h>

#include "backend/office_http.h"
#include "backend/office_pki.h"
#include "backend/office_import.h"
#include "backend/office_register.h"
#include "common/host/real.h"
#include "common/text.h"
#include "meter-core/keys.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/port/openssl/keywrap.h"
#include "tests/aid/pg.h"
#include "tests/aid/proc.h"
#include "tests/aid/secrets.h"

static const uint8_t transport_key[32] = { 7, 7, 7 };

static int64_t oaid_utc(void *ctx)
{
    return ((struct oaid_office *)ctx)->utc_ms;
}

static int64_t oaid_mono(void *ctx)
{
    return ((struct oaid_office *)ctx)->mono_ms;
}

/* ---- the office ---- */

static void open_office(struct oaid_office *a)
{
    struct gf_fail why = { 0 };

    if (office_open(a->dir, &a->ports, &a->o, &why) != 0)
        fail_msg("office_open: %s: %s", why.where, why.detail);
    assert_true(office_set_url(a->o, "https://127.0.0.1:1"));
}

void oaid_shipment_row(const char *id, uint8_t key_byte, char ret[static 200])
{
    uint8_t key[32], wrapped[MC_WRAPPED_LEN];
    char hex[2 * MC_WRAPPED_LEN + 1];

    memset(key, key_byte, sizeof key);
    assert_int_equal(mc_key_wrap(transport_key, key, wrapped), 0);
    gf_hex(wrapped, sizeof wrapped, hex);
    (void)snprintf(ret, 200, "%s,4,1,2026-06-01,02:00:00:00:00:%02X,%s\n", id, key_byte, hex);
}

static int import_text(struct oaid_office *a, const char *text, bool meters)
{
    struct ho_imported counts;
    FILE *in = tmpfile();

    assert_non_null(in);
    assert_int_equal(fwrite(text, 1, strlen(text), in), strlen(text));
    rewind(in);
    a->o->fail = (struct gf_fail){ 0 };

    int r = meters ? ho_import_meters(a->o, in, transport_key, NULL, &counts)
                   : ho_import_customers(a->o, in, NULL, &counts);
    (void)fclose(in);
    return r;
}

int oaid_import_meters(struct oaid_office *a, const char *text)
{
    return import_text(a, text, true);
}

int oaid_import_customers(struct oaid_office *a, const char *text)
{
    return import_text(a, text, false);
}

/* Its tables: made once, then copied. */
static void make_tables(const char *url)
{
    struct gf_fail why = { 0 };
    struct odb *db = NULL;

    if (odb_open(url, true, &db, &why) != 0)
        fail_msg("%s: %s: %s", url, why.where, why.detail);
    (void)odb_close(db);
}

void oaid_office_new(struct oaid_office *a)
{
    static int made;
    static const char *const ids[] = { AID_METER_1, AID_METER_2, AID_METER_3 };
    char text[1024] = "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n", row[200];
    struct gf_fail why = { 0 };

    *a = (struct oaid_office){ .utc_ms = AID_NOW_MS };
    a->clock = (struct gf_clock){ a, oaid_utc, oaid_mono };
    a->ports = (struct office_ports){ &a->clock, gf_real_random(), mc_crypto_openssl() };
    (void)snprintf(a->dir, sizeof a->dir, "%s/office%d", aid_tmpdir(), made++);
    if (getenv("OFFICE_DB") != NULL && strcmp(getenv("OFFICE_DB"), "postgresql") == 0)
        pg_new_copy(make_tables, a->db_url);
    if (office_init_with(a->dir, NULL, 0,
                         &(struct office_setup){ .db = a->db_url[0] != '\0' ? a->db_url : NULL },
                         &a->ports, &why)
        != 0)
        fail_msg("office_init: %s: %s", why.where, why.detail);
    open_office(a);
    assert_int_equal(ho_add_staff(a->o, "S001", "Rosa Lindqvist", "technician"), 0);
    assert_int_equal(ho_add_staff(a->o, "S002", "Omar Haddad", "technician"), 0);
    for (uint8_t i = 0; i < 3; i++) {
        oaid_shipment_row(ids[i], (uint8_t)(i + 1), row);
        (void)strncat(text, row, sizeof text - strlen(text) - 1);
    }
    assert_int_equal(oaid_import_meters(a, text), 0);
    assert_int_equal(
        oaid_import_customers(
            a, "customer_no,name,phone,supply_point,address\n"
               "C-1001,Ada Marchetti,+44 20 7946 0101,SP-0001,\"12 Canal Street, flat 3\"\n"
               "C-1002,Jonas Bergström,+44 20 7946 0102,SP-0002,\"12 Canal Street, flat 4\"\n"
               "C-1003,Mei Tanaka,+44 20 7946 0103,SP-0003,\"7 Foundry Lane, cellar\"\n"),
        0);
}

void oaid_office_end(struct oaid_office *a)
{
    oaid_no_secrets_kept(a);
    a->o = office_close(a->o);
}

void oaid_office_restart(struct oaid_office *a)
{
    oaid_office_end(a);
    open_office(a);
}

void oaid_order(struct oaid_office *a, int meter, char ret[static 32])
{
    static const char *const ids[] = { AID_METER_1, AID_METER_2, AID_METER_3 };
    char point[16];
    struct ho_new_order n = { .meter_id = ids[meter - 1],
                              .supply_point = point,
                              .staff_no = "S001",
                              .priority = 1,
                              .purge_l = 10,
                              .purge_s = 120 };

    (void)snprintf(point, sizeof point, "SP-%04d", meter);
    a->o->fail = (struct gf_fail){ 0 };
    if (ho_order_new(a->o, &n, ret) != 0)
        fail_msg("order: %s: %s", a->o->fail.where, a->o->fail.detail);
}

/* A test may have made the office anew itself, in a file. */
static bool is_on_server(const struct oaid_office *a)
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s/office.db", a->dir);
    return a->db_url[0] != '\0' && access(path, F_OK) != 0;
}

void oaid_needs_file(const struct oaid_office *a)
{
    if (is_on_server(a))
        skip();
}

static sqlite3 *open_behind(struct oaid_office *a)
{
    char path[600];
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof path, "%s/office.db", a->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    return db;
}

void oaid_sql(struct oaid_office *a, const char *sql)
{
    sqlite3 *db;
    char *error = NULL;

    if (is_on_server(a)) {
        pg_sql(a->db_url, sql);
        return;
    }
    db = open_behind(a);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    (void)sqlite3_close(db);
}

int64_t oaid_sql_number(struct oaid_office *a, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt = NULL;
    int64_t n;

    if (is_on_server(a))
        return pg_number(a->db_url, sql);
    db = open_behind(a);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    n = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return n;
}

void oaid_forbid(struct oaid_office *a, const char *what, const char *table)
{
    char sql[200];

    (void)snprintf(sql, sizeof sql, "CREATE TRIGGER stop BEFORE %s ON %s %s", what, table,
                   is_on_server(a) ? "EXECUTE FUNCTION aid.refuse()"
                                   : "BEGIN SELECT RAISE(ABORT, 'no'); END");
    oaid_sql(a, sql);
}

void oaid_allow(struct oaid_office *a, const char *table)
{
    char sql[200];

    (void)snprintf(sql, sizeof sql, "DROP TRIGGER stop%s%s", is_on_server(a) ? " ON " : "",
                   is_on_server(a) ? table : "");
    oaid_sql(a, sql);
}

/* ---- enrolment ---- */

void oaid_csr(const char *curve, char *ret, size_t cap)
{
    EVP_PKEY *key = EVP_EC_gen(curve);
    X509_REQ *csr = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;

    assert_non_null(key);
    assert_int_equal(X509_REQ_set_pubkey(csr, key), 1);
    assert_true(X509_REQ_sign(csr, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509_REQ(bio, csr), 1);

    long n = BIO_get_mem_data(bio, &p);
    assert_true(n > 0 && (size_t)n < cap);
    memcpy(ret, p, (size_t)n);
    ret[n] = '\0';
    (void)BIO_free(bio);
    X509_REQ_free(csr);
    EVP_PKEY_free(key);
}

int oaid_enrol(struct oaid_office *a, const char *code, const char *csr_pem, const char *peer,
               char *ret, size_t cap)
{
    json_t *json = json_pack("{s:s, s:s, s:s}", "code", code, "csr_pem", csr_pem, "name", "laptop");
    char *text = json_dumps(json, 0);
    struct http_request request = { .method = "POST",
                                    .path = "/v1/enrol",
                                    .content_type = "application/json",
                                    .peer = peer,
                                    .identity = "",
                                    .body = { (const uint8_t *)text, strlen(text) } };
    struct http_response response;

    office_handle(a->o, &request, &response);
    oaid_no_secrets(a, "an answer", (struct gf_span){ response.body.p, response.body.n });
    assert_true(response.body.n < cap);
    memcpy(ret, response.body.p, response.body.n);
    ret[response.body.n] = '\0';

    int status = response.status;
    buf_free(&response.body);
    free(text);
    json_decref(json);
    return status;
}

void oaid_laptop_new(struct oaid_laptop *l, struct oaid_office *a, const char *staff_no)
{
    char code[HO_CODE_TEXT], csr[2048], answer[16384];
    json_t *json;

    memset(l, 0, sizeof *l);
    l->a = a;
    assert_int_equal(ho_enrol_code(a->o, staff_no, code), 0);
    oaid_csr("P-256", csr, sizeof csr);
    assert_int_equal(oaid_enrol(a, code, csr, "127.0.0.1", answer, sizeof answer), 200);
    json = json_loads(answer, 0, NULL);
    assert_non_null(json);
    (void)gf_copy(l->id_text, sizeof l->id_text,
                  json_string_value(json_object_get(json, "device_id")));
    assert_int_equal(gf_uuid_parse(l->id_text, l->id), 0);
    json_decref(json);
}

void oaid_start(struct oaid_office *a, struct oaid_laptop *l)
{
    char number[32];

    oaid_office_new(a);
    oaid_order(a, 1, number);
    oaid_laptop_new(l, a, "S001");
    assert_int_equal(oaid_fetch(l), 200);
    assert_int_equal(l->n_jobs, 1);
}
