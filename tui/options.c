/* options.c - gasfitter's command line: the tables of its commands and options; see program.h. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/host/man.h"
#include "tui/exits.h"
#include "tui/meter.h"
#include "tui/program.h"

static const struct command commands[] = {
    {"", "", 0, NEEDS_STORE | NEEDS_WORLD_SYNC | NEEDS_WORLD_RADIO, "the app on this terminal",
     command_app, NULL},
    {"enrol", "URL CODE", 2, NEEDS_STORE,
     "make this laptop known to head office, with the one-time code", command_enrol, NULL},
    {"sync", "", 0, NEEDS_STORE | NEEDS_WORLD_SYNC,
     "bring records home and fetch what changed, once", command_sync, NULL},
    {"jobs", "", 0, NEEDS_STORE, "print the worklist", command_jobs, NULL},
    {"outbox", "", 0, NEEDS_STORE, "print the records for head office, newest first",
     command_outbox, NULL},
    {"scan", "", 0, NEEDS_STORE | NEEDS_WORLD_SYNC,
     "read a meter's label with the camera, and print its open jobs", command_scan, NULL},
    {"certificate", "--job ID", 0, NEEDS_STORE, "print a job's certificate and its signature",
     command_certificate, NULL},
    {"run", "PROCEDURE --job ID", 1, NEEDS_STORE | NEEDS_WORLD_SYNC | NEEDS_WORLD_RADIO,
     "run a procedure without a person; killed or stopped, the same call goes on", command_run,
     NULL},
    {"meter", "COMMAND [ARGUMENT...]", -1, NEEDS_STORE | NEEDS_WORLD_SYNC | NEEDS_WORLD_RADIO,
     "talk to one meter, command by command", command_meter, meter_help},
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

/* One option: where its value goes in struct options. */
static const struct {
    const char *name, *value, *help;
    size_t at;
} options[] = {
#define TEXT(name, value, field, help) {name, value, help, offsetof(struct options, field)}
    TEXT("data", "DIR", data, "folder of the database; $XDG_DATA_HOME/gasfitter"),
    TEXT("passphrase-file", "FILE", passphrase_file,
         "its first line is the passphrase; else it is asked"),
    TEXT("bus", "ADDRESS", bus, "D-Bus with BlueZ; $DBUS_SYSTEM_BUS_ADDRESS, else the system bus"),
    TEXT("adapter", "ADDRESS", adapter, "Bluetooth adapter; the first that can"),
    TEXT("clock-rate", "N", clock_rate,
         "waits run N times faster, for tests against programs with the same rate"),
    TEXT("trace", "FILE", trace, "write what went over the link to a file for Wireshark, at the end"),
    TEXT("camera", "DEVICE", camera, "camera to scan with; the first that is found"),
    TEXT("plain", NULL, plain, "line mode: no cursor addressing, no colour"),
    TEXT("no-color", NULL, no_color, "no colours, as with NO_COLOR in the environment"),
    TEXT("ascii", NULL, ascii, "draw with ASCII characters only"),
    TEXT("job", "ID", job, "the job, like J-0001"),
    TEXT("image", "PNG", image, "run, meter: a picture of the meter's label"),
    TEXT("label", "TEXT", label, "run, meter: the text of the meter's label"),
    TEXT("answers", "FILE", answers, "run: lines \"question = answer\""),
    TEXT("meter", "ID", meter, "meter: which one, like GM2400000156"),
    TEXT("confirm", "COMMAND,...", confirm, "meter: the dangerous commands that are meant"),
    TEXT("json", NULL, json, "meter: print JSON, one document a line; failures too"),
    TEXT("version", NULL, version, "print the version"),
    TEXT("help", NULL, help, "print this, or the help of a command"),
#undef TEXT
};
#define N_OPTIONS (sizeof options / sizeof options[0])

static void print_command(const struct command *c)
{
    (void)printf(
        "  gasfitter %s%s%-*s %s\n", c->name,
        c->name[0] != '\0' && c->arguments[0] != '\0' ? " " : "",
        (int)(28 - strlen(c->name) - (c->name[0] != '\0' && c->arguments[0] != '\0' ? 1 : 0)),
        c->arguments, c->help);
}

/* The commands in the form of a man page's section. */
static void man_commands(FILE *out)
{
    char head[160];

    for (size_t i = 0; i < N_COMMANDS; i++) {
        (void)snprintf(head, sizeof head, "gasfitter%s%s%s%s",
                       commands[i].name[0] != '\0' ? " " : "", commands[i].name,
                       commands[i].arguments[0] != '\0' ? " " : "", commands[i].arguments);
        man_row(out, head, commands[i].help);
    }
}

static void man_options(FILE *out)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        man_option(out, options[i].name, options[i].value, options[i].help, "");
}

void program_man(enum program_man part, FILE *out)
{
    if (part == PROGRAM_MAN_COMMANDS)
        man_commands(out);
    else
        man_options(out);
}

void program_help(const struct command *only)
{
    char name[32];

    (void)printf("gasfitter - commission prepaid gas meters\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (only == NULL || only == &commands[i] || only->name[0] == '\0')
            print_command(&commands[i]);
    (void)printf("\n");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        (void)snprintf(name, sizeof name, "%s %s", options[i].name,
                       options[i].value != NULL ? options[i].value : "");
        (void)printf("  --%-22s %s\n", name, options[i].help);
    }
    if (only != NULL && only->more != NULL) {
        (void)printf("\n");
        only->more(stdout);
    }
    (void)printf("\n");
    exits_print_short(stdout);
}

int program_parse(struct program *p, int argc, char **argv, const struct command **ret_cmd,
                  struct gf_fail *why)
{
    struct option longs[N_OPTIONS + 1] = {{0}};
    const char *name;
    int at = 0, c;

    for (size_t i = 0; i < N_OPTIONS; i++)
        longs[i] = (struct option){
            options[i].name, options[i].value != NULL ? required_argument : no_argument, NULL, 0};
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", longs, &at)) == 0) {
        char *field = (char *)&p->opt + options[at].at;
        const char *value = optarg;
        bool yes = true;

        if (options[at].value != NULL)
            memcpy(field, &value, sizeof value);
        else
            memcpy(field, &yes, sizeof yes);
    }
    if (c != -1)
        return gf_fail(why, GF_E_USAGE, "option", argv[optind - 1]);
    name = optind < argc ? argv[optind++] : "";
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            *ret_cmd = &commands[i];
    if (*ret_cmd == NULL)
        return gf_fail(why, GF_E_USAGE, "command", name);
    p->args = (const char *const *)(argv + optind);
    p->n_args = (size_t)(argc - optind);
    if (!p->opt.help && ((*ret_cmd)->n_args < 0 ? p->n_args == 0
                                                : argc - optind != (*ret_cmd)->n_args))
        return gf_fail(why, GF_E_USAGE, (*ret_cmd)->name, "another number of arguments is wanted");
    return 0;
}
