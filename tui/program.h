/* program.h - gasfitter's real parts and its options, as the commands use them; made in main.c
 * only. */
#ifndef GF_TUI_PROGRAM_H
#define GF_TUI_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "backend/client/client.h"
#include "bt/central.h"
#include "db/db.h"
#include "tui/env.h"

/* What the command line says; NULL or false when it does not. */
struct options {
    const char *data, *passphrase_file, *bus, *adapter, *clock_rate, *camera, *trace;
    bool plain, no_color, ascii, help, version, json;
    const char *job, *image, *label, *answers, *meter, *confirm;
};

struct program {
    struct options opt;
    const char *const *args;            /* behind the command's name */
    size_t n_args;
    struct db *db;
    struct office_client *office;
    struct bt_central *bt;
    struct field_ports ports;
    struct tui_env env;
    struct gf_source work, signals;
    int stop;
};

/* A command: one row of the table in options.c. */
enum { NEEDS_STORE = 1, NEEDS_WORLD_SYNC = 2, NEEDS_WORLD_RADIO = 4 };
struct command {
    const char *name;                   /* "" for the app itself */
    const char *arguments;              /* as usage shows them */
    int n_args;                         /* -1: one or more */
    unsigned needs;                     /* of the above, or-ed; opened before fn is called */
    const char *help;                   /* a sentence without its stop */
    int (*fn)(struct program *p, struct gf_fail *why);
    void (*more)(FILE *out);            /* printed behind its help; NULL: nothing */
};

/* options.c. Read the command line into p->opt and p->args; *ret_cmd is the row of the command. 0 or
 * GF_E_USAGE. */
int program_parse(struct program *p, int argc, char **argv, const struct command **ret_cmd,
                  struct gf_fail *why);
/* Print on stdout how to call it; `only`: one command beside the app, NULL: all. */
void program_help(const struct command *only);
/* Print a section of the man page; see common/host/man.h. */
enum program_man { PROGRAM_MAN_COMMANDS, PROGRAM_MAN_OPTIONS };
void program_man(enum program_man part, FILE *out);

/* commands.c. Each returns 0 or GF_E_* with *why. */
int command_app(struct program *p, struct gf_fail *why);
int command_enrol(struct program *p, struct gf_fail *why);
int command_sync(struct program *p, struct gf_fail *why);
int command_jobs(struct program *p, struct gf_fail *why);
int command_outbox(struct program *p, struct gf_fail *why);
int command_certificate(struct program *p, struct gf_fail *why);
int command_run(struct program *p, struct gf_fail *why);

/* scan_command.c. */
int command_scan(struct program *p, struct gf_fail *why);
int command_meter(struct program *p, struct gf_fail *why);

#endif
