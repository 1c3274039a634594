/* talk_show.c - a meter's answer as names and values; see talk_show.h. */
#include "field/talk_show.h"

#include <stdio.h>
#include <string.h>

#include "common/ids.h"
#include "common/text.h"
#include "field/procedure.h"
#include "field/run_inner.h"
#include "meter-core/commands.h"
#include "meter-core/events.h"
#include "meter-core/keys.h"
#include "meter-core/params.h"
#include "meter-core/pb.h"

/* ---- values ---- */

static void number(const struct talk_sink *s, const char *name, int64_t n)
{
    struct talk_value v = {.name = name, .kind = TALK_NUMBER, .number = n};

    s->value(s->ctx, &v);
}

static void yes(const struct talk_sink *s, const char *name, bool is)
{
    struct talk_value v = {.name = name, .kind = TALK_YES, .number = is};

    s->value(s->ctx, &v);
}

static void words(const struct talk_sink *s, const char *name, const char *text)
{
    struct talk_value v = {.name = name, .kind = TALK_WORDS, .text = text};

    s->value(s->ctx, &v);
}

static const char *time_text(int64_t at_s, char ret[static 21])
{
    gf_utc_text(at_s > 0 ? at_s : 0, ret);
    return ret;
}

static void moment(const struct talk_sink *s, const char *name, int64_t at_s)
{
    char text[21];
    struct talk_value v = {.name = name, .kind = TALK_TIME, .text = time_text(at_s, text)};

    s->value(s->ctx, &v);
}

static void hex(const struct talk_sink *s, const char *name, const uint8_t *p, size_t n)
{
    char text[TALK_VALUE_MAX];
    struct talk_value v = {.name = name, .kind = TALK_HEX, .text = text};

    if (2 * n < sizeof text) {
        gf_hex(p, n, text);
        s->value(s->ctx, &v);
    }
}

/* "FORMAT: not in ..." without what stands behind the colon. */
static const char *first_word(const char *text, char *ret, size_t cap)
{
    snprintf(ret, cap, "%.*s", (int)strcspn(text, ":"), text);
    return ret;
}

/* ---- parts ---- */

static void show_locks(const struct talk_sink *s, uint32_t locks)
{
    char text[40];

    snprintf(text, sizeof text, "%s%s%s%s", locks == 0 ? "none" : "",
             (locks >> gasm_Lock_LOCK_LEAK & 1) != 0 ? "leak " : "",
             (locks >> gasm_Lock_LOCK_TAMPER & 1) != 0 ? "tamper " : "",
             (locks >> gasm_Lock_LOCK_VALVE & 1) != 0 ? "valve " : "");
    if (text[strlen(text) - 1] == ' ')
        text[strlen(text) - 1] = '\0';
    words(s, "locks", text);
}

static void show_totals(const struct talk_sink *s, const gasm_Totals *t)
{
    number(s, "index_l", (int64_t)t->index_l);
    number(s, "purged_l", (int64_t)t->purged_l);
    number(s, "opening_index_l", (int64_t)t->opening_index_l);
    number(s, "opening_purged_l", (int64_t)t->opening_purged_l);
    number(s, "purchased_l", (int64_t)t->purchased_l);
    number(s, "imported_l", (int64_t)t->imported_l);
    number(s, "forgiven_l", (int64_t)t->forgiven_l);
    number(s, "debited_l", (int64_t)t->debited_l);
    number(s, "cleared_l", (int64_t)t->cleared_l);
    number(s, "exported_l", (int64_t)t->exported_l);
    number(s, "after_closing_l", (int64_t)t->after_closing_l);
}

static void show_allowed(const struct talk_sink *s, uint32_t allowed)
{
    char text[TALK_VALUE_MAX] = "";
    size_t n, at = 0;
    const struct mc_command_row *rows = mc_commands(&n);

    for (size_t i = 0; i < n && at < sizeof text; i++)
        if ((allowed >> rows[i].id & 1) != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at > 0 ? " " : "",
                                   rows[i].name);
    words(s, "allowed", text);
}

static void show_identity(const struct talk_sink *s, const gasm_Identity *id)
{
    char meter_id[GF_METER_ID_TEXT] = "", version[16];

    memcpy(meter_id, id->meter_id, sizeof id->meter_id);
    words(s, "meter", meter_id);
    number(s, "meter_type", id->meter_type);
    words(s, "state", life_text(id->state));
    number(s, "account", (int64_t)id->account_no);
    number(s, "active_epoch", id->active_epoch);
    number(s, "pending_epoch", id->pending_epoch);
    number(s, "receipt_seq", (int64_t)id->receipt_seq);
    number(s, "token_seq", (int64_t)id->token_seq);
    moment(s, "clock", id->clock_s);
    yes(s, "clock_valid", id->clock_valid);
    words(s, "valve", valve_text(id->valve));
    show_locks(s, id->locks);
    yes(s, "self_tested", id->self_tested);
    number(s, "pulse_l", id->pulse_l);
    number(s, "purge_left_l", id->purge_left_l);
    number(s, "uses_left", id->uses_left);
    snprintf(version, sizeof version, "%u.%u.%u", id->firmware >> 16 & 0xFF,
             id->firmware >> 8 & 0xFF, id->firmware & 0xFF);
    words(s, "firmware", version);
    show_allowed(s, id->allowed);
}

static void show_balance(const struct talk_sink *s, const gasm_Balance *b)
{
    number(s, "residual_l", b->residual_l);
    number(s, "account", (int64_t)b->account_no);
    words(s, "state", life_text(b->state));
    words(s, "valve", valve_text(b->valve));
    show_totals(s, &b->totals);
    number(s, "token_seq", (int64_t)b->token_seq);
    number(s, "typed_wait_s", b->typed_wait_s);
}

static void show_purge(const struct talk_sink *s, const gasm_Purge *p)
{
    number(s, "flowed_l", p->flowed_l);
    number(s, "elapsed_s", p->elapsed_s);
    number(s, "granted_l", p->granted_l);
    number(s, "granted_s", p->granted_s);
    words(s, "valve", valve_text(p->valve));
    words(s, "end", purge_end_text(p->end));
}

static void show_supply(const struct talk_sink *s, const gasm_Supply *p)
{
    words(s, "valve", valve_text(p->valve));
    number(s, "armed_s", p->armed_s);
    number(s, "watch_s", p->watch_s);
    show_locks(s, p->locks);
    number(s, "residual_l", p->residual_l);
}

static void show_self_test(const struct talk_sink *s, const gasm_SelfTest *t)
{
    yes(s, "passed", t->passed);
    words(s, "valve", valve_text(t->valve));
    number(s, "travel_ms", t->travel_ms);
    number(s, "supply_mv", t->supply_mv);
    number(s, "temperature_dc", t->temperature_dc);
    yes(s, "nvm_good", t->nvm_good);
    number(s, "erase_cycles", t->erase_cycles);
    hex(s, "firmware_digest", t->firmware_digest, sizeof t->firmware_digest);
}

static void show_closed(const struct talk_sink *s, const gasm_Closed *c)
{
    struct gf_span bytes = {c->certificate.bytes, c->certificate.size};
    gasm_SealedCertificate sealed;
    gasm_Certificate cert;
    char other[GF_METER_ID_TEXT] = "";

    if (mc_pb_decode(gasm_SealedCertificate_fields, bytes, &sealed) == 0 &&
        mc_pb_decode(gasm_Certificate_fields, (struct gf_span){sealed.body.bytes, sealed.body.size},
                     &cert) == 0) {
        number(s, "account", (int64_t)cert.account_no);
        number(s, "residual_l", cert.residual_l);
        show_totals(s, &cert.totals);
        number(s, "token_seq", (int64_t)cert.token_seq);
        moment(s, "at", cert.at_s);
        yes(s, "clock_valid", cert.clock_valid);
        yes(s, "valve_fault", cert.valve_fault);
        number(s, "receipt_seq", (int64_t)cert.receipt_seq);
        memcpy(other, cert.counterpart_id.bytes, cert.counterpart_id.size);
        words(s, "counterpart", other);
    }
    hex(s, "certificate", bytes.p, bytes.n);
}

/* ---- lists ---- */

#define NUMBER(n, v) {.name = (n), .kind = TALK_NUMBER, .number = (int64_t)(v)}
#define WORDS(n, v) {.name = (n), .kind = TALK_WORDS, .text = (v)}
#define TIME(n, v) {.name = (n), .kind = TALK_TIME, .text = (v)}
#define HEX(n, v) {.name = (n), .kind = TALK_HEX, .text = (v)}
#define ENTRY(s, list, ...)                                                                        \
    (s)->entry((s)->ctx, list, (const struct talk_value[]){__VA_ARGS__},                           \
               sizeof((const struct talk_value[]){__VA_ARGS__}) / sizeof(struct talk_value))

static void show_parameters(const struct talk_sink *s, const gasm_Parameters *p)
{
    for (size_t i = 0; i < p->parameters_count; i++) {
        const struct mc_param_row *row = mc_param_row(p->parameters[i].id);

        ENTRY(s, "parameters", NUMBER("id", p->parameters[i].id),
              WORDS("name", row != NULL ? row->text : "unknown"),
              NUMBER("value", p->parameters[i].value), WORDS("unit", row != NULL ? row->unit : ""));
    }
}

/* A period as people say it: a day "2026-11-22", a month "2026-11". */
static const char *period_text(uint32_t period, bool monthly, char ret[static 21])
{
    char day[21];

    if (monthly)
        snprintf(ret, 21, "%04u-%02u", 1970 + period / 12, period % 12 + 1);
    else
        snprintf(ret, 21, "%.10s", time_text((int64_t)period * 86400, day));
    return ret;
}

static void show_history(const struct talk_sink *s, const gasm_History *h, bool monthly)
{
    for (size_t i = 0; i < h->entries_count; i++) {
        const gasm_HistoryEntry *e = &h->entries[i];
        char period[21];

        ENTRY(s, "entries", NUMBER("no", e->no),
              WORDS("period", period_text(e->period, monthly, period)),
              NUMBER("index_l", e->index_l), NUMBER("purged_l", e->purged_l),
              NUMBER("residual_l", e->residual_l));
    }
}

static const char *carrier_text(gasm_Carrier carrier)
{
    switch (carrier) {
    case gasm_Carrier_CARRIER_SEALED:
        return "sealed";
    case gasm_Carrier_CARRIER_TYPED:
        return "typed";
    case gasm_Carrier_CARRIER_CERTIFICATE:
        return "certificate";
    case gasm_Carrier_CARRIER_NONE:
        break;
    }
    return "unknown";
}

static void show_purchases(const struct talk_sink *s, const gasm_Purchases *p)
{
    for (size_t i = 0; i < p->entries_count; i++) {
        const gasm_Purchase *e = &p->entries[i];
        char at[21], order[2 * sizeof e->order_id.bytes + 1];

        gf_hex(e->order_id.bytes, e->order_id.size, order);
        ENTRY(s, "entries", NUMBER("no", e->no), TIME("at", time_text(e->at_s, at)),
              NUMBER("account", e->account_no), NUMBER("sequence", e->sequence),
              NUMBER("credited_l", e->credited_l), NUMBER("residual_l", e->residual_l),
              WORDS("carrier", carrier_text(e->carrier)), HEX("order", order));
    }
}

static const char *event_text(uint32_t code)
{
    static const char *const names[] = {
#define X(name, number, group, text, a, b) [number] = #name,
        MC_EVENT_TABLE(X)
#undef X
    };

    return code < sizeof names / sizeof names[0] && names[code] != NULL ? names[code] : "unknown";
}

static void show_events(const struct talk_sink *s, const gasm_Events *p)
{
    for (size_t i = 0; i < p->entries_count; i++) {
        const gasm_Event *e = &p->entries[i];
        char at[21];

        ENTRY(s, "entries", NUMBER("no", e->no), TIME("at", time_text(e->at_s, at)),
              NUMBER("code", e->code), WORDS("event", event_text(e->code)), NUMBER("a", e->a),
              NUMBER("b", e->b));
    }
}

static const char *command_text(gasm_Command id)
{
    const struct mc_command_row *row = talk_row(id);

    return row != NULL ? row->name : "unknown";
}

static void show_receipts(const struct talk_sink *s, const gasm_Receipts *p)
{
    for (size_t i = 0; i < p->receipts_count; i++) {
        struct gf_span sealed = {p->receipts[i].bytes, p->receipts[i].size};
        gasm_Receipt r;
        char at[21], op[2 * GF_UUID_LEN + 1];

        if (mc_receipt_peek(sealed, &r) < 0)
            continue;
        gf_hex(r.op_id.bytes, r.op_id.size, op);
        ENTRY(s, "entries", NUMBER("seq", r.seq), TIME("at", time_text(r.at_s, at)),
              WORDS("command", command_text(r.command)), NUMBER("account", r.account_no),
              NUMBER("key_epoch", r.key_epoch), NUMBER("ticket", r.ticket_serial),
              HEX("op_id", op));
    }
}

/* ---- the whole ---- */

static void show_body(const struct talk_sink *s, const gasm_Response *a, bool monthly)
{
    switch (a->which_body) {
    case gasm_Response_identity_tag:
        show_identity(s, &a->body.identity);
        return;
    case gasm_Response_balance_tag:
        show_balance(s, &a->body.balance);
        return;
    case gasm_Response_purge_tag:
        show_purge(s, &a->body.purge);
        return;
    case gasm_Response_clock_set_tag:
        moment(s, "old", a->body.clock_set.old_s);
        yes(s, "old_valid", a->body.clock_set.old_valid);
        moment(s, "new", a->body.clock_set.new_s);
        return;
    case gasm_Response_parameters_tag:
        show_parameters(s, &a->body.parameters);
        return;
    case gasm_Response_receipts_tag:
        show_receipts(s, &a->body.receipts);
        return;
    case gasm_Response_history_tag:
        show_history(s, &a->body.history, monthly);
        return;
    case gasm_Response_purchases_tag:
        show_purchases(s, &a->body.purchases);
        return;
    case gasm_Response_events_tag:
        show_events(s, &a->body.events);
        return;
    case gasm_Response_supply_tag:
        show_supply(s, &a->body.supply);
        return;
    case gasm_Response_closed_tag:
        show_closed(s, &a->body.closed);
        return;
    case gasm_Response_self_test_tag:
        show_self_test(s, &a->body.self_test);
        return;
    default:
        return;
    }
}

void talk_show(const gasm_Response *answer, bool monthly, const struct talk_sink *sink)
{
    gasm_Receipt receipt;
    char result[24];

    words(sink, "command", command_text(answer->command));
    words(sink, "result", answer->result == gasm_Refusal_OK
                              ? "OK"
                              : first_word(refusal_text(answer->result), result, sizeof result));
    if (answer->place != 0)
        number(sink, "place", answer->place);
    show_body(sink, answer, monthly);
    struct gf_span sealed = {answer->receipt.bytes, answer->receipt.size};

    if (mc_receipt_peek(sealed, &receipt) == 0)
        number(sink, "receipt", (int64_t)receipt.seq);
}
