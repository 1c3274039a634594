/* fuzz_office_sync.c - a laptop's request to synchronise, as bytes, or as records that stand
 * rightly in its chain and say whatever they say.
 *
 * Input: how 1 (even: a body as it is) | bytes: the body, or records, each of a length (LE16). */
#include "backend/office_sync.h"
#include "meter-core/pb.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/office.h"

static struct oaid_laptop laptop;

static int send_body(const uint8_t *p, size_t n)
{
    const struct http_request request = { .method = "POST",
                                          .path = "/v1/sync",
                                          .content_type = "application/x-protobuf",
                                          .peer = "192.0.2.9",
                                          .identity = laptop.id_text,
                                          .is_mutual = true,
                                          .body = { p, n } };
    struct http_response response;

    office_handle(each_office.o, &request, &response);
    int status = response.status;
    if (status >= 500)
        (void)fprintf(stderr, "%.*s\n", (int)response.body.n, (const char *)response.body.p);
    FUZZ_INSIST(status == 200 || status == 400, "neither taken nor refused");
    buf_free(&response.body);
    return status;
}

/* Items in the laptop's own hand: those that can be decoded get their number and their place in the
 * chain, others go as they are. */
static void add_records(struct gf_reader *in)
{
    static sync_Item item;

    for (unsigned i = 0; i < 16 && in->left > 2; i++) {
        size_t n = (size_t)gf_rd_uint(in, 2) % 1200, len;
        uint8_t *p = fuzz_take(in, n, &len);

        if (mc_pb_decode(sync_Item_fields, (struct gf_span){ p, len }, &item) == 0)
            oaid_add(&laptop, &item);
        else if (len > 0)
            oaid_add_bytes(&laptop, p, len);
        free(p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gf_reader in = { data, size, false };
    unsigned how = (unsigned)gf_rd_uint(&in, 1);
    size_t n;

    laptop = *fuzz_laptop();
    if (how % 2 == 0) {
        uint8_t *p = fuzz_take(&in, in.left, &n);

        (void)send_body(p, n);
        free(p);
    } else {
        oaid_begin(&laptop);
        add_records(&in);
        FUZZ_INSIST(send_body(laptop.body, laptop.body_n) == 200, "a stream in order is refused");
        FUZZ_INSIST(send_body(laptop.body, laptop.body_n) == 200, "the same again is refused");
    }
    fuzz_office_back();
    return 0;
}
