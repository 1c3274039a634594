/* admin_args.c - reading a command's arguments by its row; see admin.h. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "backend/admin.h"
#include "common/text.h"

/* What every command takes; getopt_long's values begin above all characters. */
enum { ARG_DIR = 256, ARG_PASSPHRASE, ARG_PIN, ARG_JSON, ARG_HELP, ARG_FIRST };

static int usage(const char *where, const char *detail, struct gf_fail *why)
{
    return gf_fail(why, GF_E_USAGE, where, detail);
}

/* The row's options as getopt_long wants them. NULL when out of memory; to be freed. */
static struct option *long_options(const struct admin_command *command)
{
    struct option *list = calloc(command->n_options + 6, sizeof *list);

    if (list == NULL)
        return NULL;
    list[0] = (struct option){ "dir", required_argument, NULL, ARG_DIR };
    list[1] = (struct option){ "passphrase-file", required_argument, NULL, ARG_PASSPHRASE };
    list[2] = (struct option){ "pin-file", required_argument, NULL, ARG_PIN };
    list[3] = (struct option){ "json", no_argument, NULL, ARG_JSON };
    list[4] = (struct option){ "help", no_argument, NULL, ARG_HELP };
    for (size_t i = 0; i < command->n_options; i++) {
        const struct admin_option *o = &command->options[i];

        list[5 + i] = (struct option){ o->name, o->value != NULL ? required_argument : no_argument,
                                       NULL, ARG_FIRST + (int)i };
    }
    return list;
}

static size_t times_given(const struct admin_args *args, const struct admin_option *option)
{
    size_t n = 0;

    for (size_t i = 0; i < args->n_given; i++)
        n += args->given[i].option == option;
    return n;
}

static int take_option(struct admin_args *args, const struct admin_option *option,
                       const char *value, struct gf_fail *why)
{
    size_t max = option->max > 0 ? option->max : 1;

    if (times_given(args, option) == max || args->n_given == ADMIN_WORDS_MAX)
        return usage(option->name, max == 1 ? "this option stands there twice"
                                            : "this option stands there too often", why);
    args->given[args->n_given].option = option;
    args->given[args->n_given++].value = value;
    return 0;
}

/* One thing that getopt_long found; `text` is the argument where it found it. */
static int take(struct admin_args *args, int found, const char *text, struct gf_fail *why)
{
    char letter[] = { '-', (char)optopt, '\0' };

    switch (found) {
    case ARG_DIR:
        args->dir = optarg;
        return 0;
    case ARG_PASSPHRASE:
        args->passphrase_file = optarg;
        return 0;
    case ARG_PIN:
        args->pin_file = optarg;
        return 0;
    case ARG_JSON:
        args->wants_json = true;
        return 0;
    case ARG_HELP:
        args->wants_help = true;
        return 0;
    case ':':
        return usage("value missing behind", text, why);
    case '?':
        if (optopt == 0)
            return usage("there is no option", text, why);
        if (optopt < ARG_DIR)
            return usage("there is no option", letter, why);
        return usage("no value belongs to", text, why);
    default:
        return take_option(args, &args->command->options[found - ARG_FIRST], optarg, why);
    }
}

/* The words that a row names, in turn: *at stands at the next; false after the last. `ret_end` is
 * where it ends. */
static bool next_word(const char **at, const char **ret_end)
{
    *at += strspn(*at, " ");
    *ret_end = *at + strcspn(*at, " ");
    return **at != '\0';
}

static int check_words(const struct admin_args *args, struct gf_fail *why)
{
    const char *at = args->command->words, *end;
    size_t max = 0;
    char name[32];

    for (; next_word(&at, &end); at = end) {
        (void)snprintf(name, sizeof name, "%.*s", (int)(end - at), at);
        if (args->n_words <= max && at[0] != '[')
            return usage("argument missing", name, why);
        max = strstr(name, "...") != NULL ? ADMIN_WORDS_MAX : max + 1;
    }
    if (args->n_words > max)
        return usage("one argument too many", args->words[max], why);
    for (size_t i = 0; i < args->command->n_options; i++) {
        const struct admin_option *o = &args->command->options[i];

        (void)snprintf(name, sizeof name, "--%s", o->name);
        if (o->is_needed && times_given(args, o) == 0)
            return usage("option missing", name, why);
    }
    return 0;
}

int admin_args(const struct admin_command *command, int argc, char **argv, struct admin_args *ret,
               struct gf_fail *why)
{
    struct option *list = long_options(command);
    int found, r = 0;

    *ret = (struct admin_args){ .command = command };
    if (list == NULL)
        return gf_fail(why, GF_E_MEMORY, command->name, "");
    optind = 0; /* from the beginning, in the C library's words */
    opterr = 0;
    while (r == 0 && (found = getopt_long(argc, argv, ":", list, NULL)) != -1)
        r = take(ret, found, argv[optind > 1 ? optind - 1 : 0], why);
    free(list);
    if (r != 0)
        return r;
    for (int i = optind; i < argc; i++) {
        if (ret->n_words == ADMIN_WORDS_MAX)
            return usage("one argument too many", argv[i], why);
        ret->words[ret->n_words++] = argv[i];
    }
    return ret->wants_help ? 0 : check_words(ret, why);
}

/* ---- asking ---- */

size_t admin_values(const struct admin_args *args, const char *name, const char **ret, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < args->n_given && n < cap; i++)
        if (strcmp(args->given[i].option->name, name) == 0)
            ret[n++] = args->given[i].value;
    return n;
}

const char *admin_value(const struct admin_args *args, const char *name)
{
    const char *values[ADMIN_WORDS_MAX];
    size_t n = admin_values(args, name, values, ADMIN_WORDS_MAX);

    return n > 0 ? values[n - 1] : NULL;
}

bool admin_has(const struct admin_args *args, const char *name)
{
    const char *value[1];

    return admin_values(args, name, value, 1) > 0;
}

int admin_number(const char *text, const char *name, int64_t min, int64_t max, int64_t *ret,
                 struct gf_fail *why)
{
    char detail[96];

    if (gf_parse_int(text, min, max, ret) == 0)
        return 0;
    (void)snprintf(detail, sizeof detail, "a number from %lld to %lld is wanted, not %.24s",
                   (long long)min, (long long)max, text);
    return usage(name, detail, why);
}

int admin_int(const struct admin_args *args, const char *name, int64_t without, int64_t min,
              int64_t max, int64_t *ret, struct gf_fail *why)
{
    const char *text = admin_value(args, name);

    if (text != NULL)
        return admin_number(text, name, min, max, ret, why);
    *ret = without;
    return 0;
}

int admin_id(struct admin *a, const struct admin_args *args, uint8_t ret[static GF_UUID_LEN],
             struct gf_fail *why)
{
    const char *text = admin_value(args, "id");
    int r = text != NULL ? gf_uuid_parse(text, ret)
                         : gf_uuid7(a->ports->clock, a->ports->random, ret);

    if (r == 0)
        return 0;
    return text != NULL ? usage("id", "a UUID is wanted", why) : gf_fail(why, r, "id", "");
}

int admin_by(struct admin *a, const struct admin_args *args, const char **ret, struct gf_fail *why)
{
    const char *by = admin_value(args, "by");
    int64_t n = 0;

    *ret = by != NULL ? by : "office";
    if (by == NULL)
        return 0;
    if (odb_number(a->office->db, &n,
                   "SELECT COUNT(*) FROM staff WHERE org_id = ?1 AND staff_no = ?2 AND "
                   "left_at_ms IS NULL",
                   ODB(ODB_T(by)))
        < 0)
        return admin_failed(a, ho_db_fail(a->office), why);
    return n == 1 ? 0 : gf_fail(why, GF_E_FORMAT, "by", "there is no such member of the staff");
}
