/* seeds.c - writes the seeds of every fuzz target, made of real messages and real flash, to
 * DIR/<target>/. `tests/t-fuzz.sh corpus` merges them into the corpus. */
#include "common/crc.h"
#include "meter-core/journal.h"
#include "meter-core/pb.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/message_samples.h"
#include "tests/aid/session_pair.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/image.h"
#include "tests/fuzz/seed.h"

#define SEED_MAX 65536

static const char *root;
static uint8_t seed[SEED_MAX];

static struct gf_writer begin(void)
{
    return (struct gf_writer){seed, sizeof seed, 0, false};
}

static void write_seed(const char *target, const char *name, const struct gf_writer *w)
{
    FUZZ_INSIST(!w->bad, "a seed is too long");
    fuzz_write_seed(root, target, name, w->p, w->n);
}

static void keep(const char *target, const struct gf_writer *w)
{
    write_seed(target, "seed", w);
}

/* ---- frame ---- */

/* A message in fragments, as a peer would send it; `lost` does not arrive at first. */
static void frame_stream(size_t n, uint16_t limit, unsigned lost)
{
    static uint8_t msg[MC_MESSAGE_MAX];
    uint8_t frag[MC_FRAGMENT_MAX];
    struct mc_pipe p;
    struct gf_writer w = begin();
    size_t len;

    mc_pipe_reset(&p, 3, limit, 64);
    FUZZ_INSIST(mc_pipe_send(&p, msg, n) == 0, "not sent");
    gf_wr_uint(&w, 3, 1);
    gf_wr_uint(&w, 0, 1);
    gf_wr_uint(&w, 8, 1);
    for (unsigned i = 0; (len = mc_pipe_next(&p, frag, sizeof frag)) > 0; i++) {
        if (i == lost)
            continue;
        gf_wr_uint(&w, len < 0xFD ? len : 0xFD, 1);
        if (len >= 0xFD)
            gf_wr_uint(&w, len, 2);
        gf_wr(&w, frag, len);
    }
    gf_wr(&w, "\xFE\x40\x00\x04\x23\x00\x00\x08\xFF\x04\x33\x00\x00\x08", 14);
    keep("fuzz_frame", &w);
}

/* Requests of n bytes over a link on which every step-th fragment has another fate. */
static void frame_link(uint16_t n, uint8_t fate, unsigned every)
{
    struct gf_writer w = begin();

    gf_wr(&w, "\x85\x00\x08", 3);
    for (unsigned i = 0; i < 3; i++) {
        gf_wr_uint(&w, 0, 1);
        gf_wr_uint(&w, n, 2);
        for (unsigned k = 1; k < 90; k++) {
            unsigned to = k % 2 == 0 ? 0 : 0x80;

            gf_wr_uint(&w, to | (k % every == 0 ? fate : 0x70u), 1);
        }
        gf_wr(&w, "\x80\xF0\x70\x80\xF0\xF0\x70\x70", 8);
    }
    keep("fuzz_frame", &w);
}

/* Fragments that belong together, of a message longer than any may be. */
static void frame_too_long(void)
{
    static uint8_t frag[MC_FRAGMENT_MAX];
    struct gf_writer w = begin();

    gf_wr(&w, "\x03\xFF\x08", 3);
    for (uint8_t seq = 0; seq < 4; seq++) {
        memset(frag, 0, sizeof frag);
        memcpy(frag, seq == 0 ? "\xA3\x00\x00\x08\xE8\x07" : "\x03", seq == 0 ? 6 : 1);
        frag[1] = seq;
        gf_wr_uint(&w, 0xFD, 1);
        gf_wr_uint(&w, sizeof frag, 2);
        gf_wr(&w, frag, sizeof frag);
    }
    write_seed("fuzz_frame", "kept", &w);
}

static void frame_seeds(void)
{
    frame_too_long();
    frame_stream(0, 20, 99);
    frame_stream(12, 20, 99);
    frame_stream(100, 20, 99);
    frame_stream(100, 20, 2);
    frame_stream(1400, 509, 99);
    frame_stream(1400, 509, 1);
    for (uint8_t fate = 1; fate < 4; fate++) {
        frame_link(5, (uint8_t)(fate << 4), 5);
        frame_link(90, (uint8_t)(fate << 4 | 1), 7);
        frame_link(900, (uint8_t)(fate << 4 | 2), 3);
    }
}

/* ---- messages ---- */

static void put_message(struct gf_writer *w, const uint8_t *p, size_t n, unsigned wait)
{
    gf_wr_uint(w, n | (size_t)wait << 11, 2);
    gf_wr(w, p, n);
}

static void message_seeds(void)
{
    static uint8_t bytes[AID_SAMPLE_MAX];
    static struct aid_pair pair;
    size_t count, n;
    struct gf_writer w;

    (void)aid_requests(&count);
    for (unsigned moment = 0; moment < AID_MOMENTS; moment++) {
        struct aid_still *s = aid_still_new((enum aid_moment)moment);

        for (size_t i = 0; i < count; i++) {
            w = begin();
            gf_wr_uint(&w, moment, 1);
            n = aid_request_bytes(s->w, i, bytes);
            put_message(&w, bytes, n, 0);
            put_message(&w, bytes, n, 1);       /* again: its answer again */
            n = aid_request_bytes(s->w, (i + 1) % count, bytes);
            put_message(&w, bytes, n, 9);
            keep("fuzz_message", &w);
        }
        aid_still_free(s);
    }
    aid_pair_begin(&pair);
    w = begin();
    gf_wr_uint(&w, AID_MOMENTS, 1);
    put_message(&w, pair.hello.p, pair.hello.n, 0);
    put_message(&w, pair.hello.p, pair.hello.n, 8);
    keep("fuzz_message", &w);
}

static void stranger_seeds(void)
{
    static uint8_t msg[MC_MESSAGE_MAX];
    gasm_Ticket tickets[] = {aid_world_ticket(1, 9001), aid_world_ticket(0, 9002),
                             aid_world_ticket(2, 9003)};
    struct aid_random state = {.state = 5};
    struct gf_random random = aid_random_port(&state);

    for (size_t i = 0; i < 3; i++) {
        struct aid_pass pass = aid_world_pass_of(&tickets[i]);
        struct mc_session session;
        struct gf_writer w = begin();
        int n = mc_client_hello(&session, &random, (struct gf_span){pass.ticket, pass.ticket_n},
                                pass.key, (const uint8_t *)"run id 16 bytes", msg, sizeof msg);

        FUZZ_INSIST(n > 0, "no hello");
        gf_wr_uint(&w, AID_MOMENTS, 1);
        put_message(&w, msg, (size_t)n, 0);
        memset(msg, 0x5C, 120);
        msg[0] = MC_KIND_FIRST;
        put_message(&w, msg, 120, 0);
        put_message(&w, msg, 1, 31);
        keep("fuzz_message", &w);
    }
}

/* ---- what a client hears, tickets and their like ---- */

static void keep_kind(const char *target, unsigned kind, const uint8_t *p, size_t n)
{
    struct gf_writer w = begin();

    gf_wr_uint(&w, kind, 1);
    gf_wr(&w, p, n);
    keep(target, &w);
}

static void answer_seeds(void)
{
    static struct aid_pair pair;
    uint8_t ctl[MC_CTL_LEN];
    const struct mc_ctl shown = {.version = 1,
                                 .life_state = 5,
                                 .active_epoch = 1,
                                 .fragment_limit = 244,
                                 .credits = 8,
                                 .fragment_epoch = 2,
                                 .meter_id = AID_METER_ID};
    static const uint8_t refusal[] = {MC_KIND_REFUSAL, 8, 5, 16, 4, 24, 9};

    aid_pair_establish(&pair);
    keep_kind("fuzz_answer", 0, pair.welcome.p, pair.welcome.n);
    keep_kind("fuzz_answer", 0, refusal, sizeof refusal);
    aid_pair_exchange(&pair, 1, true);
    keep_kind("fuzz_answer", 1, pair.answer.p, pair.answer.n);
    keep_kind("fuzz_answer", 1, refusal, sizeof refusal);
    keep_kind("fuzz_answer", 3, pair.request.p, pair.request.n);
    aid_pair_ask(&pair, 2);
    keep_kind("fuzz_answer", 3, pair.request.p, pair.request.n);
    mc_ctl_encode(&shown, ctl);
    keep_kind("fuzz_answer", 4, ctl, sizeof ctl);
    keep_kind("fuzz_answer", 5, (const uint8_t *)"\x01\x05\xF4\x00\x08", 5);
}

/* Samples of the messages that a target takes as they are. */
static void sample_seeds(void)
{
    static const struct {
        const char *message, *target;
        unsigned kind;
    } takes[] = {{"Response", "fuzz_answer", 2},
                 {"Ticket", "fuzz_ticket", 0},
                 {"KeyEnvelope", "fuzz_ticket", 1},
                 {"SealedReceipt", "fuzz_ticket", 2},
                 {"SealedToken", "fuzz_token", 0},
                 {"Token", "fuzz_token", 1},
                 {"SwapTerms", "fuzz_token", 3},
                 {"SwapKey", "fuzz_token", 4},
                 {"SealedCertificate", "fuzz_token", 5}};
    static union aid_any msg;
    static uint8_t bytes[AID_SAMPLE_MAX];
    size_t rows;
    const struct aid_message_row *row = aid_messages(&rows);

    for (size_t i = 0; i < rows; i++)
        for (size_t t = 0; t < sizeof takes / sizeof takes[0]; t++)
            for (unsigned member = 0;
                 strcmp(row[i].name, takes[t].message) == 0 && aid_fill(&row[i], member, &msg);
                 member++)
                keep_kind(takes[t].target, takes[t].kind, bytes, aid_encode(&row[i], &msg, bytes));
}

/* Tickets that are good, and a receipt that a meter made. */
static void ticket_seeds(void)
{
    struct aid_still *s = aid_still_new(AID_AT_SERVICE);
    static gasm_Response answer;
    uint8_t bytes[AID_SAMPLE_MAX];
    bool later;

    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        gasm_Ticket t = aid_world_ticket(epoch, 9001);
        struct aid_pass pass = aid_world_pass_of(&t);

        keep_kind("fuzz_ticket", 0, pass.ticket, pass.ticket_n);
        keep_kind("fuzz_ticket", 1, bytes, aid_world_envelope(epoch + 1, epoch, bytes));
    }
    for (size_t i = 0; i < 9; i++) {
        size_t n = aid_request_bytes(s->w, i, bytes);

        FUZZ_INSIST(aid_still_ask(s, (struct gf_span){bytes, n}, &answer, &later) == NULL, "asked");
        if (answer.receipt.size > 0)
            keep_kind("fuzz_ticket", 2, answer.receipt.bytes, answer.receipt.size);
        aid_still_back(s);
    }
    aid_still_free(s);
}

/* Tokens, and what a swap needs. */
static void token_seeds(void)
{
    struct aid_still *s = aid_still_new(AID_AT_SERVICE);
    struct aid_swap swap = aid_still_swap(true);
    gasm_Token token = aid_token(4097, 123456);
    uint8_t bytes[AID_SAMPLE_MAX];
    char digits[MC_TYPED_TEXT];
    int n = mc_pb_encode(gasm_Token_fields, &token, bytes, sizeof bytes);

    FUZZ_INSIST(n > 0, "no token");
    keep_kind("fuzz_token", 1, bytes, (size_t)n);
    keep_kind("fuzz_token", 0, bytes, aid_world_token(s->w, &token, bytes));
    aid_world_digits(s->w, &token, digits);
    keep_kind("fuzz_token", 2, (const uint8_t *)digits, MC_TYPED_DIGITS);
    memmove(digits + 6, digits + 5, 8);
    digits[5] = '-';
    keep_kind("fuzz_token", 2, (const uint8_t *)digits, MC_TYPED_DIGITS);
    keep_kind("fuzz_token", 3, swap.bytes, swap.n);
    keep_kind("fuzz_token", 4, bytes, aid_swap_sealed(&swap, 1, bytes));
    keep_kind("fuzz_token", 5, swap.certificate, swap.certificate_n);
    aid_still_free(s);
}

/* ---- flash ---- */

/* Length of the payload of the record that stands here; -1 when there is none. */
static int record_at(const uint8_t *p, size_t left)
{
    struct gf_reader r = {p + 6, 6, false};
    size_t len = (size_t)gf_rd_uint(&r, 2);

    if (left < MC_JOURNAL_SLOT || (uint32_t)gf_rd_uint(&r, 4) != gf_crc32(0, p, 8) ||
        mc_journal_cost(len) > left)
        return -1;
    return (int)len;
}

static void put_sector(struct gf_writer *w, const uint8_t *p, size_t size, unsigned sector)
{
    gf_wr_uint(w, IMAGE_SEEK, 1);
    gf_wr_uint(w, sector, 1);
    gf_wr_uint(w, 0, 2);
    for (size_t at = 0; at < size && w->n < 7000;) {
        int len = record_at(p + at, size - at);

        if (len < 0) {
            /* skip up to the next record; an erased rest is nobody's */
            if (at + MC_JOURNAL_SLOT < size && record_at(p + at + 16, size - at - 16) >= 0)
                gf_wr_uint(w, 4, 1);
            at += MC_JOURNAL_SLOT;
            continue;
        }
        gf_wr_uint(w, IMAGE_RECORD, 1);
        gf_wr(w, p + at + 4, 1);
        gf_wr_uint(w, IMAGE_SEQUENCE, 1);
        gf_wr_uint(w, (uint64_t)len, 2);
        gf_wr(w, p + at, 4);
        gf_wr(w, p + at + MC_JOURNAL_HEAD, (size_t)len);
        at += mc_journal_cost((size_t)len);
    }
}

static void keep_image(const struct aid_world *w, uint8_t geometry, uint8_t how)
{
    const struct aid_flash *f = &w->flash;
    struct gf_writer out = begin();

    gf_wr_uint(&out, geometry, 1);
    gf_wr_uint(&out, how, 1);
    for (unsigned i = 0; i < 2; i++)
        put_sector(&out, f->bytes + (size_t)i * f->sector_size, f->sector_size, i);
    keep("fuzz_journal", &out);
}

/* An entry that no meter writes: `byte` all through, but for the last. Tags as core.c has
 * them. */
struct forged {
    uint8_t tag, len, byte, last;
};

/* A change with it behind a journal that a meter did write, whose clock was set. */
static void keep_forged(const struct aid_world *w, const struct forged *f)
{
    struct gf_writer out = begin();

    gf_wr_uint(&out, 0x10, 1);
    gf_wr_uint(&out, 0xD1, 1);
    put_sector(&out, w->flash.bytes, w->flash.sector_size, 0);
    gf_wr(&out, (uint8_t[]){IMAGE_RECORD, MC_RECORD_CHANGE, 0}, 3);
    gf_wr_uint(&out, 3 + f->len, 2);
    gf_wr(&out, (uint8_t[]){28, 1, f->tag}, 3);
    for (size_t i = 1; i < f->len; i++)
        gf_wr_uint(&out, f->byte, 1);
    gf_wr_uint(&out, f->last, 1);
    write_seed("fuzz_journal", "kept", &out);
}

/* Near the end of its sector, a journal whose records are nearly at the end of their numbers. */
static void keep_numbered(const struct aid_world *w, uint32_t sequence)
{
    struct gf_writer out = begin();

    gf_wr_uint(&out, 0x10, 1);
    gf_wr_uint(&out, 0xD1, 1);
    put_sector(&out, w->flash.bytes, w->flash.sector_size, 0);
    gf_wr(&out, (uint8_t[]){IMAGE_SEEK, 0, 0xE8, 0x01, IMAGE_RECORD, MC_RECORD_COMMIT,
                            IMAGE_SEQUENCE, 0, 0}, 9);
    gf_wr_uint(&out, sequence, 4);
    write_seed("fuzz_journal", "kept", &out);
}

static void forged_seeds(void)
{
    static const struct forged forged[] = {
        {4, 4, 0, 0},           /* pulse_l */
        {5, 1, 0, 0},           /* life */
        {5, 1, 0, 0x7F},
        {12, 8, 0xFF, 0xFF},    /* index_l */
        {22, 8, 0xFF, 0xFF},    /* receipt_seq */
        {23, 8, 0xFF, 0xFF},    /* event_seq */
        {26, 8, 0xFF, 0xFF},    /* starts */
        {29, 8, 0xFF, 0x7F},    /* clock_offset_ms */
        {29, 8, 0, 0x80},
        {30, 8, 0xFF, 0x7F},    /* floor_s */
        {32, 9, 3, 0x7F},       /* params[3] */
        {33, 1, 0, 0x7F},       /* grant_open */
        {44, 1, 0, 0x7F},       /* account_closed */
    };
    struct aid_still *s = aid_still_new(AID_AT_FACTORY);

    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++)
        keep_forged(s->w, &forged[i]);
    keep_numbered(s->w, 0xFFFFFFFD);
    keep_numbered(s->w, 0x7FFFFFFD);
    aid_still_free(s);
}

static void journal_seeds(void)
{
    forged_seeds();
    for (unsigned moment = 0; moment < AID_MOMENTS; moment++) {
        struct aid_still *s = aid_still_new((enum aid_moment)moment);

        keep_image(s->w, (uint8_t)(0x10 + moment),
                   (uint8_t)((moment % 2 != 0 ? 0xD0 : 0x50) + moment % 5));
        if (moment == AID_AT_SERVICE)
            keep_image(s->w, 0xFF, 0xD1);
        aid_still_free(s);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: seeds DIR\n");
        return 2;
    }
    root = argv[1];
    frame_seeds();
    message_seeds();
    stranger_seeds();
    answer_seeds();
    sample_seeds();
    ticket_seeds();
    token_seeds();
    journal_seeds();
    return 0;
}
