/* talk_table.c - the meter's commands as people ask them: names, arguments, requests; see talk.h.
 *
 * Names and rights are those of the meter's own table; what stands here is what a person has to say
 * for each, and what it means. Arguments are checked here with place and reason, so that nothing is
 * sent that the meter could not understand; what it thinks of them is the meter's.
 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/talk_inner.h"
#include "field/talk.h"
#include "meter-core/commands.h"
#include "meter-core/params.h"

#define DIGITS 25               /* of a typed token */
#define LITRES_MAX (INT64_C(1) << 48)

/* ---- values ---- */

static int bad(struct gf_fail *why, int code, const char *name, const char *wanted,
               const char *text)
{
    char detail[sizeof why->detail];

    snprintf(detail, sizeof detail, "%.90s; it is \"%.40s\"", wanted, text);
    return gf_fail(why, code, name, detail);
}

static int number(const char *name, const char *text, int64_t min, int64_t max, int64_t *ret,
                  struct gf_fail *why)
{
    char wanted[80];
    int code = gf_parse_int(text, min, max, ret);

    snprintf(wanted, sizeof wanted, "a number from %lld to %lld is wanted", (long long)min,
             (long long)max);
    return code < 0 ? bad(why, code, name, wanted, text) : 0;
}

/* Bytes as hex digits; how many, or GF_E_*. */
static int bytes(const char *name, const char *text, uint8_t *ret, size_t cap, struct gf_fail *why)
{
    char wanted[80];
    size_t n = strlen(text);

    snprintf(wanted, sizeof wanted, "pairs of hex digits are wanted, at most %zu bytes", cap);
    if (n == 0 || n % 2 != 0 || n / 2 > cap || gf_unhex(text, ret, n / 2) < 0)
        return bad(why, GF_E_FORMAT, name, wanted, text);
    return (int)(n / 2);
}

/* ---- requests ---- */

static int build_key(const struct run *r, const struct talk_asked *asked, struct talk_request *ret,
                     struct gf_fail *why)
{
    const struct store_port *store = r->ports->store;
    gasm_InstallKey *to = &ret->request.body.install_key;
    sync_KeyIssue key;
    int n;

    if (asked->value[0] != NULL) {
        n = bytes("envelope", asked->value[0], to->envelope.bytes, sizeof to->envelope.bytes, why);
        to->envelope.size = n > 0 ? (pb_size_t)n : 0;
        return n < 0 ? n : 0;
    }
    n = store->key_issue(store->ctx, r->job.meter_id, r->identity.active_epoch, &key);
    if (n < 0)
        return gf_fail(why, n == GF_E_NO_TICKET ? GF_E_USAGE : n, "envelope",
                       "head office sent no new key for this meter: give it");
    to->envelope.size = key.envelope.size;
    memcpy(to->envelope.bytes, key.envelope.bytes, key.envelope.size);
    return 0;
}

static int build_open(const struct run *r, const struct talk_asked *asked, struct talk_request *ret,
                      struct gf_fail *why)
{
    int64_t account = (int64_t)r->job.account_no;
    int code = 0;

    if (asked->value[0] != NULL)
        code = number("account", asked->value[0], 1, LITRES_MAX, &account, why);
    ret->request.body.open_account.account_no = (uint64_t)account;
    return code;
}

static int build_purge(const struct run *r, const struct talk_asked *asked,
                       struct talk_request *ret, struct gf_fail *why)
{
    int64_t litres = r->job.purge_volume_l, seconds = r->job.purge_limit_s;
    int code = 0;

    if (asked->value[0] != NULL)
        code = number("litres", asked->value[0], 1, UINT32_MAX, &litres, why);
    if (code == 0 && asked->value[1] != NULL)
        code = number("seconds", asked->value[1], 1, UINT32_MAX, &seconds, why);
    ret->request.body.purge_start.volume_l = (uint32_t)litres;
    ret->request.body.purge_start.limit_s = (uint32_t)seconds;
    return code;
}

static int build_clear(const struct run *r, const struct talk_asked *asked,
                       struct talk_request *ret, struct gf_fail *why)
{
    (void)r;
    return number("residual", asked->value[0], -LITRES_MAX, LITRES_MAX,
                  &ret->request.body.zero_clear.residual_l, why);
}

static int build_clock(const struct run *r, const struct talk_asked *asked,
                       struct talk_request *ret, struct gf_fail *why)
{
    int64_t *to = &ret->request.body.set_clock.utc_s;

    *to = r->ports->clock->utc_ms(r->ports->clock->ctx) / 1000;
    if (asked->value[0] != NULL && gf_utc_parse(asked->value[0], to) < 0)
        return bad(why, GF_E_FORMAT, "utc", "a time like 2026-11-22T08:00:00Z is wanted",
                   asked->value[0]);
    return 0;
}

static const struct mc_param_row *param_of(const char *text, size_t n)
{
    size_t count;
    const struct mc_param_row *rows = mc_params(&count);
    char name[40];
    int64_t id = 0;

    if (n >= sizeof name)
        return NULL;
    memcpy(name, text, n);
    name[n] = '\0';
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].text, name) == 0)
            return &rows[i];
    return gf_parse_int(name, 1, INT32_MAX, &id) == 0 ? mc_param_row((uint32_t)id) : NULL;
}

static int one_setting(const char *word, gasm_Parameter *ret, struct gf_fail *why)
{
    size_t n = strcspn(word, "=");
    const struct mc_param_row *row = param_of(word, n);
    int64_t value = 0;
    int code;

    if (row == NULL || word[n] != '=')
        return bad(why, GF_E_USAGE, "parameter", "NAME=VALUE with a parameter of the meter's table",
                   word);
    code = number(row->text, word + n + 1, row->min, row->max, &value, why);
    ret->id = row->id;
    ret->value = (int32_t)value;
    return code;
}

static int build_params(const struct run *r, const struct talk_asked *asked,
                        struct talk_request *ret, struct gf_fail *why)
{
    gasm_SetParameters *to = &ret->request.body.set_parameters;
    size_t room = sizeof to->parameters / sizeof *to->parameters;
    int code = 0;

    if (asked->n_more > room)
        return gf_fail(why, GF_E_USAGE, "parameter", "more than the meter takes at once");
    for (size_t i = 0; code == 0 && i < asked->n_more; i++)
        code = one_setting(asked->more[i], &to->parameters[to->parameters_count++], why);
    for (size_t i = 0; asked->n_more == 0 && i < r->job.parameters_count && i < room; i++)
        to->parameters[to->parameters_count++] =
            (gasm_Parameter){r->job.parameters[i].id, r->job.parameters[i].value};
    if (code == 0 && to->parameters_count == 0)
        return gf_fail(why, GF_E_USAGE, "parameter",
                       "the job names none: say NAME=VALUE for each that is to be set");
    return code;
}

void talk_page_from(gasm_Request *q, uint64_t from)
{
    if (q->which_body == gasm_Request_read_history_tag)
        q->body.read_history.from_no = (uint32_t)from;
    else if (q->which_body == gasm_Request_read_purchases_tag)
        q->body.read_purchases.from_no = (uint32_t)from;
    else if (q->which_body == gasm_Request_read_events_tag)
        q->body.read_events.from_no = (uint32_t)from;
    else
        q->body.read_receipts.from_seq = from;
}

/* from and last, of every long read. */
static int page(const struct talk_asked *asked, size_t at, struct talk_request *ret,
                struct gf_fail *why)
{
    int64_t from = 0, last = 0;
    int code = 0;

    if (asked->value[at] != NULL)
        code = number("from", asked->value[at], 1, UINT32_MAX, &from, why);
    if (code == 0 && asked->value[at + 1] != NULL)
        code = number("last", asked->value[at + 1], 1, UINT32_MAX, &last, why);
    if (code == 0 && from != 0 && last != 0)
        return gf_fail(why, GF_E_USAGE, "last", "from and last exclude each other");
    ret->last = (uint32_t)last;
    talk_page_from(&ret->request, (uint64_t)from);
    return code;
}

static int build_list(const struct run *r, const struct talk_asked *asked,
                      struct talk_request *ret, struct gf_fail *why)
{
    (void)r;
    return page(asked, 0, ret, why);
}

static int build_history(const struct run *r, const struct talk_asked *asked,
                         struct talk_request *ret, struct gf_fail *why)
{
    const char *period = asked->value[0] != NULL ? asked->value[0] : "days";
    int code = page(asked, 1, ret, why);

    (void)r;
    if (code == 0 && strcmp(period, "days") != 0 && strcmp(period, "months") != 0)
        return bad(why, GF_E_FORMAT, "period", "days or months is wanted", period);
    ret->request.body.read_history.monthly = strcmp(period, "months") == 0;
    return code;
}

/* 25 digits, with spaces or dashes between them or not. True when that is what the text is. */
static bool digits(const char *text, char ret[static DIGITS + 1])
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        if (*text == ' ' || *text == '-')
            continue;
        if (*text < '0' || *text > '9' || n == DIGITS)
            return false;
        ret[n++] = *text;
    }
    ret[n] = '\0';
    return n == DIGITS;
}

/* The token that head office sent along with the meter's orders. */
static int stored_token(const struct run *r, gasm_Recharge *to, struct gf_fail *why)
{
    const struct store_port *store = r->ports->store;
    uint32_t epoch = r->identity.active_epoch;
    sync_TokenIssue token;
    int found;

    if (epoch == 0)             /* not known before the meter was asked */
        return 0;
    found = store->token_issue(store->ctx, r->job.meter_id, epoch, &token);
    if (found <= 0)
        return gf_fail(why, found < 0 ? found : GF_E_USAGE, "token",
                       "head office sent none that waits for this meter: give it");
    to->token.size = token.token.size;
    memcpy(to->token.bytes, token.token.bytes, token.token.size);
    return 0;
}

static int build_recharge(const struct run *r, const struct talk_asked *asked,
                          struct talk_request *ret, struct gf_fail *why)
{
    gasm_Recharge *to = &ret->request.body.recharge;
    int n;

    if (asked->value[0] == NULL)
        return stored_token(r, to, why);
    if (digits(asked->value[0], to->digits))
        return 0;
    to->digits[0] = '\0';
    n = bytes("token", asked->value[0], to->token.bytes, sizeof to->token.bytes, why);
    to->token.size = n > 0 ? (pb_size_t)n : 0;
    return n < 0 ? n : 0;
}

static int build_close(const struct run *r, const struct talk_asked *asked,
                       struct talk_request *ret, struct gf_fail *why)
{
    gasm_CloseAccount *to = &ret->request.body.close_account;
    const struct store_port *store = r->ports->store;
    sync_SwapIssue swap;
    int n = 0;

    if (asked->value[0] == NULL && r->ticket.swap.size > 0) {
        n = store->swap_issue(store->ctx, r->job.meter_id, r->ticket.epoch, &swap);
        if (n <= 0)
            return gf_fail(why, n < 0 ? n : GF_E_USAGE, "swap_key",
                           "head office sent none for this meter: give it");
        memcpy(to->swap_key.bytes, swap.swap_key.bytes, swap.swap_key.size);
        n = swap.swap_key.size;
    }
    if (asked->value[0] != NULL)
        n = bytes("swap_key", asked->value[0], to->swap_key.bytes, sizeof to->swap_key.bytes, why);
    to->swap_key.size = n > 0 ? (pb_size_t)n : 0;
    return n < 0 ? n : 0;
}

static int build_import(const struct run *r, const struct talk_asked *asked,
                        struct talk_request *ret, struct gf_fail *why)
{
    gasm_ImportCredit *to = &ret->request.body.import_credit;
    int n = bytes("certificate", asked->value[0], to->certificate.bytes,
                  sizeof to->certificate.bytes, why);

    (void)r;
    to->certificate.size = n > 0 ? (pb_size_t)n : 0;
    return n < 0 ? n : 0;
}

static int build_reset(const struct run *r, const struct talk_asked *asked,
                       struct talk_request *ret, struct gf_fail *why)
{
    const char *scrap = asked->value[0] != NULL ? asked->value[0] : "no";

    (void)r;
    if (strcmp(scrap, "yes") != 0 && strcmp(scrap, "no") != 0)
        return bad(why, GF_E_FORMAT, "scrap", "yes or no is wanted", scrap);
    ret->request.body.reset_to_factory.scrap = strcmp(scrap, "yes") == 0;
    return 0;
}

/* ---- the table ---- */

#define C(name) .id = gasm_Command_##name
#define FROM_LAST                                                                                  \
    {"from", "NUMBER", "the oldest that is kept", "the first entry to read"},                      \
    {"last", "COUNT", "all of them", "only so many of the newest"}

static const struct talk_command rows[] = {
    {C(IDENTIFY), .title = "Who are you",
     .help = "State, clock, valve, and what the ticket may do now."},
    {C(INSTALL_KEY), .title = "Install an account key",
     .help = "Forwards a sealed key of head office; this laptop cannot open it.",
     .arguments = {{"envelope", "HEX", "the key that head office sent", "the sealed key"}},
     .build = build_key},
    {C(OPEN_ACCOUNT), .title = "Open an account",
     .help = "Writes the account number that the ticket names.",
     .arguments = {{"account", "NUMBER", "the job's", "the account's number"}},
     .build = build_open},
    {C(PURGE_START), .title = "Purge: let gas flow", .danger = true,
     .help = "Opens the valve. It shuts when the volume has flowed, the time is over, the link "
             "ends, or no purge_keepalive came for 5 s.",
     .arguments = {{"litres", "LITRES", "the job's", "at most so much flows"},
                   {"seconds", "SECONDS", "the job's", "for at most so long"}},
     .build = build_purge},
    {C(PURGE_KEEPALIVE), .title = "Purge: somebody is here",
     .help = "Lets the gas flow on for another 5 s, and tells how much has."},
    {C(PURGE_STOP), .title = "Purge: stop",
     .help = "Shuts the valve; the answer comes when it is shut."},
    {C(ZERO_CLEAR), .title = "Clear the residual", .danger = true,
     .help = "Takes all credit off the meter. The residual has to be the one that it has.",
     .arguments = {{"residual", "LITRES", NULL, "the residual as read_balance shows it"}},
     .build = build_clear},
    {C(SET_CLOCK), .title = "Set the clock", .help = "The meter logs the time before and after.",
     .arguments = {{"utc", "TIME", "this laptop's time", "like 2026-11-22T08:00:00Z"}},
     .build = build_clock},
    {C(SET_PARAMETERS), .title = "Set parameters",
     .help = "All of them or none: set_parameters NAME=VALUE ..., by name or number.",
     .arguments = {{0}}, .build = build_params, .settings = true},
    {C(GET_PARAMETERS), .title = "Read the parameters", .help = "Every parameter with its value."},
    {C(COMMISSION), .title = "Put into service", .danger = true,
     .help = "From now on the customer may arm the valve."},
    {C(READ_BALANCE), .title = "Read the balance", .help = "Residual, totals, state and valve."},
    {C(READ_RECEIPTS), .title = "Read receipts",
     .help = "The receipts that the meter keeps; those that are new here are queued for head "
             "office.",
     .arguments = {FROM_LAST}, .build = build_list},
    {C(KEY_ACTIVATED), .title = "(the meter's own record)",
     .help = "The meter makes it by itself when a new key is used first; nobody can send it."},
    {C(READ_HISTORY), .title = "Read the history",
     .help = "Index, purged volume and residual at the end of each day or month.",
     .arguments = {{"period", "PERIOD", "days", "days or months"}, FROM_LAST},
     .build = build_history},
    {C(READ_PURCHASES), .title = "Read the purchases",
     .help = "Every token and certificate that was taken.",
     .arguments = {FROM_LAST}, .build = build_list},
    {C(READ_EVENTS), .title = "Read the events", .help = "What the meter has logged.",
     .arguments = {FROM_LAST}, .build = build_list},
    {C(RECHARGE), .title = "Recharge",
     .help = "Gives the meter a token: sealed, or its 25 digits. The same token has one effect.",
     .arguments = {{"token", "TOKEN", "what head office sent",
                   "hex digits of the sealed token, or 25 digits"}},
     .build = build_recharge},
    {C(VALVE_ARM), .title = "Arm the valve", .danger = true,
     .help = "The meter's button opens the valve within the arming time; locks are lifted when "
             "the ticket may."},
    {C(VALVE_CLOSE), .title = "Close the valve", .danger = true, .help = "Shuts the gas off."},
    {C(CLOSE_ACCOUNT), .title = "Close the account", .danger = true,
     .help = "Shuts the valve and ends the account; the answer is its certificate.",
     .arguments = {{"swap_key", "HEX", "of a swap: what head office sent",
                    "the sealed key of a swap"}},
     .build = build_close},
    {C(IMPORT_CREDIT), .title = "Import credit",
     .help = "Takes over what another meter certified when it was closed.",
     .arguments = {{"certificate", "HEX", NULL, "the other meter's certificate"}},
     .build = build_import},
    {C(SELF_TEST), .title = "Self-test", .danger = true,
     .help = "Moves the valve shut, checks battery, memory and program."},
    {C(RESET_TO_FACTORY), .title = "Reset to factory", .danger = true,
     .help = "On the bench: the account's data go. A scrapped meter never works again.",
     .arguments = {{"scrap", "YES", "no", "yes: it is scrapped for good"}},
     .build = build_reset},
};
#define ROWS (sizeof rows / sizeof rows[0])

const struct talk_command *talk_commands(size_t *ret_n)
{
    *ret_n = ROWS;
    return rows;
}

const struct mc_command_row *talk_row(gasm_Command id)
{
    size_t n;
    const struct mc_command_row *all = mc_commands(&n);

    for (size_t i = 0; i < n; i++)
        if (all[i].id == id)
            return &all[i];
    return NULL;
}

const char *talk_name(const struct talk_command *c)
{
    return talk_row(c->id)->name;
}

const char *talk_right(const struct talk_command *c)
{
    uint8_t right = talk_row(c->id)->right;

    return right == MC_RIGHT_ANY ? "any" : right_text(right);
}

bool talk_changes(const struct talk_command *c)
{
    return (talk_row(c->id)->needs & MC_NEED_OP_ID) != 0;
}

const struct talk_command *talk_find(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(talk_name(&rows[i]), name) == 0)
            return &rows[i];
    return NULL;
}

/* ---- sorting words ---- */

/* The argument that the word names: its index, with *ret_value behind the "="; or -1. */
static int named(const struct talk_command *c, const char *word, const char **ret_value)
{
    size_t n = strcspn(word, "=");

    *ret_value = word + n + 1;
    for (int i = 0; word[n] == '=' && i < TALK_ARGUMENTS && c->arguments[i].name != NULL; i++)
        if (strlen(c->arguments[i].name) == n && memcmp(c->arguments[i].name, word, n) == 0)
            return i;
    return -1;
}

static int take_word(const struct talk_command *c, const char *word, struct talk_asked *ret,
                     struct gf_fail *why)
{
    const char *value;
    int at = named(c, word, &value);

    if (at < 0 && c->settings) {
        ret->more[ret->n_more++] = word;
        return 0;
    }
    if (at < 0) {
        value = word;
        at = 0;
        while (c->arguments[at].name != NULL && ret->value[at] != NULL)
            at++;
        if (c->arguments[at].name == NULL || strchr(word, '=') != NULL)
            return bad(why, GF_E_USAGE, talk_name(c), "it has no such argument", word);
    } else if (ret->value[at] != NULL) {
        return bad(why, GF_E_USAGE, c->arguments[at].name, "it is given twice", word);
    }
    ret->value[at] = value;
    return 0;
}

int talk_sort(const char *const *words, size_t n, const struct talk_command **ret_command,
              struct talk_asked *ret, struct gf_fail *why)
{
    const struct talk_command *c = n > 0 ? talk_find(words[0]) : NULL;
    int code = 0;

    *ret = (struct talk_asked){0};
    if (n > TALK_WORDS_MAX)
        return gf_fail(why, GF_E_USAGE, words[0], "too many words");
    if (c == NULL)
        return gf_fail(why, GF_E_USAGE, "the meter has no such command", n > 0 ? words[0] : "");
    if (talk_row(c->id)->handler == NULL)
        return gf_fail(why, GF_E_USAGE, words[0], c->help);
    for (size_t i = 1; code == 0 && i < n; i++)
        code = take_word(c, words[i], ret, why);
    for (size_t i = 0; code == 0 && i < TALK_ARGUMENTS && c->arguments[i].name != NULL; i++)
        if (c->arguments[i].unset == NULL && ret->value[i] == NULL)
            code = bad(why, GF_E_USAGE, c->arguments[i].name, "it has to be given",
                       c->arguments[i].shape);
    *ret_command = c;
    return code;
}
