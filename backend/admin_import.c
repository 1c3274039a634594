/* admin_import.c - importing files of meters and of customers; see admin.h. */
#include <string.h>

#include "backend/admin.h"
#include "backend/office_import.h"
#include "common/bytes.h"

static bool tell(void *ctx, uint64_t rows)
{
    return admin_watch_tell(ctx, (int64_t)rows);
}

static int answer(struct admin *a, const struct ho_imported *counts, struct gf_fail *why)
{
    if (a->json)
        return admin_json(a,
                          json_pack("{s:I, s:I, s:I}", "added", (json_int_t)counts->added,
                                    "changed", (json_int_t)counts->changed, "same",
                                    (json_int_t)counts->same),
                          why);
    (void)fprintf(a->out, "%u added, %u changed, %u the same\n", counts->added, counts->changed,
                  counts->same);
    return 0;
}

/* Open a file, import it, say what was done. */
static int import_file(struct admin *a, const char *path, const uint8_t *transport_key,
                       struct gf_fail *why)
{
    struct admin_watch watch = { 0 };
    const struct ho_progress progress = { &watch, tell };
    struct ho_imported counts;
    FILE *in = NULL;
    int r = admin_watch(&watch, a, "rows", 0, why);

    if (r == 0)
        r = admin_open(&watch, path, &in, why);
    if (r == 0)
        r = admin_failed(a,
                         transport_key != NULL
                             ? ho_import_meters(a->office, in, transport_key, &progress, &counts)
                             : ho_import_customers(a->office, in, &progress, &counts),
                         why);
    admin_watch_end(&watch);
    if (in != NULL)
        (void)fclose(in); /* was only read */
    return r == 0 ? answer(a, &counts, why) : r;
}

static const struct admin_option meters_options[] = {
    { "transport-key", "KEYFILE", "64 hex digits: what the manufacturer wrapped the keys with", 0,
      true },
};

static int run_import_meters(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    uint8_t key[HO_KEY_LEN];
    int r = admin_key_file(admin_value(args, "transport-key"), "transport key", key, why);

    if (r == 0)
        r = import_file(a, args->words[0], key, why);
    gf_wipe(key, sizeof key);
    return r;
}

static int run_import_customers(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    return import_file(a, args->words[0], NULL, why);
}

#define WHOLE                                                                                      \
    "FILE is - for standard input. A file is taken whole or not at all; an error names line and "  \
    "column. Each row is checked by itself before anything is written. Then a database of SQLite " \
    "takes no other change until all rows are in it, some ten thousand a second."

static const struct admin_command commands[] = {
    { .name = "import-meters",
      .words = "FILE",
      .what = "register a manufacturer's shipment",
      .more = WHOLE,
      ADMIN_OPTIONS(meters_options),
      .run = run_import_meters },
    { .name = "import-customers",
      .words = "FILE",
      .what = "register customers and their supply points",
      .more = WHOLE,
      .run = run_import_customers },
};

const struct admin_group admin_group_imports = ADMIN_GROUP("Imports", commands);
