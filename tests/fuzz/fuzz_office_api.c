/* fuzz_office_api.c - everything that is asked of head office without a laptop's records: JSON
 * against the tables, every route by every kind of caller, paths, queries, signed messages.
 *
 * Input: what it is (enum kind) 1 | a route 1 | who asks 1 | bytes: a body, or what the kind says.
 */
#include "backend/api.h"
#include "backend/webhook.h"
#include "common/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/office.h"

enum kind { CHECK, CALL, QUERY, PATH, HEADER, SIGNED, KINDS };

static const struct api_route *route_of(unsigned n)
{
    size_t all = 0;

    for (size_t p = 0; p < api_n_parts; p++)
        all += api_parts[p]->n;
    n %= (unsigned)all;
    for (size_t p = 0;; p++) {
        if (n < api_parts[p]->n)
            return &api_parts[p]->routes[n];
        n -= (unsigned)api_parts[p]->n;
    }
}

/* What is taken says the same when it is written and read again. */
static void check(const struct api_message *m, struct gf_span bytes)
{
    struct gf_fail why = { 0 };
    json_t *json = api_decode(bytes, &why);
    char *text;

    FUZZ_INSIST((json == NULL) == (why.code != 0), "refused without a reason, or taken with one");
    if (json != NULL && (m == NULL || api_check(m, json, &why) == 0)) {
        text = json_dumps(json, 0);
        json_t *again = text != NULL
                            ? api_decode((struct gf_span){ (uint8_t *)text, strlen(text) }, NULL)
                            : NULL;
        FUZZ_INSIST(again != NULL && json_equal(json, again), "JSON is not read as it is written");
        json_decref(again);
        free(text);
    }
    json_decref(json);
}

static const char *caller(unsigned who, const struct api_route *route)
{
    switch (who % 10) {
    case 6:
        return "";
    case 7:
        each_session();
        return each_token;
    case 8:
        return each_revoked;
    case 9:
        return each_friend(route);
    default:
        return each_devices[who % 6 == 5 ? 0 : who % 6];
    }
}

/* Nothing goes wrong inside. Counts are a service's: there is none here. */
static void is_sound(const struct each_got *got)
{
    FUZZ_INSIST(got->status < 500 || strcmp(got->error, "metrics") == 0, got->message);
}

static void call(const struct api_route *route, const char *who, struct gf_span bytes)
{
    char path[256];
    struct each_got got;

    each_path(route, path);
    got = each_call_raw(route->method, path, NULL, who,
                        route->content_type != NULL ? route->content_type
                        : route->takes != NULL      ? "application/json"
                                                    : "",
                        bytes.p, bytes.n);
    is_sound(&got);
    FUZZ_INSIST(route->door == API_OPEN || strcmp(who, each_revoked) != 0 || got.status >= 400,
                "who is shut out is answered");
}

/* bytes as a text: what is behind a NUL is not seen. */
static char *text_of(struct gf_span bytes)
{
    char *text = malloc(bytes.n + 1);

    FUZZ_INSIST(text != NULL, "no memory");
    memcpy(text, bytes.p, bytes.n);
    text[bytes.n] = '\0';
    return text;
}

static void query(const struct api_route *route, const char *who, struct gf_span bytes)
{
    char path[256], *text = text_of(bytes);
    struct each_got got;

    each_path(route, path);
    got = each_call_raw(route->method, path, text, who, "", "", 0);
    is_sound(&got);
    free(text);
}

static void walk(const struct api_route *route, const char *who, struct gf_span bytes)
{
    char *text = text_of(bytes), plain[64];
    struct each_got got = each_call_raw(route->method, text, NULL, who, "", "", 0);

    is_sound(&got);
    if (api_unescape(text, strlen(text), plain, sizeof plain))
        FUZZ_INSIST(strlen(plain) <= strlen(text), "a path grew");
    free(text);
}

/* header | LF | body: nobody has signed it. */
static void header(struct gf_span bytes)
{
    char *text = text_of(bytes), *body = strchr(text, '\n');
    struct gf_fail why = { 0 };

    if (body != NULL) {
        *body++ = '\0';
        FUZZ_INSIST(webhook_check(each_office.ports.crypto, fuzz_provider_secret, text,
                                  (struct gf_span){ (uint8_t *)body, strlen(body) },
                                  AID_NOW_MS / 1000, &why)
                        != 0,
                    "what nobody signed is taken");
        FUZZ_INSIST(why.code != 0, "refused without a reason");
    }
    free(text);
}

/* The provider's own words. */
static void speak(struct gf_span bytes)
{
    const struct mc_crypto *c = each_office.ports.crypto;
    char digits[32], hex[65], line[128];
    uint8_t mac[32];
    struct http_response response;

    (void)snprintf(digits, sizeof digits, "%lld.", (long long)(AID_NOW_MS / 1000));
    const struct gf_span parts[] = { { (const uint8_t *)digits, strlen(digits) }, bytes };
    FUZZ_INSIST(c->hmac(c->ctx, fuzz_provider_secret, HO_KEY_LEN, parts, 2, mac) == 0, "no HMAC");
    gf_hex(mac, sizeof mac, hex);
    (void)snprintf(line, sizeof line, "t=%lld,v1=%s", (long long)(AID_NOW_MS / 1000), hex);

    const struct http_request request = { .method = "POST",
                                          .path = "/v1/webhooks/" FUZZ_PROVIDER,
                                          .content_type = "application/json",
                                          .peer = "192.0.2.9",
                                          .identity = "",
                                          .signature = line,
                                          .body = bytes };
    office_handle(each_office.o, &request, &response);
    FUZZ_INSIST(response.status != 401 && response.status < 500 && response.status != 200,
                "a message of no payment is answered so");
    buf_free(&response.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gf_reader in = { data, size, false };
    unsigned kind = (unsigned)gf_rd_uint(&in, 1) % KINDS;
    const struct api_route *route = route_of((unsigned)gf_rd_uint(&in, 1));
    unsigned who = (unsigned)gf_rd_uint(&in, 1);
    struct gf_span bytes;
    uint8_t *p = fuzz_take(&in, in.left, &bytes.n);

    bytes.p = p;
    (void)fuzz_office();
    switch ((enum kind)kind) {
    case CHECK:
        check(route->takes, bytes);
        break;
    case CALL:
        call(route, caller(who, route), bytes);
        break;
    case QUERY:
        query(route, caller(who, route), bytes);
        break;
    case PATH:
        walk(route, caller(who, route), bytes);
        break;
    case HEADER:
        header(bytes);
        break;
    case SIGNED:
        speak(bytes);
        break;
    case KINDS:
        break;
    }
    fuzz_office_back();
    free(p);
    return 0;
}
