/* seeds_office.c - seeds_office DIR: where the fuzzing of head office begins, a folder for each
 * target. */
#include "meter-core/pb.h"
#include "tests/fuzz/office.h"
#include "tests/fuzz/seed.h"

static const char *root;

static void keep(const char *target, const uint8_t *head, size_t head_n, const void *p, size_t n)
{
    static uint8_t bytes[65536];

    FUZZ_INSIST(head_n + n <= sizeof bytes, "a seed is too long");
    memcpy(bytes, head, head_n);
    memcpy(bytes + head_n, p, n);
    fuzz_write_seed(root, target, "seed", bytes, head_n + n);
}

static void keep_text(const char *target, uint8_t kind, const char *text)
{
    keep(target, &kind, 1, text, strlen(text));
}

/* ---- a laptop's records ---- */

/* Records as fuzz_office_sync.c takes them. */
static struct gf_writer records(uint8_t *p, size_t cap)
{
    struct gf_writer w = { p, cap, 0, false };

    gf_wr_uint(&w, 1, 1);
    return w;
}

static void add(struct gf_writer *w, const sync_Item *item)
{
    uint8_t bytes[sync_Item_size];
    int n = mc_pb_encode(sync_Item_fields, item, bytes, sizeof bytes);

    FUZZ_INSIST(n > 0, "no record");
    gf_wr_uint(w, (uint64_t)n, 2);
    gf_wr(w, bytes, (size_t)n);
}

static void sync_seeds(void)
{
    static struct oaid_laptop laptop;
    static uint8_t seed[32768];
    sync_Job job = fuzz_laptop()->jobs[0];
    sync_Application a = oaid_application_of(&job);
    const sync_Item items[] = { oaid_application(&job, &a), oaid_step(&job, "scan"),
                                oaid_done(&job, "unable", 0), oaid_done(&job, "done", 9) };
    struct oaid_meter meter;
    uint8_t receipt[AID_RECEIPT_MAX];
    struct gf_writer all = records(seed, sizeof seed);

    for (size_t i = 0; i < 4; i++) {
        sync_Item item = items[i];
        uint8_t alone[2048];
        struct gf_writer w = records(alone, sizeof alone);

        memset(item.id, (int)i + 1, sizeof item.id);
        add(&w, &item);
        keep("fuzz_office_sync", w.p, w.n, "", 0);
        if (i != 2)
            add(&all, &item);
        laptop = *fuzz_laptop();
        oaid_begin(&laptop);
        oaid_add(&laptop, &item);
        keep("fuzz_office_sync", (const uint8_t *)"", 1, laptop.body, laptop.body_n);
    }
    laptop = *fuzz_laptop();
    oaid_meter_new(&meter, 1, &laptop);
    for (int i = 0; i < 3; i++) {
        size_t n = oaid_execute(&meter, gasm_Command_SET_CLOCK, 0, receipt);
        sync_Item item = oaid_receipt_item(&job, receipt, n);

        memset(item.id, 0x40 + i, sizeof item.id);
        add(&all, &item);
        keep("fuzz_office_text", (const uint8_t *)"\x07", 1, receipt, n);
    }
    FUZZ_INSIST(!all.bad, "a seed is too long");
    keep("fuzz_office_sync", all.p, all.n, "", 0);
}

/* ---- texts ---- */

static void text_seeds(void)
{
    static char csr[2048], meters[512];
    static const char head[] = "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n";

    (void)snprintf(meters, sizeof meters, "%s", head);
    oaid_shipment_row("GM2400000447", 9, meters + strlen(meters));
    oaid_csr("P-256", csr, sizeof csr);
    keep_text("fuzz_office_text", 0, "a,b,c\n1,\"x,\"\"y\"\"\",3\r\n");
    keep_text("fuzz_office_text", 1, meters);
    keep_text("fuzz_office_text", 2,
              "customer_no,name,phone,supply_point,address\nC-2001,Ada,+44 20,SP-2001,\"12 Canal, "
              "flat 3\"\nC-2002,Jonas Bergström,,SP-2002,x\n");
    keep_text("fuzz_office_text", 3,
              "number,kind,meter_id,old_meter_id,supply_point,staff_no,due,priority,parameters,"
              "note\nA-1,account-opening,GM2400000253,,SP-0002,S001,2026-11-30,5,7=5000;8=0,ring\n"
              "A-2,inspection,GM2400000156,,,,,,,\n");
    keep_text("fuzz_office_text", 4, "0=850;500000=1200;900000=7");
    keep_text("fuzz_office_text", 5, "certificate\nmeter: GM2400000156\nsignature: 304502aa\n");
    keep_text("fuzz_office_text", 6, csr);
}

/* ---- what is asked ---- */

static void api_seeds(void)
{
    static const char payment[] = "{\"payment_id\":\"00000000-0000-7000-8000-000000000001\","
                                  "\"account_no\":1001,\"amount_minor\":1000,\"currency\":"
                                  "\"EUR\",\"provider\":\"demo\"}";
    static const char *const bodies[] = {
        "{\"customer_no\":\"C-9\",\"name\":\"Ada\",\"phone\":\"\"}",
        "{\"login\":\"ada\",\"password\":\"correct horse\"}",
        payment,
        "{\"steps\":[{\"from_l\":0,\"milli_per_l\":850}],\"valid_from\":\"2026-11-22\"}",
        "[[[[{\"a\":[1,-0.5e3,true,null,\"\\u00e9\\\"\"]}]]]]",
    };
    static const char hook[] = "{\"event_id\":\"E\",\"payment_id\":\"00000000-0000-7000-8000-"
                               "000000000001\",\"provider_ref\":\"R\",\"amount_minor\":1000,"
                               "\"currency\":\"EUR\",\"status\":\"paid\"}";
    static const char header[] = "t=1795339800,v1=00112233445566778899aabbccddeeff00112233445566778"
                                 "899aabbccddeeff\n{}";

    for (uint8_t route = 0; route < 128; route++)
        for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
            keep("fuzz_office_api", (uint8_t[]){ 0, route, 9 }, 3, bodies[i], strlen(bodies[i]));
            keep("fuzz_office_api", (uint8_t[]){ 1, route, 9 }, 3, bodies[i], strlen(bodies[i]));
        }
    for (uint8_t route = 0; route < 128; route++)
        keep("fuzz_office_api", (uint8_t[]){ 2, route, 9 }, 3, "after=a%2d&limit=5", 18);
    keep("fuzz_office_api", (uint8_t[]){ 3, 10, 9 }, 3, "/v1/customers/C%2d1001", 22);
    keep("fuzz_office_api", (uint8_t[]){ 4, 0, 0 }, 3, header, strlen(header));
    keep("fuzz_office_api", (uint8_t[]){ 5, 0, 0 }, 3, hook, strlen(hook));
}

static void http_seeds(void)
{
    static const char two[] =
        "POST /v1/customer/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\n\r\n{}GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char chunks[] =
        "POST /v1/enrol?a=b HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: "
        "application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n";
    static const char whole[] =
        "GET http://a/v1/customer/meters HTTP/1.0\r\nAuthorization: Bearer 00\r\nGasm-Signature: "
        "t=1,v1=0\r\nExpect: 100-continue\r\n x: y\r\n\r\n";
    static const char *const texts[] = { two, chunks, whole };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        keep("fuzz_office_http", (const uint8_t *)"", 0, texts[i], strlen(texts[i]));
}

static void backup_seeds(void)
{
    keep("fuzz_office_backup", (const uint8_t *)"", 0, "\0\1\0\4abcd", 8);
    keep("fuzz_office_backup", (const uint8_t *)"", 0, "\xFFSQLite format 3\0", 17);
    for (uint8_t page = 0; page < 60; page++)
        keep("fuzz_office_backup", (uint8_t[]){ 0, (uint8_t)(page << 4), page / 16 }, 3, "\2ab", 3);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: seeds_office DIR\n");
        return 2;
    }
    root = argv[1];
    sync_seeds();
    text_seeds();
    api_seeds();
    http_seeds();
    backup_seeds();
    return 0;
}
