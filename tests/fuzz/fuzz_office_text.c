/* fuzz_office_text.c - the texts that people and machines bring head office: files of meters,
 * customers and orders, prices, certificates, certificate requests, receipts.
 *
 * Input: what it is (enum kind) 1 | its bytes. */
#include <stdio.h>

#include "backend/csv.h"
#include "backend/office_certify.h"
#include "backend/office_import.h"
#include "backend/office_order.h"
#include "backend/office_pki.h"
#include "backend/office_receipt.h"
#include "backend/tariff.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/office.h"

enum kind { CSV, METERS, CUSTOMERS, ORDERS, STEPS, CERTIFICATE, REQUEST, RECEIPT, KINDS };

static char *text_of(struct gf_span bytes)
{
    char *text = malloc(bytes.n + 1);

    FUZZ_INSIST(text != NULL, "no memory");
    memcpy(text, bytes.p, bytes.n);
    text[bytes.n] = '\0';
    return text;
}

static void read_csv(FILE *in)
{
    static const char *const names[] = { "a", "b", "c" };
    static struct csv c;
    struct gf_fail why = { 0 };
    int r = csv_open(&c, in, names, 3, &why);

    while (r >= 0 && (r = csv_next(&c, &why)) == 1)
        for (size_t i = 0; i < 3; i++)
            for (const char *p = c.values[i]; *p != '\0'; p++)
                FUZZ_INSIST((unsigned char)*p >= ' ' && *p != 0x7F, "a control character");
    FUZZ_INSIST((r < 0) == (why.code != 0), "refused without a reason, or taken with one");
}

/* A file, whole or not at all: again it changes nothing. */
static void import(enum kind kind, FILE *in)
{
    static const uint8_t transport_key[HO_KEY_LEN] = { 7, 7, 7 };
    struct office *o = each_office.o;
    struct ho_imported counts;
    struct ho_orders_made made;

    for (int turn = 0; turn < 2; turn++) {
        int r;

        rewind(in);
        o->fail = (struct gf_fail){ 0 };
        if (kind == METERS)
            r = ho_import_meters(o, in, transport_key, NULL, &counts);
        else if (kind == CUSTOMERS)
            r = ho_import_customers(o, in, NULL, &counts);
        else
            r = ho_import_orders(o, in, &made);
        FUZZ_INSIST(r >= 0 || (o->fail.code != 0 && o->fail.where[0] != '\0'),
                    "refused without a place");
        FUZZ_INSIST(r >= 0 || gf_err_row(r)->exit_status != 7, "the database was asked wrongly");
        FUZZ_INSIST(r < 0 || turn == 0 || (kind == ORDERS ? made.added : counts.added) == 0,
                    "the same file again adds something");
        if (r < 0)
            return;
    }
}

static void read_steps(struct gf_span bytes)
{
    char *text = text_of(bytes), again[TARIFF_STEPS_TEXT];
    struct tariff t = { 0 }, second = { 0 };
    struct gf_fail why = { 0 };
    int64_t cost;

    if (tariff_parse_steps(text, &t, &why) != 0) {
        FUZZ_INSIST(why.code != 0, "refused without a reason");
    } else {
        tariff_steps_text(&t, again);
        FUZZ_INSIST(tariff_parse_steps(again, &second, NULL) == 0 && second.n == t.n
                        && memcmp(second.steps, t.steps, t.n * sizeof t.steps[0]) == 0,
                    "steps have another form");
        if (tariff_cost(&t, 0, 12345, &cost) == 0)
            FUZZ_INSIST(cost >= 0 && tariff_litres(&t, 0, cost) >= 12345,
                        "what was paid is not given");
    }
    free(text);
}

static void read_certificate(struct gf_span bytes)
{
    char *text = text_of(bytes);

    FUZZ_INSIST(ho_certificate_check(each_office.o, text, &each_office.o->fail) != 0,
                "a certificate that nobody signed is good");
    free(text);
}

static void read_request(struct gf_span bytes)
{
    char *text = text_of(bytes);
    EVP_PKEY *key = NULL;
    struct gf_fail why = { 0 };

    if (pki_csr_key(text, &key, &why) == 0)
        FUZZ_INSIST(key != NULL && EVP_PKEY_get_bits(key) == 256, "a key of another size");
    else
        FUZZ_INSIST(why.code != 0, "refused without a reason");
    EVP_PKEY_free(key);
    free(text);
}

static int take(struct office *o, void *ctx)
{
    const struct ho_receipt_context from = { .brought_by = "customer C-1001" };
    struct ho_verdict verdict;
    bool is_home = false;
    int r;

    for (int turn = 0; turn < 2; turn++) {
        r = ho_receipt_take(o, *(const struct gf_span *)ctx, &from, &verdict);
        FUZZ_INSIST(r < 0 || !is_home || verdict.kind == sync_VerdictKind_DUPLICATE,
                    "a receipt is taken twice");
        is_home = r >= 0 && verdict.kind == sync_VerdictKind_APPLIED;
        if (!is_home)
            break;
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gf_reader in = { data, size, false };
    enum kind kind = (enum kind)(gf_rd_uint(&in, 1) % KINDS);
    struct gf_span bytes;
    uint8_t *p = fuzz_take(&in, in.left, &bytes.n);
    FILE *file = bytes.n > 0 ? fmemopen(p, bytes.n, "rb") : NULL;

    bytes.p = p;
    (void)fuzz_office();
    each_office.o->fail = (struct gf_fail){ 0 };
    if (kind == CSV && file != NULL)
        read_csv(file);
    else if (kind <= ORDERS && file != NULL)
        import(kind, file);
    else if (kind == STEPS)
        read_steps(bytes);
    else if (kind == CERTIFICATE)
        read_certificate(bytes);
    else if (kind == REQUEST)
        read_request(bytes);
    else if (kind == RECEIPT)
        FUZZ_INSIST(ho_transaction(each_office.o, take, &bytes) >= 0, each_office.o->fail.where);
    if (file != NULL)
        (void)fclose(file);
    fuzz_office_back();
    free(p);
    return 0;
}
