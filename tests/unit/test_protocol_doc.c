/* test_protocol_doc.c - docs/protocol.md says what the code says, tables and a session in bytes.
 * GENERATE=1 writes the printed sections anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/commands.h"
#include "meter-core/link.h"
#include "meter-core/pb.h"
#include "meter-core/purge.h"
#include "meter-core/swap.h"
#include "meter-core/token.h"
#include "tests/aid/document.h"
#include "tests/aid/meter_world.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* ---- tables of words: a value of the schema without a row here is an error ---- */

struct word {
    const char *word, *text, *todo;
};

static const struct word refusals[_gasm_Refusal_ARRAYSIZE] = {
    [gasm_Refusal_OK] = {"OK", "done, or read", "go on"},
    [gasm_Refusal_FORMAT] = {"FORMAT", "the bytes are not in the form that is asked for",
                             "correct the client; never repeat as it is"},
    [gasm_Refusal_OLD] = {"OLD", "a ticket that expired or lies below the serial floor; an "
                                 "operation too old to be judged; a number that was passed",
                          "fetch a new ticket; read the receipts before a new operation"},
    [gasm_Refusal_USED] = {"USED", "the ticket's uses, or what is taken only once, are used up",
                           "fetch a new ticket"},
    [gasm_Refusal_WRONG_METER] = {"WRONG_METER", "made for another meter",
                                  "compare the meter id with the label"},
    [gasm_Refusal_KEY_EXPIRED] = {"KEY_EXPIRED", "of a key epoch that the meter does not have "
                                                 "any more, or not yet",
                                  "look at active_epoch, fetch what belongs to that epoch"},
    [gasm_Refusal_RANGE] = {"RANGE", "a value outside its limits; `place` says which",
                            "correct the value"},
    [gasm_Refusal_OVERFLOW] = {"OVERFLOW", "no room: balance above its limit, or 32 tickets "
                                           "counted",
                               "try again later; what was sent stays good"},
    [gasm_Refusal_STATE] = {"STATE", "not in this state of the meter",
                            "`identify`, and do what comes first"},
    [gasm_Refusal_RIGHT] = {"RIGHT", "the ticket does not allow it", "use another ticket"},
    [gasm_Refusal_LOCKED_OUT] = {"LOCKED_OUT", "locked until a wait is over, or somebody with the "
                                               "right lifts the lock",
                                 "wait typed_wait_s; or unlock (RIGHT_UNLOCK)"},
    [gasm_Refusal_BATTERY] = {"BATTERY", "the battery is below its limit", "change the battery"},
    [gasm_Refusal_TEMPERATURE] = {"TEMPERATURE", "outside the temperature limits",
                                  "wait until it is warmer or colder"},
    [gasm_Refusal_CLOCK] = {"CLOCK", "the clock is lost, not set, or the time is not allowed",
                            "`set_clock`, or wait for the ticket's not_before_s"},
    [gasm_Refusal_MISMATCH] = {"MISMATCH", "does not belong together: another key, another "
                                           "content under the same id",
                               "do not repeat; report it"},
    [gasm_Refusal_NVM] = {"NVM", "the journal cannot be used; nothing was done",
                          "try once more; then the meter needs service"},
    [gasm_Refusal_PROOF] = {"PROOF", "a message could not be opened, or the proof is wrong",
                            "hello again; if it stays, the ticket's key is wrong"},
    [gasm_Refusal_BUSY] = {"BUSY", "not at this moment: a hello too soon, the motor moves, or the "
                                   "flash must be erased first",
                           "try again after a second (or retry_after_s)"},
};

static const struct word stages[_gasm_Stage_ARRAYSIZE] = {
    [gasm_Stage_STAGE_FORMAT] = {"FORMAT", "not understood", NULL},
    [gasm_Stage_STAGE_AUTHENTICATION] = {"AUTHENTICATION", "understood; the ticket does not allow "
                                                           "it",
                                         NULL},
    [gasm_Stage_STAGE_VALIDATION] = {"VALIDATION", "allowed; state or content forbid it", NULL},
    [gasm_Stage_STAGE_EXECUTION] = {"EXECUTION", "done (OK), or the journal could not take it (NVM,"
                                                 " BUSY: nothing was done)",
                                    NULL},
};

static const struct word roles[_gasm_Role_ARRAYSIZE] = {
    [gasm_Role_ROLE_NONE] = {"-", "no ticket has it", NULL},
    [gasm_Role_INSTALLER] = {"INSTALLER", "opens accounts", NULL},
    [gasm_Role_SWAP] = {"SWAP", "swaps meters", NULL},
    [gasm_Role_MAINTENANCE] = {"MAINTENANCE", "repairs", NULL},
    [gasm_Role_SUPERVISOR] = {"SUPERVISOR", "may clear credit in service", NULL},
    [gasm_Role_INSPECTOR] = {"INSPECTOR", "reads", NULL},
    [gasm_Role_CUSTOMER] = {"CUSTOMER", "the customer; no serial floor", NULL},
    [gasm_Role_BENCH] = {"BENCH", "the workshop", NULL},
};

static const struct word rights[] = {
    [gasm_Right_RIGHT_READ] = {"READ", "balance, parameters, receipts, logs", NULL},
    [gasm_Right_RIGHT_KEY] = {"KEY", "`install_key`", NULL},
    [gasm_Right_RIGHT_OPEN] = {"OPEN", "`open_account`", NULL},
    [gasm_Right_RIGHT_PURGE] = {"PURGE", "purge grants", NULL},
    [gasm_Right_RIGHT_CLEAR] = {"CLEAR", "`zero_clear`", NULL},
    [gasm_Right_RIGHT_CLOCK] = {"CLOCK", "`set_clock`", NULL},
    [gasm_Right_RIGHT_PARAMETERS] = {"PARAMETERS", "`set_parameters`", NULL},
    [gasm_Right_RIGHT_COMMISSION] = {"COMMISSION", "`commission`", NULL},
    [gasm_Right_RIGHT_SUPERVISE] = {"SUPERVISE", "besides CLEAR, for `zero_clear` in service",
                                    NULL},
    [gasm_Right_RIGHT_RECHARGE] = {"RECHARGE", "`recharge`", NULL},
    [gasm_Right_RIGHT_VALVE] = {"VALVE", "`valve_arm`, `valve_close`", NULL},
    [gasm_Right_RIGHT_UNLOCK] = {"UNLOCK", "besides VALVE, to arm a meter that is locked", NULL},
    [gasm_Right_RIGHT_CLOSE] = {"CLOSE", "`close_account`", NULL},
    [gasm_Right_RIGHT_IMPORT] = {"IMPORT", "`import_credit`", NULL},
    [gasm_Right_RIGHT_TEST] = {"TEST", "`self_test`", NULL},
    [gasm_Right_RIGHT_BENCH] = {"BENCH", "`reset_to_factory`", NULL},
};

static const struct word kinds[] = {
    [MC_KIND_CLIENT_HELLO] = {"ClientHello", "client", "the message, as it is"},
    [MC_KIND_SERVER_HELLO] = {"ServerHello", "meter", "the message, as it is"},
    [MC_KIND_FIRST] = {"Request, first", "client", "counter 8, proof_c 32, sealed"},
    [MC_KIND_REQUEST] = {"Request", "client", "counter 8, sealed"},
    [MC_KIND_ANSWER] = {"Response", "meter", "counter 8, sealed"},
    [MC_KIND_REFUSAL] = {"HelloRefusal", "meter", "the message, as it is"},
};

static const struct word ends[_gasm_PurgeEnd_ARRAYSIZE] = {
    [gasm_PurgeEnd_PURGE_NOT_ENDED] = {"-", "it is alive, or there was none", NULL},
    [gasm_PurgeEnd_PURGE_STOPPED] = {"STOPPED", "by `purge_stop`", NULL},
    [gasm_PurgeEnd_PURGE_VOLUME] = {"VOLUME", "its litres have flowed", NULL},
    [gasm_PurgeEnd_PURGE_TIME] = {"TIME", "its seconds are over", NULL},
    [gasm_PurgeEnd_PURGE_PRESENCE] = {"PRESENCE", "no keep-alive in time", NULL},
    [gasm_PurgeEnd_PURGE_LINK] = {"LINK", "session or connection ended", NULL},
    [gasm_PurgeEnd_PURGE_RESET] = {"RESET", "the meter lost its power; receipted at the next start",
                                   NULL},
    [gasm_PurgeEnd_PURGE_FAULT] = {"FAULT", "valve, battery, temperature or journal", NULL},
};

static void print_words(FILE *f, const char *head, const struct word *rows, size_t n, size_t first)
{
    bool todo = rows[first].todo != NULL;

    fprintf(f, "| number | %s |\n|---|---|---|%s\n", head, todo ? "---|" : "");
    for (size_t i = first; i < n; i++) {
        assert_non_null(rows[i].word);
        fprintf(f, "| %zu | %s | %s |", i, rows[i].word, rows[i].text);
        if (todo)
            fprintf(f, " %s |", rows[i].todo);
        fputc('\n', f);
    }
}

static void print_service(FILE *f)
{
    fprintf(f, "| what | UUID | properties |\n|---|---|---|\n"
               "| service | `" MC_UUID_SERVICE "` | |\n"
               "| RX | `" MC_UUID_RX "` | write without response: fragments to the meter |\n"
               "| TX | `" MC_UUID_TX "` | notify: fragments from the meter |\n"
               "| CTL | `" MC_UUID_CTL "` | read, write |\n");
}

static void print_kinds(FILE *f)
{
    print_words(f, "message | sent by | after the kind", kinds, COUNT(kinds), 1);
}

static void print_refusals(FILE *f)
{
    print_words(f, "word | what happened | what to do", refusals, COUNT(refusals), 0);
}

static void print_stages(FILE *f)
{
    print_words(f, "reached | meaning", stages, COUNT(stages), 0);
}

static void print_roles(FILE *f)
{
    print_words(f, "role | who", roles, COUNT(roles), 1);
    fputc('\n', f);
    print_words(f, "right (bit) | for", rights, COUNT(rights), 0);
}

static void print_ends(FILE *f)
{
    print_words(f, "purge_end | why the grant ended", ends, COUNT(ends), 0);
}

static void print_times(FILE *f)
{
    fprintf(f, "| rule | time |\n|---|---|\n"
               "| from connecting to the first right proof | %d s, else dropped |\n"
               "| from the first fragment (of the connection, or since the last session ended) to "
               "the first right proof | %d s, else dropped |\n"
               "| without a request in a session | %d s, then dropped: send `identify` every 10 s "
               "|\n"
               "| between two hellos, whoever sends them | %d s: the second gets BUSY |\n"
               "| between two `purge_keepalive` | %d s at most, else the grant ends |\n"
               "| events about refused hellos | one in %d s |\n",
            MC_CONNECT_MS / 1000, MC_HEARD_MS / 1000, MC_SILENCE_MS / 1000, MC_HELLO_MS / 1000,
            MC_PRESENCE_MS / 1000, MC_REFUSED_LOG_MS / 1000);
}

static void print_pages(FILE *f)
{
    fprintf(f, "| what | a page holds | kept |\n|---|---|---|\n"
               "| receipts | %zu | %d |\n",
            COUNT(((gasm_Receipts *)0)->receipts), MC_OPS_KEPT);
#define ROW(text, type, kept) \
    fprintf(f, "| " text " | %zu | %d |\n", COUNT(((type *)0)->entries), kept)
#define X(name, tag, size, keep, last) enum { KEEP_##name = (keep) };
    MC_LOG_TABLE(X)
#undef X
    ROW("gas days", gasm_History, KEEP_DAYS);
    ROW("months", gasm_History, KEEP_MONTHS);
    ROW("purchases", gasm_Purchases, KEEP_PURCHASES);
    ROW("events", gasm_Events, KEEP_EVENTS);
#undef ROW
}

static void print_numbers(FILE *f)
{
    static const struct {
        const char *text;
        uint64_t v;
    } rows[] = {
        {"protocol version", MC_PROTOCOL_VERSION},
        {"bytes of a fragment, at least", MC_FRAGMENT_MIN},
        {"bytes of a fragment, at most", MC_FRAGMENT_MAX},
        {"bytes of a message, at most", MC_MESSAGE_MAX},
        {"fragments that an end grants", MC_WINDOW},
        {"bytes of a ticket, at most", MC_TICKET_MAX},
        {"bytes of a key envelope, at most", MC_ENVELOPE_MAX},
        {"bytes of a sealed receipt, at most", MC_RECEIPT_MAX},
        {"bytes of a sealed token, at most", MC_TOKEN_MAX},
        {"bytes of swap terms, at most", MC_TERMS_MAX},
        {"bytes of a swap key, at most", MC_SWAP_KEY_MAX},
        {"bytes of a sealed certificate, at most", MC_CERTIFICATE_MAX},
        {"operations remembered, and receipts kept", MC_OPS_KEPT},
        {"tickets counted at a time", MC_COUNTED},
        {"swap cases remembered", MC_CASES},
        {"pulses of one purge grant, at most", MC_GRANT_PULSES_MAX},
        {"a ceiling of a token, at most (litres)", MC_CEILING_MAX_L},
        {"a sequence of a token, at most", MC_SEQUENCE_MAX},
        {"digits of a typed token", MC_TYPED_DIGITS},
    };

    fprintf(f, "| what | value |\n|---|---|\n");
    for (size_t i = 0; i < COUNT(rows); i++)
        fprintf(f, "| %s | %llu |\n", rows[i].text, (unsigned long long)rows[i].v);
}

/* ---- a session in bytes ---- */

#define MTU 65

/* "name: hex", 32 bytes a line. */
static void value(FILE *f, const char *name, const void *p, size_t n)
{
    const uint8_t *b = p;

    fprintf(f, "%s:", name);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s%02x", i > 0 && i % 32 == 0 ? "\n    " : i == 0 ? " " : "", b[i]);
    fputc('\n', f);
}

struct talk {
    FILE *f;
    struct aid_world *w;
    struct mc_pipe pipe;
};

/* Send a message, print all fragments, and return the answer (valid until the next call). */
static const uint8_t *exchange(struct talk *t, const uint8_t *msg, size_t n, size_t *ret_n)
{
    uint8_t frag[MC_FRAGMENT_MAX];
    enum mc_feed fed = MC_FEED_MORE;
    bool moved = true;
    size_t len;

    assert_int_equal(mc_pipe_send(&t->pipe, msg, n), 0);
    while (moved && fed == MC_FEED_MORE) {
        moved = false;
        while ((len = mc_pipe_next(&t->pipe, frag, sizeof frag)) > 0) {
            value(t->f, "write RX", frag, len);
            mc_meter_rx(t->w->meter, frag, len);
            moved = true;
        }
        while (fed == MC_FEED_MORE && (len = mc_meter_tx(t->w->meter, frag, sizeof frag)) > 0) {
            value(t->f, "notify TX", frag, len);
            fed = mc_pipe_feed(&t->pipe, frag, len);
            moved = true;
        }
    }
    assert_int_equal(fed, MC_FEED_MESSAGE);
    return mc_pipe_message(&t->pipe, ret_n);
}

static void print_opening(struct talk *t)
{
    uint8_t ctl[MC_CTL_LEN], write[MC_CTL_RESET_LEN], id_hash[MC_ID_HASH_LEN];
    struct mc_ctl_reset reset = {.fragment_limit = MC_FRAGMENT_MAX, .credits = MC_WINDOW};
    struct mc_ctl read;

    assert_int_equal(mc_id_hash(t->w->ports.crypto, AID_METER_ID, id_hash), 0);
    fprintf(t->f, "\n# find the meter, read CTL, write the reset\n");
    value(t->f, "id hash", id_hash, sizeof id_hash);
    mc_meter_connected(t->w->meter, MTU);
    mc_meter_ctl_read(t->w->meter, ctl);
    value(t->f, "read CTL", ctl, sizeof ctl);
    assert_int_equal(mc_ctl_decode(ctl, sizeof ctl, &read), 0);
    reset.fragment_epoch = (uint8_t)((read.fragment_epoch + 1) & 15);
    mc_ctl_reset_encode(&reset, write);
    value(t->f, "write CTL", write, sizeof write);
    assert_int_equal(mc_meter_ctl_write(t->w->meter, write, sizeof write), 0);
    mc_pipe_reset(&t->pipe, reset.fragment_epoch, MTU - 3, read.credits);
}

static void print_keys(struct talk *t, const struct mc_session *s, const uint8_t *hello, size_t n,
                       const uint8_t *welcome)
{
    const struct mc_crypto *c = t->w->ports.crypto;
    static const uint8_t version = MC_PROTOCOL_VERSION;
    const struct gf_span parts[] = {{&version, 1}, {hello + 1, n - 1}, {welcome + 1, 18}};
    uint8_t h[MC_HASH_LEN];

    assert_int_equal(c->sha256(c->ctx, parts, 3, h), 0);
    fprintf(t->f, "\n# what both compute\n");
    value(t->f, "nonce_c", s->nonce_c, sizeof s->nonce_c);
    value(t->f, "nonce_m", welcome + 3, 16);
    value(t->f, "H", h, sizeof h);
    value(t->f, "proof_c", s->proof_c, sizeof s->proof_c);
    value(t->f, "key_c2m", s->key_c2m, sizeof s->key_c2m);
    value(t->f, "key_m2c", s->key_m2c, sizeof s->key_m2c);
}

static void print_request(struct talk *t, struct mc_session *s)
{
    const struct mc_crypto *c = t->w->ports.crypto;
    gasm_Request request = {.command = gasm_Command_IDENTIFY};
    static gasm_Response response;
    uint8_t plain[gasm_Response_size], msg[MC_MESSAGE_MAX];
    const uint8_t *answer;
    size_t len;
    int n = mc_pb_encode(gasm_Request_fields, &request, plain, sizeof plain);

    fprintf(t->f, "\n# the first request, identify, with proof_c, and its answer\n");
    value(t->f, "Request", plain, (size_t)n);
    n = mc_client_seal(s, c, &request, msg, sizeof msg);
    assert_true(n > 0);
    value(t->f, "message", msg, (size_t)n);
    answer = exchange(t, msg, (size_t)n, &len);
    value(t->f, "message", answer, len);
    assert_int_equal(mc_client_open(s, c, answer, len, &response), 0);
    assert_int_equal(response.result, gasm_Refusal_OK);
    n = mc_pb_encode(gasm_Response_fields, &response, plain, sizeof plain);
    assert_true(n > 0);
    value(t->f, "Response", plain, (size_t)n);
    fprintf(t->f,
            "# reached %d, receipt_seq %d; Identity: state %d, allowed 0x%x, active_epoch %d, "
            "valve %d, pulse_l %d,\n# uses_left %d, firmware 0x%x, meter_type %d\n",
            (int)response.reached, (int)response.receipt_seq,
            (int)response.body.identity.state, (unsigned)response.body.identity.allowed,
            (int)response.body.identity.active_epoch, (int)response.body.identity.valve,
            (int)response.body.identity.pulse_l, (int)response.body.identity.uses_left,
            (unsigned)response.body.identity.firmware, (int)response.body.identity.meter_type);
}

static void print_session(FILE *f)
{
    static const uint8_t run_id[] = "example of a run";
    static struct mc_session s;
    struct talk t = {.f = f, .w = aid_world_new(2026, 1)};
    gasm_Ticket ticket = aid_world_ticket(0, 7);
    struct aid_pass pass;
    uint8_t hello[MC_MESSAGE_MAX], root[MC_KEY_LEN];
    const uint8_t *welcome;
    gasm_HelloRefusal refusal;
    size_t n;
    int len;

    ticket.rights = 1u << gasm_Right_RIGHT_READ | 1u << gasm_Right_RIGHT_KEY;
    ticket.account_no = ticket.purge_volume_l = ticket.purge_grant_s = 0;
    pass = aid_world_pass_of(&ticket);
    aid_world_root(0, root);
    fprintf(f, "```\n# what head office handed out; the root key is shown for checking only\n");
    value(f, "K[0]", root, sizeof root);
    value(f, "ticket", pass.ticket, pass.ticket_n);
    value(f, "K_ticket", pass.key, sizeof pass.key);
    print_opening(&t);
    len = mc_client_hello(&s, &t.w->random_port, (struct gf_span){pass.ticket, pass.ticket_n},
                          pass.key, run_id, hello, sizeof hello);
    assert_true(len > 0);
    fprintf(f, "\n# hello and welcome\n");
    value(f, "message", hello, (size_t)len);
    welcome = exchange(&t, hello, (size_t)len, &n);
    value(f, "message", welcome, n);
    assert_int_equal(mc_client_welcome(&s, t.w->ports.crypto, welcome, n, &refusal), 0);
    print_keys(&t, &s, hello, (size_t)len, welcome);
    print_request(&t, &s);
    fprintf(f, "```\n");
    aid_world_free(t.w);
}

static void test_document(void **state)
{
    static const struct aid_section sections[] = {
        {"service", print_service},
        {"kinds", print_kinds},
        {"roles and rights", print_roles},
        {"times", print_times},
        {"stages", print_stages},
        {"refusals", print_refusals},
        {"pages", print_pages},
        {"ends", print_ends},
        {"numbers", print_numbers},
        {"session", print_session},
    };

    (void)state;
    aid_document_settle("docs/protocol.md", sections, COUNT(sections));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
