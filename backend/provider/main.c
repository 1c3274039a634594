/* main.c - payprovider: a payment provider to try head office with: signs messages and sends them,
 * as docs/payments.md says.
 */
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/bytes.h"
#include "common/host/real.h"
#include "common/ids.h"
#include "common/text.h"

#define SECRET_LEN 32
#define BODY_MAX 4096
#define ANSWER_MAX 4096
#define HEADER_MAX 128
#define TRIES_MAX 5
#define BACKOFF_FIRST_MS 500 /* doubled after each try */
#define TIMEOUT_MS 15000L

static const char usage[] =
    "usage: payprovider pay --url URL --ca FILE --secret FILE --payment UUID --amount MINOR\n"
    "           --currency EUR [--status paid|failed] [--reason TEXT] [--ref REF] [--event ID]\n"
    "           [--times N] [--at UNIX] [--alter]\n"
    "       payprovider sign --secret FILE --at UNIX < BODY\n"
    "\n"
    "pay sends head office the signed message that a payment was made, or failed, and prints the\n"
    "answer; sign prints the header that signs a body.\n"
    "\n"
    "  --url URL       https://HOST:PORT/v1/webhooks/NAME\n"
    "  --ca FILE       head office's CA, PEM\n"
    "  --secret FILE   64 hex digits, the ones that head office was given\n"
    "  --payment UUID  that head office asked for\n"
    "  --amount MINOR  in minor units of the currency\n"
    "  --ref REF       the provider's own number; PAY- and the payment's id unless said\n"
    "  --event ID      of the message; EVT- and the payment's id unless said\n"
    "  --times N       send the same message so often, 1 to 100; once unless said\n"
    "  --at UNIX       sign as if it were that second; now unless said\n"
    "  --alter         change the amount after signing: head office has to refuse it\n";

struct options {
    const char *url, *ca, *secret_file, *currency, *status, *reason, *ref, *event;
    char payment[GF_UUID_TEXT], own_ref[64], own_event[64];
    int64_t amount_minor, times, at_s; /* at_s below 0: now */
    bool alters;
    uint8_t secret[SECRET_LEN];
};

/* ---- arguments ---- */

static int wrong(struct gf_fail *why, const char *name, const char *what)
{
    return gf_fail(why, GF_E_USAGE, name, what);
}

static int read_secret(struct options *o, struct gf_fail *why)
{
    char text[2 * SECRET_LEN + 8];
    int n = o->secret_file != NULL
                ? gf_file_read(o->secret_file, (uint8_t *)text, sizeof text - 1, why)
                : wrong(why, "--secret", "is needed");

    if (n < 0)
        return n;
    text[n] = '\0';
    text[strcspn(text, " \t\r\n")] = '\0';
    n = gf_unhex(text, o->secret, SECRET_LEN);
    gf_wipe(text, sizeof text);
    return n == 0 ? 0 : gf_fail(why, GF_E_FORMAT, "secret", "the file has to hold 64 hex digits");
}

static int read_payment(struct options *o, const char *text, struct gf_fail *why)
{
    uint8_t id[GF_UUID_LEN];

    if (gf_uuid_parse(text, id) != 0)
        return wrong(why, "--payment", "has to be a UUID");
    gf_uuid_text(id, o->payment);
    return 0;
}

static int read_option(struct options *o, int option, struct gf_fail *why)
{
    switch (option) {
    case 'u':
        o->url = optarg;
        return 0;
    case 'c':
        o->ca = optarg;
        return 0;
    case 's':
        o->secret_file = optarg;
        return 0;
    case 'p':
        return read_payment(o, optarg, why);
    case 'a':
        return gf_parse_int(optarg, 1, INT64_C(1000000000000), &o->amount_minor) == 0
                   ? 0
                   : wrong(why, "--amount", "has to be 1 to 10^12");
    case 'y':
        o->currency = optarg;
        return 0;
    case 't':
        o->status = optarg;
        return strcmp(optarg, "paid") == 0 || strcmp(optarg, "failed") == 0
                   ? 0
                   : wrong(why, "--status", "has to be paid or failed");
    case 'r':
        o->reason = optarg;
        return 0;
    case 'f':
        o->ref = optarg;
        return 0;
    case 'e':
        o->event = optarg;
        return 0;
    case 'n':
        return gf_parse_int(optarg, 1, 100, &o->times) == 0
                   ? 0
                   : wrong(why, "--times", "has to be 1 to 100");
    case 'w':
        return gf_parse_int(optarg, 0, INT64_C(9999999999), &o->at_s) == 0
                   ? 0
                   : wrong(why, "--at", "has to be seconds since 1970");
    case 'x':
        o->alters = true;
        return 0;
    default:
        return wrong(why, "payprovider", "unknown option, or one without its value");
    }
}

static int read_options(struct options *o, int argc, char **argv, struct gf_fail *why)
{
    static const struct option all[] = {
        { "url", required_argument, NULL, 'u' },    { "ca", required_argument, NULL, 'c' },
        { "secret", required_argument, NULL, 's' }, { "payment", required_argument, NULL, 'p' },
        { "amount", required_argument, NULL, 'a' }, { "currency", required_argument, NULL, 'y' },
        { "status", required_argument, NULL, 't' }, { "reason", required_argument, NULL, 'r' },
        { "ref", required_argument, NULL, 'f' },    { "event", required_argument, NULL, 'e' },
        { "times", required_argument, NULL, 'n' },  { "at", required_argument, NULL, 'w' },
        { "alter", no_argument, NULL, 'x' },        { 0 },
    };
    int option, r = 0;

    *o = (struct options){ .status = "paid", .times = 1, .at_s = -1 };
    opterr = 0;
    while (r == 0 && (option = getopt_long(argc, argv, "", all, NULL)) != -1)
        r = read_option(o, option, why);
    if (r == 0 && optind < argc)
        r = wrong(why, argv[optind], "is not understood");
    return r == 0 ? read_secret(o, why) : r;
}

static int check_pay(struct options *o, struct gf_fail *why)
{
    if (o->url == NULL || o->ca == NULL || o->payment[0] == '\0' || o->amount_minor == 0
        || o->currency == NULL)
        return wrong(why, "pay", "--url, --ca, --payment, --amount and --currency are needed");
    (void)snprintf(o->own_ref, sizeof o->own_ref, "PAY-%s", o->payment);
    (void)snprintf(o->own_event, sizeof o->own_event, "EVT-%s", o->payment);
    if (o->ref == NULL)
        o->ref = o->own_ref;
    if (o->event == NULL)
        o->event = o->own_event;
    return 0;
}

/* ---- the message ---- */

static int64_t now_s(const struct options *o)
{
    const struct gf_clock *clock = gf_real_clock();

    return o->at_s >= 0 ? o->at_s : clock->utc_ms(clock->ctx) / 1000;
}

/* "t=UNIX,v1=HEX" of a body. */
static int sign(const struct options *o, const char *body, size_t n, char ret[static HEADER_MAX],
                struct gf_fail *why)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    char hex[2 * 32 + 1], digits[24];
    unsigned mac_n = 0;
    size_t head_n;
    uint8_t *text;

    (void)snprintf(digits, sizeof digits, "%lld.", (long long)now_s(o));
    head_n = strlen(digits);
    if ((text = malloc(head_n + n + 1)) == NULL)
        return gf_fail(why, GF_E_MEMORY, "message", "");
    memcpy(text, digits, head_n);
    memcpy(text + head_n, body, n);

    bool ok = HMAC(EVP_sha256(), o->secret, SECRET_LEN, text, head_n + n, mac, &mac_n) != NULL
              && mac_n == 32;
    free(text);
    if (!ok)
        return gf_fail(why, GF_E_CRYPTO, "message", "HMAC-SHA-256");
    gf_hex(mac, 32, hex);
    digits[head_n - 1] = '\0';
    (void)snprintf(ret, HEADER_MAX, "t=%s,v1=%s", digits, hex);
    return 0;
}

/* The body; the caller frees it. */
static char *make_body(const struct options *o, int64_t amount_minor)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "event_id", o->event, "payment_id", o->payment,
                  "provider_ref", o->ref, "amount_minor", (json_int_t)amount_minor, "currency",
                  o->currency, "status", o->status);
    char *ret = NULL;

    if (json != NULL
        && (o->reason == NULL || json_object_set_new(json, "reason", json_string(o->reason)) == 0))
        ret = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return ret;
}

/* ---- sending ---- */

struct answer {
    char text[ANSWER_MAX];
    size_t n;
};

static size_t take(char *p, size_t size, size_t n, void *ctx)
{
    struct answer *a = ctx;

    if (n * size > sizeof a->text - 1 - a->n)
        return 0;
    memcpy(a->text + a->n, p, n * size);
    a->n += n * size;
    a->text[a->n] = '\0';
    return n * size;
}

static bool set_up(CURL *e, const struct options *o, struct curl_slist *headers, const char *body,
                   struct answer *answer)
{
    return curl_easy_setopt(e, CURLOPT_URL, o->url) == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_CAINFO, o->ca) == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, TIMEOUT_MS) == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers) == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_POSTFIELDS, body) == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take) == CURLE_OK
           && curl_easy_setopt(e, CURLOPT_WRITEDATA, answer) == CURLE_OK;
}

/* Send once: the HTTP status, or a failure. */
static int post(const struct options *o, const char *body, const char *signature,
                struct answer *answer, struct gf_fail *why)
{
    char header[HEADER_MAX + 32];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json"), *more;
    CURL *e = curl_easy_init();
    long status = 0;
    CURLcode code = CURLE_OUT_OF_MEMORY;

    (void)snprintf(header, sizeof header, "Gasm-Signature: %s", signature);
    if ((more = curl_slist_append(headers, header)) != NULL)
        headers = more;
    *answer = (struct answer){ .n = 0 };
    if (e != NULL && more != NULL && set_up(e, o, headers, body, answer))
        code = curl_easy_perform(e);
    if (code == CURLE_OK)
        (void)curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(e);
    curl_slist_free_all(headers);
    if (code == CURLE_OK)
        return (int)status;
    return gf_fail(why,
                   code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE
                       ? GF_E_OFFICE_TLS
                       : GF_E_OFFICE_AWAY,
                   o->url, curl_easy_strerror(code));
}

/* Is it worth another try? */
static bool is_passing(int r)
{
    return r == GF_E_OFFICE_AWAY || r == 429 || r >= 500;
}

/* Sign and send until it is answered for good. What was signed stays the same; the time does not.
 */
static int deliver(const struct options *o, const char *body, const char *sent, struct gf_fail *why)
{
    char signature[HEADER_MAX], status[32];
    struct answer answer;
    int r = 0, wait_ms = BACKOFF_FIRST_MS;

    for (int i = 0; i < TRIES_MAX; i++, wait_ms *= 2) {
        if (i > 0)
            (void)poll(NULL, 0, gf_real_wait_ms(wait_ms));
        *why = (struct gf_fail){ 0 };
        if ((r = sign(o, body, strlen(body), signature, why)) != 0)
            return r;
        if (!is_passing(r = post(o, sent, signature, &answer, why)))
            break;
    }
    if (r < 0)
        return r;
    (void)printf("%d %s\n", r, answer.text);
    if (r >= 200 && r < 300)
        return 0;
    (void)snprintf(status, sizeof status, "status %d", r);
    return gf_fail(why, is_passing(r) ? GF_E_OFFICE_AWAY : GF_E_OFFICE_REFUSED, status,
                   answer.text);
}

/* ---- commands ---- */

static int run_pay(struct options *o, struct gf_fail *why)
{
    char *body = NULL, *sent = NULL;
    int r = check_pay(o, why);

    if (r == 0) {
        body = make_body(o, o->amount_minor);
        sent = make_body(o, o->amount_minor + (o->alters ? 1 : 0));
        if (body == NULL || sent == NULL)
            r = gf_fail(why, GF_E_FORMAT, "message", "its texts have to be UTF-8");
    }
    for (int64_t i = 0; r == 0 && i < o->times; i++)
        r = deliver(o, body, sent, why);
    free(body);
    free(sent);
    return r;
}

static int run_sign(struct options *o, struct gf_fail *why)
{
    char body[BODY_MAX], header[HEADER_MAX];
    size_t n = fread(body, 1, sizeof body, stdin);
    int r = n == sizeof body || ferror(stdin) != 0
                ? gf_fail(why, GF_E_FILE, "body", "cannot be read, or is above 4095 bytes")
                : sign(o, body, n, header, why);

    if (r == 0)
        (void)printf("Gasm-Signature: %s\n", header);
    return r;
}

int main(int argc, char **argv)
{
    struct gf_fail why = { 0 };
    struct options o;
    int r = 0;

    gf_std_files();
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    if (argc < 2 || (strcmp(argv[1], "pay") != 0 && strcmp(argv[1], "sign") != 0))
        r = wrong(&why, "a command is wanted", "pay, sign");
    if (r == 0)
        r = read_options(&o, argc - 1, argv + 1, &why);
    if (r == 0 && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        r = gf_fail(&why, GF_E_BUG, "curl", "cannot be used");
    if (r == 0) {
        r = strcmp(argv[1], "pay") == 0 ? run_pay(&o, &why) : run_sign(&o, &why);
        gf_wipe(o.secret, sizeof o.secret);
        curl_global_cleanup();
    }
    if (r == 0 && fflush(stdout) != 0)
        r = gf_fail(&why, GF_E_FILE, "standard output", "cannot be written");
    return r == 0 ? 0 : gf_report("payprovider", &why);
}
