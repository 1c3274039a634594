/* test_storage_doc.c - docs/storage.md says what is in flash: tables, and a new meter's first
 * records in bytes. GENERATE=1 writes the printed sections anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/crc.h"
#include "meter-core/core.h"
#include "meter-core/logs.h"
#include "tests/aid/document.h"
#include "tests/aid/meter_world.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* ---- record types ---- */

static const struct {
    const char *name, *payload;
} types[] = {
    [MC_RECORD_ERASED] = {"ERASED", "erase cycles of this sector 4"},
    [MC_RECORD_SECTOR] = {"SECTOR", "generation 4, erase cycles 4"},
    [MC_RECORD_COMMIT] = {"COMMIT", "none: the carry-over before it is whole"},
    [MC_RECORD_SNAPSHOT] = {"SNAPSHOT", "entries: all that is not zero, then the counted tickets"},
    [MC_RECORD_KEPT] = {"KEPT", "an operation that was carried over: as OPERATION, without "
                                "entries"},
    [MC_RECORD_OPERATION] = {"OPERATION", "operation id 16, receipt sequence 8, base 8, command 1, "
                                          "content hash 32, answer length 2, answer, log entries, "
                                          "entries"},
    [MC_RECORD_CHANGE] = {"CHANGE", "log entries, entries"},
    [MC_RECORD_INDEX] = {"INDEX", "index_l 8, purged_l 8"},
    [MC_RECORD_TURN] = {"TURN", "none: the next sector is in use from here on"},
    [MC_RECORD_LOG] = {"LOG", "log entries that were carried over"},
};

static void print_types(FILE *f)
{
    fprintf(f, "| type | name | payload |\n|---|---|---|\n");
    for (size_t i = 1; i < COUNT(types); i++) {
        assert_non_null(types[i].name);
        fprintf(f, "| %zu | %s | %s |\n", i, types[i].name, types[i].payload);
    }
}

/* ---- entries: names and meanings from here, tags and widths from what the code writes ---- */

struct row {
    const char *name, *what;
    size_t at, size, count;
    uint8_t tag;                /* found */
};
#define MEMBER(m) (((struct mc_core *)0)->m)
#define ONE(m, what) {#m, what, offsetof(struct mc_core, m), sizeof MEMBER(m), 1, 0}
#define MANY(m, n, what) {#m, what, offsetof(struct mc_core, m), sizeof MEMBER(m)[0], n, 0}

static struct row rows[] = {
    ONE(meter_id, "ASCII"),
    ONE(factory_key, "`K[0]`"),
    ONE(meter_type, "the manufacturer's number"),
    ONE(pulse_l, "litres a pulse: 1 or 10"),
    ONE(life, "LifeState"),
    ONE(active_epoch, "epoch of the key in use; 0: the factory key"),
    ONE(pending_epoch, "installed, not yet active; 0: none"),
    ONE(active_key, "account key of the active epoch"),
    ONE(pending_key, "account key of the pending epoch"),
    ONE(account_no, "of the account, or the last one"),
    ONE(totals.index_l, "everything ever measured"),
    ONE(totals.purged_l, "of it under purge grants"),
    ONE(totals.opening_index_l, "index when the account was opened"),
    ONE(totals.opening_purged_l, "purged volume then"),
    ONE(totals.purchased_l, "ceiling: sold"),
    ONE(totals.imported_l, "ceiling: transferred in"),
    ONE(totals.forgiven_l, "ceiling: debt forgiven"),
    ONE(totals.debited_l, "ceiling: settled downwards"),
    ONE(totals.cleared_l, "removed by zero_clear"),
    ONE(totals.exported_l, "certified away"),
    ONE(receipt_seq, "sequence of the last receipt"),
    ONE(event_seq, "number of the last event"),
    ONE(serial_floor, "staff tickets below it are void"),
    ONE(session_reserved, "session numbers below it may have been used"),
    ONE(starts, "resets so far"),
    ONE(last_hash, "SHA-256 of the last sealed receipt"),
    ONE(clock_was_set, "1: times count"),
    ONE(clock_offset_ms, "UTC less RTC"),
    ONE(floor_s, "the latest time that is certain"),
    ONE(params_were_set, "1: set_parameters was executed"),
    MANY(params, MC_PARAM_COUNT, "parameters; index: id - 1"),
    ONE(grant_open, "1: a purge grant began and its end is not written"),
    ONE(grant_op, "operation id of its purge_start"),
    ONE(grant_l, "litres granted"),
    ONE(grant_s, "seconds granted"),
    ONE(grant_from_l, "purged_l when it began"),
    ONE(grant_serial, "serial of its ticket"),
    ONE(grant_scope, "scope of its ticket, as in 0xF0"),
    ONE(purge_end, "PurgeEnd of the last grant"),
    ONE(purge_end_seq, "its receipt"),
    ONE(purge_flowed_l, "what flowed under it"),
    ONE(purge_elapsed_s, "how long it was"),
    ONE(account_closed, "1: from close_account to the next open_account"),
    ONE(closing_index_l, "index when it was closed"),
    ONE(totals.after_closing_l, "measured since; follows from the two at replay"),
    ONE(token_seq, "of the last token that was taken"),
    ONE(typed_fails, "wrong typed tokens in a row"),
    MANY(cases, MC_CASES, "swap cases that were taken: first 8 bytes of SHA-256(\"gasm case\" \\| "
                          "case)"),
    ONE(firmware, "first 8 bytes of the program's digest that was logged last"),
    ONE(self_tested, "1: the last self_test passed"),
    ONE(locks, "bits of Lock"),
    ONE(day_no, "number of the last gas day's entry"),
    ONE(month_no, "... of the last month's"),
    ONE(purchase_no, "... of the last purchase's"),
    ONE(day, "gas day that runs, + 1; 0: not known"),
    ONE(month, "month that runs, + 1; 0: not known"),
};

static size_t write_core(const struct mc_core *core, uint8_t ret[static MC_REC_MAX])
{
    struct gf_writer w = {ret, MC_REC_MAX, 0, false};

    mc_core_write(&w, NULL, core, false);
    assert_false(w.bad);
    return w.n;
}

/* Let the code write each member by itself. */
static void find_tags(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mc_core core;
        uint8_t bytes[MC_REC_MAX];

        memset(&core, 0, sizeof core);
        memset((uint8_t *)&core + rows[i].at, 1, rows[i].size);
        assert_int_equal(write_core(&core, bytes), 1 + (size_t)(rows[i].count > 1) + rows[i].size);
        rows[i].tag = bytes[0];
    }
}

static const struct row *row_of(uint8_t tag)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].tag == tag)
            return &rows[i];
    fail_msg("the document has no entry with tag %u", tag);
    return NULL;
}

/* Every tag that a full core makes is in the table. */
static void test_every_entry(void **state)
{
    struct mc_core core;
    uint8_t bytes[MC_REC_MAX];
    size_t entries = 0, n, at = 0;

    (void)state;
    find_tags();
    memset(&core, 1, sizeof core);
    for (n = write_core(&core, bytes); at < n; entries++) {
        const struct row *row = row_of(bytes[at]);

        at += 1 + (size_t)(row->count > 1) + row->size;
    }
    assert_int_equal(entries, COUNT(rows) - 2 + MC_PARAM_COUNT + MC_CASES);
}

static void print_entries(FILE *f)
{
    find_tags();
    fprintf(f, "| tag | bytes | name | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        fprintf(f, "| %u | %s%zu | `%s` | %s |\n", rows[i].tag, rows[i].count > 1 ? "1 + " : "",
                rows[i].size, rows[i].name, rows[i].what);
    }
    fprintf(f, "| 0xF0 | 25 | a counted ticket | place 1 (0 to %d), serial 8, scope 4, uses 4, "
               "purged_l 4, not_after_s 4 |\n",
            MC_COUNTED - 1);
}

/* ---- logs ---- */

static void print_logs(FILE *f)
{
    fprintf(f, "| tag | log | bytes after the number | entries kept |\n|---|---|---|---|\n");
#define X(name, tag, size, keep, last) \
    fprintf(f, "| 0x%X | " #name " | %d | %d |\n", tag, size, keep);
    MC_LOG_TABLE(X)
#undef X
}

static void print_numbers(FILE *f)
{
    fprintf(f, "| what | value |\n|---|---|\n"
               "| slot: records begin at multiples of it | %d |\n"
               "| header, before the payload | %d |\n"
               "| largest record | %d |\n"
               "| smallest sector | %u |\n"
               "| an INDEX record takes | %u |\n"
               "| a mark without payload takes | %u |\n"
               "| operations kept | %d |\n"
               "| bytes of logs that a turn carries over, at most | %d |\n",
            MC_JOURNAL_SLOT, MC_JOURNAL_HEAD, MC_REC_MAX, MC_JOURNAL_SECTOR_MIN,
            mc_journal_cost(16), mc_journal_cost(0), MC_OPS_KEPT, MC_LOG_BYTES);
}

/* ---- a new meter in bytes ---- */

static void explain_number(FILE *f, const char *name, const uint8_t *p, size_t n)
{
    struct gf_reader r = {p, n, false};
    int64_t v = (int64_t)gf_rd_uint(&r, n);

    fprintf(f, "    %s %lld\n", name, (long long)v);
}

static void explain_log(FILE *f, const uint8_t *p)
{
    struct gf_reader r = {p + 1, 4 + 22, false};
    unsigned no = (unsigned)gf_rd_uint(&r, 4), code = (unsigned)gf_rd_uint(&r, 1);
    long long at_s = (long long)gf_rd_uint(&r, 5), a = (long long)gf_rd_uint(&r, 8);

    assert_int_equal(p[0], 0xF1);
    fprintf(f, "    event %u: code %u, at %lld, a %lld, b %lld\n", no, code, at_s, a,
            (long long)gf_rd_uint(&r, 8));
}

static void explain_entries(FILE *f, const uint8_t *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        if (mc_log_size(p[at]) > 0) {
            explain_log(f, p + at);
            at += MC_LOG_HEAD + mc_log_size(p[at]);
            continue;
        }

        const struct row *row = row_of(p[at]);
        size_t head = 1 + (size_t)(row->count > 1);
        char name[64];

        snprintf(name, sizeof name, row->count > 1 ? "tag %u %s[%u]" : "tag %u %s", p[at],
                 row->name, p[at + 1]);
        if (row->size > 8)
            fprintf(f, "    %s, %zu bytes\n", name, row->size);
        else
            explain_number(f, name, p + at + head, row->size);
        at += head + row->size;
    }
}

/* The record at an offset, checked by what the document says of records. Its size. */
static size_t explain_record(FILE *f, const uint8_t *flash, size_t at)
{
    struct gf_reader r = {flash + at, 12, false};
    unsigned sequence = (unsigned)gf_rd_uint(&r, 4), type = (unsigned)gf_rd_uint(&r, 1);
    size_t len, total;

    assert_int_equal(gf_rd_uint(&r, 1), 0);
    len = (size_t)gf_rd_uint(&r, 2);
    total = (12 + len + 4 + 15) / 16 * 16;
    assert_int_equal(gf_rd_uint(&r, 4), gf_crc32(0, flash + at, 8));
    r = (struct gf_reader){flash + at + total - 4, 4, false};
    assert_int_equal(gf_rd_uint(&r, 4), gf_crc32(0, flash + at, total - 4));
    assert_true(type < COUNT(types));
    fprintf(f, "%05zx  %s, sequence %u, payload %zu\n", at, types[type].name, sequence, len);
    if (type == MC_RECORD_ERASED || type == MC_RECORD_SECTOR)
        for (size_t i = 0; i < len; i += 4)
            explain_number(f, i + 4 < len ? "generation" : "erase cycles", flash + at + 12 + i, 4);
    if (type == MC_RECORD_SNAPSHOT || type == MC_RECORD_CHANGE)
        explain_entries(f, flash + at + 12, len);
    aid_document_dump(f, flash, at, total);
    fputc('\n', f);
    return total;
}

static void print_example(FILE *f)
{
    static const uint8_t fence[MC_JOURNAL_SLOT];
    struct aid_world *w = aid_world_new_flash(5, 1, MC_JOURNAL_SECTOR_MIN, 2, 4);
    size_t at = 0, end = w->meter->journal.pos;

    find_tags();
    assert_int_equal(w->meter->journal.sector, 0);
    fprintf(f, "```\n");
    while (at < end) {
        if (w->flash.bytes[at] == 0xFF) {
            fprintf(f, "%05zx  erased: the slot that a start leaves alone\n\n", at);
            at += MC_JOURNAL_SLOT;
        } else if (memcmp(w->flash.bytes + at, fence, sizeof fence) == 0) {
            fprintf(f, "%05zx  fence: one slot of zeroes, before what a start copies\n\n", at);
            at += MC_JOURNAL_SLOT;
        } else {
            at += explain_record(f, w->flash.bytes, at);
        }
    }
    fprintf(f, "%05zx  erased, up to %05x; there the second sector:\n\n", end,
            w->flash.sector_size);
    (void)explain_record(f, w->flash.bytes, w->flash.sector_size);
    fprintf(f, "```\n");
    aid_world_free(w);
}

static void test_document(void **state)
{
    static const struct aid_section sections[] = {
        {"types", print_types},     {"entries", print_entries}, {"logs", print_logs},
        {"example", print_example}, {"numbers", print_numbers},
    };

    (void)state;
    aid_document_settle("docs/storage.md", sections, COUNT(sections));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_entry),
        cmocka_unit_test(test_document),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
