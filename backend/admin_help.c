/* admin_help.c - what --help says, and docs/gasoffice.md, from the rows of the commands; see
 * admin.h. */
#include <stdlib.h>
#include <string.h>

#include "backend/admin.h"
#include "common/host/man.h"

static const struct admin_option common_options[] = {
    { "dir", "DIR", "the head office's folder; ./office unless said", 0, false },
    { "passphrase-file", "FILE",
      "the master key's passphrase; $GASOFFICE_PASSPHRASE_FILE, else asked",
      0, false },
    { "pin-file", "FILE", "the token's PIN; $GASOFFICE_PIN_FILE, else asked", 0, false },
    { "json", NULL, "print one JSON document; failures as JSON on standard error too", 0, false },
    { "help", NULL, "print this", 0, false },
};
#define COMMON_OPTIONS (sizeof common_options / sizeof common_options[0])

static bool begins_with(const struct admin_command *command, const char *first_word)
{
    size_t n = strlen(first_word);

    return strncmp(command->name, first_word, n) == 0
           && (command->name[n] == ' ' || command->name[n] == '\0');
}

/* The commands of a group that begin with this word, or all with NULL. */
static void list_group(const struct admin_group *group, const char *first_word, FILE *out)
{
    bool has_title = false;

    for (size_t i = 0; i < group->n; i++) {
        const struct admin_command *c = &group->commands[i];

        if (first_word != NULL && !begins_with(c, first_word))
            continue;
        if (!has_title)
            (void)fprintf(out, "\n%s\n", group->title);
        has_title = true;
        (void)fprintf(out, "  %-22s %s\n", c->name, c->what);
    }
}

static void list_groups(const char *first_word, FILE *out)
{
    for (size_t i = 0; i < admin_n_groups; i++)
        list_group(admin_groups[i], first_word, out);
}

static void print_option(const struct admin_option *o, FILE *out)
{
    char left[48];

    (void)snprintf(left, sizeof left, "--%s%s%s%s", o->name, o->value != NULL ? " " : "",
                   o->value != NULL ? o->value : "", o->max > 1 ? " ..." : "");
    (void)fprintf(out, "  %-26s %s%s\n", left, o->what, o->is_needed ? " (needed)" : "");
}

void admin_help(FILE *out)
{
    (void)fputs("usage: gasoffice [--dir DIR] COMMAND ...\n", out);
    list_groups(NULL, out);
    (void)fputs("\nOf every command:\n", out);
    for (size_t i = 0; i < COMMON_OPTIONS; i++)
        print_option(&common_options[i], out);
}

void admin_help_of(const char *first_word, FILE *out)
{
    (void)fprintf(out, "usage: gasoffice [--dir DIR] %s COMMAND ...\n", first_word);
    list_groups(first_word, out);
}

/* "gasoffice label [METER...] [OPTION]..." */
static void print_usage(const struct admin_command *c, FILE *out)
{
    (void)fprintf(out, "gasoffice %s%s%s", c->name, c->words[0] != '\0' ? " " : "", c->words);
    for (size_t i = 0; i < c->n_options; i++)
        if (c->options[i].is_needed)
            (void)fprintf(out, " --%s %s", c->options[i].name, c->options[i].value);
    (void)fputs(" [OPTION]...\n", out);
}

void admin_help_command(const struct admin_command *c, FILE *out)
{
    (void)fputs("usage: ", out);
    print_usage(c, out);
    (void)fprintf(out, "%s.%s%s\n\n", c->what, c->more != NULL ? "\n" : "",
                  c->more != NULL ? c->more : "");
    for (size_t i = 0; i < c->n_options; i++)
        print_option(&c->options[i], out);
    for (size_t i = 0; i < COMMON_OPTIONS; i++)
        print_option(&common_options[i], out);
}

/* ---- docs/gasoffice.md ---- */

static void print_option_row(const struct admin_option *o, FILE *out)
{
    (void)fprintf(out, "| `--%s%s%s`%s | %s%s |\n", o->name, o->value != NULL ? " " : "",
                  o->value != NULL ? o->value : "", o->max > 1 ? " ..." : "", o->what,
                  o->is_needed ? " (needed)" : "");
}

static void print_command(const struct admin_command *c, FILE *out)
{
    (void)fprintf(out, "\n### %s\n\n%s.\n", c->name, c->what);
    if (c->more != NULL)
        (void)fprintf(out, "%s\n", c->more);
    (void)fputs("\n    ", out);
    print_usage(c, out);
    if (c->n_options > 0)
        (void)fputs("\n| option | what it does |\n|---|---|\n", out);
    for (size_t i = 0; i < c->n_options; i++)
        print_option_row(&c->options[i], out);
}

void admin_print_page(FILE *out)
{
    (void)fputs("| option of every command | what it does |\n|---|---|\n", out);
    for (size_t i = 0; i < COMMON_OPTIONS; i++)
        print_option_row(&common_options[i], out);
    for (size_t g = 0; g < admin_n_groups; g++) {
        (void)fprintf(out, "\n## %s\n", admin_groups[g]->title);
        for (size_t i = 0; i < admin_groups[g]->n; i++)
            print_command(&admin_groups[g]->commands[i], out);
    }
}

/* ---- the man page ---- */

static void man_options(const struct admin_option *options, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        char value[32];

        (void)snprintf(value, sizeof value, "%s%s", options[i].value != NULL ? options[i].value : "",
                       options[i].max > 1 ? " ..." : "");
        man_option(out, options[i].name, value[0] != '\0' ? value : NULL, options[i].what,
                   options[i].is_needed ? " (needed)" : "");
    }
}

/* "gasoffice pay ACCOUNT AMOUNT CURRENCY [OPTION]...", what it does, its options. */
static void man_command(const struct admin_command *c, FILE *out)
{
    char *usage = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&usage, &n);

    if (f == NULL)
        return;
    print_usage(c, f);
    (void)fclose(f);
    (void)fputs(".TP\n.B ", out);
    man_text(out, usage);
    free(usage);
    man_sentence(out, c->what);
    (void)fputs(".\n", out);
    if (c->more != NULL) {
        man_text(out, c->more);
        (void)fputc('\n', out);
    }
    if (c->n_options > 0) {
        (void)fputs(".RS\n", out);
        man_options(c->options, c->n_options, out);
        (void)fputs(".RE\n", out);
    }
}

void admin_man(FILE *out)
{
    for (size_t g = 0; g < admin_n_groups; g++) {
        (void)fputs(".SS ", out);
        man_text(out, admin_groups[g]->title);
        (void)fputc('\n', out);
        for (size_t i = 0; i < admin_groups[g]->n; i++)
            man_command(&admin_groups[g]->commands[i], out);
    }
    (void)fputs(".SS Of every command\n", out);
    man_options(common_options, COMMON_OPTIONS, out);
}
