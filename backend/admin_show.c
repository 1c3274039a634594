/* admin_show.c - the commands that only read: registers as tables or JSON, and the audit's report;
 * see admin.h. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "backend/admin.h"
#include "backend/office_audit.h"
#include "backend/office_certify.h"
#include "backend/office_words.h"
#include "common/host/real.h"
#include "common/text.h"

/* ---- registers ---- */

/* How a column's value is shown. */
enum shown { TEXT, NUMBER, HEX, UUID, UTC_MS, UTC_S, LIFE, COMMAND };

struct column {
    const char *name; /* NULL ends the list */
    enum shown shown;
};

#define COLUMNS_MAX 12
#define CERTIFICATE_FILE_MAX 8192

static const struct register_view {
    const char *name, *sql;
    struct column columns[COLUMNS_MAX + 1];
} views[] = {
    { "meters",
      "SELECT meter_id, type, pulse_l, verification_date, bt_address, life_state, active_epoch, "
      "account_no, last_seq FROM meter WHERE org_id = ?1 ORDER BY meter_id",
      { { "meter_id", TEXT },
        { "type", NUMBER },
        { "pulse_l", NUMBER },
        { "verified", TEXT },
        { "bt_address", TEXT },
        { "state", LIFE },
        { "key_epoch", NUMBER },
        { "account_no", NUMBER },
        { "receipts", NUMBER },
        { NULL, TEXT } } },
    { "orders",
      "SELECT w.number, w.kind, w.state, w.meter_id, w.supply_point, w.customer_no, w.staff_no, "
      "w.account_no, w.due, w.code, COALESCE(c.number, '') FROM work_order w LEFT JOIN certificate "
      "c ON c.org_id = w.org_id AND c.order_id = w.order_id WHERE w.org_id = ?1 ORDER BY w.number",
      { { "number", TEXT },
        { "kind", TEXT },
        { "state", TEXT },
        { "meter_id", TEXT },
        { "supply_point", TEXT },
        { "customer_no", TEXT },
        { "staff", TEXT },
        { "account_no", NUMBER },
        { "due", TEXT },
        { "code", TEXT },
        { "certificate", TEXT },
        { NULL, TEXT } } },
    { "receipts",
      "SELECT r.meter_id, r.seq, r.command, r.life_state, r.account_no, r.key_epoch, CASE WHEN "
      "r.clock_valid = 1 THEN r.at_s END, r.flowed_l, r.ticket_serial, r.gap, w.number, r.hash "
      "FROM receipt r JOIN work_order w ON w.org_id = r.org_id AND w.order_id = r.order_id WHERE "
      "r.org_id = ?1 ORDER BY r.meter_id, r.seq",
      { { "meter_id", TEXT },
        { "seq", NUMBER },
        { "command", COMMAND },
        { "state", LIFE },
        { "account_no", NUMBER },
        { "key_epoch", NUMBER },
        { "at", UTC_S },
        { "purged_l", NUMBER },
        { "ticket", NUMBER },
        { "gap", NUMBER },
        { "order", TEXT },
        { "hash", HEX },
        { NULL, TEXT } } },
    { "accounts",
      "SELECT account_no, state, customer_no, supply_point, meter_id, opened_at_s, opened_seq FROM "
      "account WHERE org_id = ?1 ORDER BY account_no",
      { { "account_no", NUMBER },
        { "state", TEXT },
        { "customer_no", TEXT },
        { "supply_point", TEXT },
        { "meter_id", TEXT },
        { "opened", UTC_S },
        { "receipt", NUMBER },
        { NULL, TEXT } } },
    { "devices",
      "SELECT device_id, staff_no, name, enrolled_at_ms, revoked_at_ms, seen_at_ms, chain_seq, "
      "claimed_seq, version FROM device WHERE org_id = ?1 ORDER BY enrolled_at_ms",
      { { "device_id", UUID },
        { "staff", TEXT },
        { "name", TEXT },
        { "enrolled", UTC_MS },
        { "revoked", UTC_MS },
        { "seen", UTC_MS },
        { "records", NUMBER },
        { "claimed", NUMBER },
        { "version", TEXT },
        { NULL, TEXT } } },
};

#define CELL_MAX 256

/* One value in words. */
static void show_cell(struct odb_query *q, int i, enum shown shown, char ret[static CELL_MAX])
{
    struct gf_span bytes;

    ret[0] = '\0';
    if (odb_is_null(q, i))
        return;
    switch (shown) {
    case TEXT:
        odb_text(q, i, ret, CELL_MAX);
        break;
    case NUMBER:
        (void)gf_dec(odb_int(q, i), ret);
        break;
    case HEX:
        bytes = odb_bytes(q, i);
        gf_hex(bytes.p, bytes.n < CELL_MAX / 2 ? bytes.n : CELL_MAX / 2 - 1, ret);
        break;
    case UUID:
        bytes = odb_bytes(q, i);
        if (bytes.n == GF_UUID_LEN)
            gf_uuid_text(bytes.p, ret);
        break;
    case UTC_MS:
    case UTC_S:
        gf_utc_text(shown == UTC_S ? odb_int(q, i) : odb_int(q, i) / 1000, ret);
        break;
    case LIFE:
        (void)gf_copy(ret, CELL_MAX, ho_life_word(odb_int(q, i)));
        break;
    case COMMAND:
        (void)gf_copy(ret, CELL_MAX, ho_command_word(odb_int(q, i)));
        break;
    }
}

/* A row of JSON in one line, so that line tools can read it too. */
static bool print_json_row(struct odb_query *q, const struct register_view *view, FILE *out)
{
    json_t *row = json_object();
    char cell[CELL_MAX], *text;

    for (int i = 0; view->columns[i].name != NULL; i++) {
        show_cell(q, i, view->columns[i].shown, cell);
        json_object_set_new(row, view->columns[i].name,
                            odb_is_null(q, i)                  ? json_null()
                            : view->columns[i].shown == NUMBER ? json_integer(odb_int(q, i))
                                                               : json_string(cell));
    }
    text = json_dumps(row, 0);
    json_decref(row);
    if (text == NULL)
        return false;
    (void)fputs(text, out);
    free(text);
    return true;
}

static void print_text_row(struct odb_query *q, const struct register_view *view, FILE *out)
{
    char cell[CELL_MAX];

    for (int i = 0; view->columns[i].name != NULL; i++) {
        show_cell(q, i, view->columns[i].shown, cell);
        (void)fprintf(out, "%s%s", i > 0 ? "\t" : "", cell[0] != '\0' ? cell : "-");
    }
    (void)fputc('\n', out);
}

static int print_register(struct admin *a, const struct register_view *view, bool as_json,
                          struct gf_fail *why)
{
    struct odb_query *q = odb_query(a->office->db, view->sql, ODB_NONE);
    int r, n = 0;

    for (int i = 0; !as_json && view->columns[i].name != NULL; i++)
        (void)fprintf(a->out, "%s%s", i > 0 ? "\t" : "", view->columns[i].name);
    (void)fputs(as_json ? "[" : "\n", a->out);
    while ((r = odb_next(a->office->db, q)) == 1) {
        if (!as_json)
            print_text_row(q, view, a->out);
        else {
            (void)fputs(n > 0 ? ",\n " : "\n ", a->out);
            if (!print_json_row(q, view, a->out)) {
                odb_end(q);
                return gf_fail(why, GF_E_MEMORY, "show", "");
            }
        }
        n++;
    }
    odb_end(q);
    if (as_json)
        (void)fputs("\n]\n", a->out);
    return r < 0 ? odb_fail(a->office->db, why) : 0;
}

static int run_show(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (strcmp(views[i].name, args->words[0]) == 0)
            return print_register(a, &views[i], a->json, why);
    return gf_fail(why, GF_E_USAGE, "there is no register", args->words[0]);
}

/* ---- audit ---- */

/* Texts that stand one after the other, each with its NUL. */
static json_t *json_texts(const struct buf *texts)
{
    json_t *list = json_array();

    for (size_t at = 0; at < texts->n; at += strlen((const char *)texts->p + at) + 1)
        json_array_append_new(list, json_string((const char *)texts->p + at));
    return list;
}

static int print_audit_json(const struct ho_audit *audit, uint64_t broken, FILE *out)
{
    json_t *list = json_array();
    int r;

    for (size_t i = 0; i < HO_STATEMENTS; i++) {
        const struct ho_finding *f = &audit->of[i];

        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:o, s:o}", "statement",
                                        ho_statement_text((enum ho_statement)i), "checked",
                                        (json_int_t)f->checked, "broken", json_texts(&f->broken),
                                        "notes", json_texts(&f->notes)));
    }
    json_t *all = json_pack("{s:b, s:o}", "clean", broken == 0, "statements", list);
    r = json_dumpf(all, out, JSON_INDENT(1));
    json_decref(all);
    (void)fputc('\n', out);
    return r;
}

static void print_texts(const struct buf *texts, const char *mark, FILE *out)
{
    for (size_t at = 0; at < texts->n; at += strlen((const char *)texts->p + at) + 1)
        (void)fprintf(out, "  %s %s\n", mark, (const char *)texts->p + at);
}

static void print_audit(const struct ho_audit *audit, uint64_t broken, FILE *out)
{
    for (size_t i = 0; i < HO_STATEMENTS; i++) {
        const struct ho_finding *f = &audit->of[i];

        (void)fprintf(out, "%-6s %6llu  %s\n", f->n_broken == 0 ? "holds" : "BROKEN",
                      (unsigned long long)f->checked, ho_statement_text((enum ho_statement)i));
        print_texts(&f->broken, "broken:", out);
        print_texts(&f->notes, "note:", out);
    }
    if (broken == 0)
        (void)fputs("audit: clean\n", out);
    else
        (void)fprintf(out, "audit: %llu broken\n", (unsigned long long)broken);
}

static int run_audit(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct ho_audit audit;
    uint64_t broken = 0;
    char detail[40];
    int r = ho_audit_run(a->office, &audit);

    (void)args; /* has none */
    for (size_t i = 0; i < HO_STATEMENTS; i++)
        broken += audit.of[i].n_broken;
    if (r != 0)
        (void)gf_fail(why, r, a->office->fail.where, a->office->fail.detail);
    else if (!a->json)
        print_audit(&audit, broken, a->out);
    else if (print_audit_json(&audit, broken, a->out) != 0)
        r = gf_fail(why, GF_E_MEMORY, "audit", "");
    ho_audit_free(&audit);
    if (r != 0 || broken == 0)
        return r;
    (void)snprintf(detail, sizeof detail, "%llu broken", (unsigned long long)broken);
    return gf_fail(why, GF_E_AUDIT, "audit", detail);
}

/* ---- certificates ---- */

static int run_verify_certificate(struct admin *a, const struct admin_args *args,
                                  struct gf_fail *why)
{
    char text[CERTIFICATE_FILE_MAX];
    int n = gf_file_read(args->words[0], (uint8_t *)text, sizeof text - 1, why);

    if (n < 0)
        return n;
    text[n] = '\0';

    int r = ho_certificate_check(a->office, text, why);
    if (r == 0 && a->json)
        return admin_json(a, json_pack("{s:b}", "valid", true), why);
    if (r == 0)
        (void)fprintf(a->out, "%.*s: signed by this head office, unchanged\n",
                      (int)strcspn(text, "\n"), text);
    return r;
}

static const struct admin_command commands[] = {
    { .name = "show",
      .words = "REGISTER",
      .what = "list a register: meters, orders, receipts, accounts, devices",
      .run = run_show },
    { .name = "audit",
      .words = "",
      .what = "prove what the records can prove",
      .run = run_audit },
    { .name = "verify-certificate",
      .words = "FILE",
      .what = "check a certificate as gasfitter printed it",
      .run = run_verify_certificate },
};

const struct admin_group admin_group_proofs = ADMIN_GROUP("Reading and proving", commands);
