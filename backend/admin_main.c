/* admin_main.c - from the command line to a command and back to an exit status; see admin.h. */
#include <getopt.h>
#include <string.h>

#include "backend/admin.h"
#include "common/version.h"

/* What is asked for in the place of a command. */
enum told { TOLD_NOTHING, TOLD_HELP, TOLD_VERSION };

/* What stands before the command. *ret_at is the command's place. 0 or GF_E_USAGE. */
static int read_first(struct admin *a, int argc, char **argv, enum told *ret_told, int *ret_at,
                      struct gf_fail *why)
{
    static const struct option list[] = { { "dir", required_argument, NULL, 'd' },
                                          { "json", no_argument, NULL, 'j' },
                                          { "help", no_argument, NULL, 'h' },
                                          { "version", no_argument, NULL, 'v' },
                                          { NULL, 0, NULL, 0 } };
    int found;

    optind = 0;
    opterr = 0;
    while ((found = getopt_long(argc, argv, "+:", list, NULL)) != -1)
        if (found == 'd')
            a->dir = optarg;
        else if (found == 'j')
            a->json = true;
        else if (found == 'h')
            *ret_told = TOLD_HELP;
        else if (found == 'v')
            *ret_told = TOLD_VERSION;
        else
            return gf_fail(why, GF_E_USAGE,
                           found == ':' ? "value missing behind" : "no option before a command is",
                           argv[optind - 1]);
    *ret_at = optind;
    return 0;
}

static int run(struct admin *a, const struct admin_command *command, int argc, char **argv,
               struct gf_fail *why)
{
    struct admin_args args;
    int r = admin_args(command, argc, argv, &args, why);

    a->json = a->json || args.wants_json;
    if (r == 0 && args.wants_help) {
        admin_help_command(command, a->out);
        return 0;
    }
    if (args.dir != NULL)
        a->dir = args.dir;
    a->secrets.passphrase_file = args.passphrase_file;
    a->secrets.pin_file = args.pin_file;
    if (r == 0 && !command->without_office)
        r = office_open_with(a->dir, &a->secrets, a->ports, &a->office, why);
    if (r == 0)
        r = command->run(a, &args, why);
    a->office = office_close(a->office);
    return r < 0 ? r : 0;
}

/* A word that is no command by itself. */
static int no_command(struct admin *a, int argc, char **argv, bool is_first, struct gf_fail *why)
{
    if (argc == 0)
        return gf_fail(why, GF_E_USAGE, "a command is wanted", "");
    if (is_first && argc > 1 && strcmp(argv[1], "--help") == 0) {
        admin_help_of(argv[0], a->out);
        return 0;
    }
    if (is_first)
        return gf_fail(why, GF_E_USAGE, argv[0],
                       argc > 1 ? "there is no such command" : "what of it? --help lists them");
    return gf_fail(why, GF_E_USAGE, "there is no command", argv[0]);
}

/* A failure as everywhere in the system, or as JSON: one line of it. */
static int tell_failure(const struct admin *a, const struct gf_fail *why)
{
    const struct gf_err_row *row = gf_err_row(why->code);
    bool is_both = why->where[0] != '\0' && why->detail[0] != '\0';

    if (a->json) {
        json_t *doc = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:i}", "error", row->name, "number",
                                -row->code, "message", row->what, "where", why->where, "detail",
                                why->detail, "todo", row->todo, "exit_status", row->exit_status);
        (void)json_dumpf(doc, a->err, JSON_COMPACT);
        json_decref(doc);
        (void)fputc('\n', a->err);
        return row->exit_status;
    }
    (void)fprintf(a->err, "gasoffice: E%03d %s", -row->code, row->what);
    if (why->where[0] != '\0' || why->detail[0] != '\0')
        (void)fprintf(a->err, " (%s%s%s)", why->where, is_both ? ": " : "", why->detail);
    (void)fprintf(a->err, ". To do: %s.\n", row->todo);
    return row->exit_status;
}

/* A later --json counts for a failure in what stands before it. */
static bool has_json(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

int admin_main(struct admin *a, int argc, char **argv)
{
    struct gf_fail why = { 0 };
    enum told told = TOLD_NOTHING;
    int at = 1, words = 0, r;

    a->json = has_json(argc, argv);
    r = read_first(a, argc, argv, &told, &at, &why);
    if (r == 0 && told == TOLD_HELP)
        admin_help(a->out);
    else if (r == 0 && told == TOLD_VERSION)
        (void)fprintf(a->out, "gasoffice %s\n", GF_VERSION);
    else if (r == 0) {
        const struct admin_command *command =
            at < argc ? admin_find(argc - at, argv + at, &words) : NULL;

        if (command != NULL)
            r = run(a, command, argc - at - words + 1, argv + at + words - 1, &why);
        else
            r = no_command(a, argc - at, argv + at, words == 1, &why);
    }
    if (r >= 0 && fflush(a->out) != 0)
        r = gf_fail(&why, GF_E_FILE, "standard output", "cannot be written");
    if (r >= 0)
        return 0;
    (void)gf_fail(&why, r, "", ""); /* a code without words */
    return tell_failure(a, &why);
}
