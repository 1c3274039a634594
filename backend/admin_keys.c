/* admin_keys.c - the commands about keys at rest; see admin.h and keys.h. */
#include "backend/admin_keys.h"

#include <inttypes.h>

int admin_keys_source(const struct admin *a, const struct admin_args *args, const char *kind,
                      struct keys_source *ret, struct gf_fail *why)
{
    int64_t work = 0;
    int r = admin_int(args, "work", 0, 14, 22, &work, why);

    *ret = a->secrets;
    ret->work = (unsigned)work;
    ret->module = admin_value(args, "module");
    ret->token = admin_value(args, "token");
    ret->object = admin_value(args, "object");
    return r == 0 ? keys_kind_parse(kind, &ret->kind, why) : r;
}

/* ---- rotate-master-key ---- */

static const struct admin_option rotate_options[] = {
    { "to", "KIND", "where the new one is kept: file, passphrase or pkcs11; file", 0, false },
    { "new-passphrase-file", "FILE", "the new passphrase; asked for at the terminal unless said", 0,
      false },
    { "new-pin-file", "FILE", "the PIN of the new token; as for the present one unless said", 0,
      false },
    { "continue", NULL, "go on with re-sealing that was stopped: no new master key is made", 0,
      false },
    ADMIN_KEYS_OPTIONS,
};

struct telling {
    struct admin_watch watch;
    int64_t done;
};

static bool tell(void *ctx, int64_t done, int64_t all)
{
    struct telling *t = ctx;

    t->done = done;
    t->watch.all = all;
    return admin_watch_tell(&t->watch, done);
}

static int rotate(struct admin *a, const struct admin_args *args,
                  const struct keys_progress *progress, struct gf_fail *why)
{
    const char *to = admin_value(args, "to"), *file = admin_value(args, "new-passphrase-file"),
               *pin = admin_value(args, "new-pin-file");
    struct keys_source source;
    int r;

    if (admin_has(args, "continue"))
        return admin_failed(a, keys_rotate_rest(a->office, progress), why);
    r = admin_keys_source(a, args, to != NULL ? to : "file", &source, why);
    if (r != 0)
        return r;
    source.passphrase_file = file != NULL ? file : "";
    if (pin != NULL)
        source.pin_file = pin;
    return admin_failed(a, keys_rotate(a->office, &source, progress), why);
}

static int run_rotate(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct telling t = { 0 };
    const struct keys_progress progress = { &t, tell };
    int r = admin_watch(&t.watch, a, "keys", 0, why);

    if (r == 0)
        r = rotate(a, args, &progress, why);
    admin_watch_end(&t.watch);
    if (r != 0)
        return r;
    if (a->json)
        return admin_json(a, json_pack("{s:I}", "resealed", (json_int_t)t.done), why);
    (void)fprintf(a->out, "%" PRId64 " keys re-sealed\n", t.done);
    return 0;
}

static const struct admin_command commands[] = {
    { .name = "rotate-master-key",
      .words = "",
      .what = "a new master key, and every key sealed anew under it",
      .more =
          "The service goes on meanwhile. The old master key opens nothing from the begin on, so "
          "a backup made before needs the old one. Stopped in the middle, --continue does the "
          "rest. Before a rotation to a new passphrase put it beside the present one's file as "
          "FILE.new: the service looks there too.",
      ADMIN_OPTIONS(rotate_options),
      .run = run_rotate },
};

const struct admin_group admin_group_keys = ADMIN_GROUP("Keys", commands);
