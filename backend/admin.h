/* admin.h - gasoffice as a command: rows of commands, their arguments, what they print.
 *
 * A command is a row: name, words, options with their meanings, body. From the row come the reading
 * of arguments (getopt_long), `--help`, the list of commands and docs/gasoffice.md. A domain keeps
 * its rows in a file of its own (admin_money.c) and hands them over as a group; admin_commands.c
 * lists the groups. Every command also takes --dir, --passphrase-file, --pin-file,
 * --json and --help, which stand in no row.
 *
 * What a command does: it prints for people, or one JSON document with --json. admin_answer() makes
 * both from one document; a command with more to show people asks a->json and prints itself.
 * Failures go up as GF_E_* in *why; they are printed, with --json as JSON, at one place.
 */
#ifndef GF_OFFICE_ADMIN_H
#define GF_OFFICE_ADMIN_H

#include <stdio.h>

#include <jansson.h>

#include "backend/keys.h"
#include "backend/office_in.h"

/* What a command works with. */
struct admin {
    const char *dir; /* of the office; --dir */
    const struct office_ports *ports;
    struct keys_source secrets; /* where passphrase and PIN are; --passphrase-file, --pin-file */
    struct office *office; /* NULL for a command that needs none */
    FILE *in, *out, *err;
    bool json;
};

/* An option of a command: "--due DATE", or "--ascii" where `value` is NULL. */
struct admin_option {
    const char *name;  /* without its hyphens */
    const char *value; /* what stands behind it, as help shows it: "DATE" */
    const char *what;  /* meaning, unit, and what holds without it */
    unsigned max;      /* how often it may stand there; 0 is once */
    bool is_needed;
};

struct admin_args;

struct admin_command {
    const char *name;  /* one word or two: "label", "tariff add" */
    const char *words; /* "METER STAFF", "[FILE]" one that may be left out, "METER..." one or more,
                          "[METER...]" none or more; "" none */
    const char *what;  /* one line of help, no stop at its end */
    const char *more;  /* further sentences of help; NULL: none */
    const struct admin_option *options;
    size_t n_options;
    bool without_office; /* else the office is opened before and closed after */
    int (*run)(struct admin *a, const struct admin_args *args, struct gf_fail *why);
};
/* The options of a row: `ADMIN_OPTIONS(label_options)`. */
#define ADMIN_OPTIONS(array) .options = array, .n_options = sizeof(array) / sizeof((array)[0])

/* Commands of one domain. */
struct admin_group {
    const char *title; /* in help and in docs/gasoffice.md */
    const struct admin_command *commands;
    size_t n;
};
#define ADMIN_GROUP(group_title, array)                                                            \
    { .title = group_title, .commands = array, .n = sizeof(array) / sizeof((array)[0]) }

extern const struct admin_group admin_group_office;    /* admin_office.c, admin_serve.c */
extern const struct admin_group admin_group_keys;      /* admin_keys.c */
extern const struct admin_group admin_group_staff;     /* admin_staff.c */
extern const struct admin_group admin_group_settings;  /* admin_setting.c */
extern const struct admin_group admin_group_imports;   /* admin_import.c */
extern const struct admin_group admin_group_orders;    /* admin_orders.c */
extern const struct admin_group admin_group_swaps;     /* admin_swaps.c */
extern const struct admin_group admin_group_money;     /* admin_money.c */
extern const struct admin_group admin_group_payouts;   /* admin_payouts.c */
extern const struct admin_group admin_group_tariffs;   /* admin_tariffs.c */
extern const struct admin_group admin_group_labels;    /* admin_label.c */
extern const struct admin_group admin_group_show;      /* admin_show.c */
extern const struct admin_group admin_group_reports;   /* admin_report.c */
extern const struct admin_group admin_group_proofs;    /* admin_proofs.c */
extern const struct admin_group admin_group_backup;    /* admin_backup.c */
extern const struct admin_group *const admin_groups[]; /* all, in the order of help */
extern const size_t admin_n_groups;

/* ---- arguments ---- */

#define ADMIN_WORDS_MAX 64 /* also of all options of a command line together */

struct admin_args {
    const struct admin_command *command;
    const char *words[ADMIN_WORDS_MAX + 1]; /* ended by NULL: words[1] may be asked without n_words */
    size_t n_words;
    struct {
        const struct admin_option *option;
        const char *value;
    } given[ADMIN_WORDS_MAX]; /* private */
    size_t n_given;           /* private */
    bool wants_help, wants_json;
    const char *dir, *passphrase_file, *pin_file; /* NULL: not said */
};

/* Read the arguments of a command: argv[0] is its name. Options may stand anywhere, "--" ends them.
 * argv is put in another order. 0, or GF_E_USAGE that names the argument; with --help nothing else
 * is asked for. */
int admin_args(const struct admin_command *command, int argc, char **argv, struct admin_args *ret,
               struct gf_fail *why);

/* An option's value, the last when there are several; NULL when it is not there. */
const char *admin_value(const struct admin_args *args, const char *name);
bool admin_has(const struct admin_args *args, const char *name);
/* All its values in order: at most cap of them; how many. */
size_t admin_values(const struct admin_args *args, const char *name, const char **ret, size_t cap);
/* Its number, or `without` when it is not there. 0, GF_E_USAGE (none, or outside min..max). */
int admin_int(const struct admin_args *args, const char *name, int64_t without, int64_t min,
              int64_t max, int64_t *ret, struct gf_fail *why);
/* A word or value that has to be a number; `name` is what a failure calls it. */
int admin_number(const char *text, const char *name, int64_t min, int64_t max, int64_t *ret,
                 struct gf_fail *why);
/* Who does it, --by STAFF: a present member of the staff, "office" when nobody is named. 0;
 * GF_E_FORMAT when there is no such member. */
#define ADMIN_BY_OPTION { "by", "STAFF", "who does it, for the books", 0, false }
#define ADMIN_BY_NEEDED { "by", "STAFF", "who does it, for the books", 0, true }
int admin_by(struct admin *a, const struct admin_args *args, const char **ret, struct gf_fail *why);
/* The id of what is made, --id UUID; a new one when it is not there. */
int admin_id(struct admin *a, const struct admin_args *args, uint8_t ret[static GF_UUID_LEN],
             struct gf_fail *why);

/* ---- answers ---- */

/* The office's failure as the command's: 0 for r >= 0. */
int admin_failed(const struct admin *a, int r, struct gf_fail *why);

/* Print one JSON document and its line end. The document is taken over; NULL is GF_E_MEMORY. */
int admin_json(struct admin *a, json_t *doc, struct gf_fail *why);

/* Print a document: as JSON with --json, else for people: a list of objects as a table, an object as
 * lines of name and value with its lists as tables below. Taken over; NULL is GF_E_MEMORY. */
int admin_answer(struct admin *a, json_t *doc, struct gf_fail *why);

/* ---- files ---- */

/* Work that may take long: Ctrl-C and SIGTERM end it in order, a terminal sees how far it is. All
 * zero before admin_watch(). */
struct admin_watch {
    struct admin *a;
    const char *what; /* "rows" */
    int signals;      /* private: the rest */
    int64_t told_mono_ms, all;
    bool is_watching, has_told;
    void *mask;
};
/* From now on the signals wait to be asked for. `all` is how much there is to do, 0 when that is not
 * known. 0 or GF_E_BUG. admin_watch_end() in any case. */
int admin_watch(struct admin_watch *w, struct admin *a, const char *what, int64_t all,
                struct gf_fail *why);
/* So much is done; false: it is to end. */
bool admin_watch_tell(struct admin_watch *w, int64_t done);
void admin_watch_end(struct admin_watch *w);

/* Open a file for reading from its beginning, as often as one likes: "-", and what is no regular
 * file, is first copied into a file without a name in the office's folder. 0; GF_E_FILE;
 * GF_E_DISK_FULL; GF_E_CANCELLED. The caller closes *ret. */
int admin_open(struct admin_watch *w, const char *path, FILE **ret, struct gf_fail *why);

/* Which database, by --db URL or --db-file FILE: *ret is NULL when neither is there, else it stands
 * in the options or in `space`. 0; GF_E_USAGE: both, or a URL with a password on the command line,
 * where everybody could read it; GF_E_FILE; GF_E_SPACE. */
#define ADMIN_DB_URL_MAX 2048
#define ADMIN_DB_OPTIONS                                                                           \
    { "db", "URL", "postgresql://...: its database; a file in the folder unless said", 0, false }, \
        { "db-file", "FILE", "where that URL stands, when it has a password in it", 0, false }
int admin_db(const struct admin_args *args, char space[static ADMIN_DB_URL_MAX], const char **ret,
             struct gf_fail *why);

/* Read a key: a file of 64 hex digits, and white space behind them. 0; GF_E_FILE; GF_E_FORMAT says
 * what the key is called. */
int admin_key_file(const char *path, const char *name, uint8_t ret[static HO_KEY_LEN],
                   struct gf_fail *why);

/* ---- codes ---- */

/* Show a QR code of this text as the options of ADMIN_CODE_OPTIONS say: on the screen, or in a file.
 * The text itself follows it. */
#define ADMIN_CODE_OPTIONS                                                                         \
    { "png", "FILE", "write a PNG instead of drawing", 0, false },                                 \
        { "scale", "N", "pixels a module of the PNG, 1 to 32; 8 unless said", 0, false },          \
        { "svg", "FILE", "write an SVG instead of drawing", 0, false },                            \
        { "ascii", NULL, "draw with plain characters", 0, false }
int admin_code(struct admin *a, const struct admin_args *args, const char *text,
               struct gf_fail *why);

/* Print a list of objects as a table, its head too when has_head. 0 or GF_E_MEMORY. */
int admin_table(struct admin *a, const json_t *list, bool has_head, struct gf_fail *why);

/* ---- the program ---- */

/* The command that a command line names: argv[0] is its first word; *ret_words is how many it has.
 * NULL when there is none; then *ret_words is 1 when several begin with this word, else 0. */
const struct admin_command *admin_find(int argc, char *const *argv, int *ret_words);

/* What --help says: of the program, of the commands that begin with this word, of a command. */
void admin_help(FILE *out);
void admin_help_of(const char *first_word, FILE *out);
void admin_help_command(const struct admin_command *command, FILE *out);

/* The commands in Markdown, as docs/gasoffice.md has them. */
void admin_print_page(FILE *out);

/* The commands as sections of the man page; see common/host/man.h. */
void admin_man(FILE *out);

/* gasoffice itself: a->dir is the folder without --dir. The exit status. */
int admin_main(struct admin *a, int argc, char **argv);

#endif
