/* test_service.c - what stands around the routes: rates, counts, the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "backend/address.h"
#include "backend/api.h"
#include "backend/log.h"
#include "backend/metrics.h"
#include "backend/service.h"

/* ---- rates ---- */

static void a_burst_then_so_many_a_minute(void **state)
{
    const struct rate_rule rule = { .per_minute = 60, .burst = 5 };
    struct rate *r = rate_new();
    int64_t now = 1000;
    int let_in = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(rate_take(r, "a", &rule, now), 0);
    assert_int_equal(rate_take(r, "a", &rule, now), 2);
    assert_int_equal(rate_take(r, "b", &rule, now), 0); /* another's is another's */
    assert_int_equal(rate_take(r, "a", &rule, now += 999), 1 + 1);
    assert_int_equal(rate_take(r, "a", &rule, now += 1), 0);
    assert_true(rate_take(r, "a", &rule, now) > 0);
    now += 3600000; /* rest gives no more than a burst */
    for (int i = 0; i < 20; i++)
        let_in += rate_take(r, "a", &rule, now) == 0;
    assert_int_equal(let_in, 5);
    (void)rate_free(r);
}

/* Whoever asks without a pause gets burst + rate * time, and not one more, whatever the rule. */
static void never_more_than_the_rule(void **state)
{
    static const struct rate_rule rules[] = { { 1, 1 }, { 12, 12 }, { 60, 20 }, { 6000, 1000 } };

    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct rate *r = rate_new();
        int64_t let_in = 0, most;

        for (int64_t t = 0; t <= 600000; t += 7)
            let_in += rate_take(r, "a", &rules[i], t) == 0;
        most = rules[i].burst + (int64_t)rules[i].per_minute * 600000 / 60000;
        assert_true(let_in <= most && let_in >= most - 1);
        (void)rate_free(r);
    }
}

/* Waiting as long as one was told is enough. */
static void the_wait_told_is_enough(void **state)
{
    static const struct rate_rule rules[] = { { 1, 1 }, { 7, 2 }, { 60, 5 }, { 300, 30 } };

    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct rate *r = rate_new();
        int64_t now = 0;

        for (int k = 0; k < 50; k++) {
            int wait_s;

            while ((wait_s = rate_take(r, "a", &rules[i], now)) == 0)
                continue;
            now += wait_s * 1000;
            assert_int_equal(rate_take(r, "a", &rules[i], now), 0);
        }
        (void)rate_free(r);
    }
}

static void a_crowd_of_names_costs_no_memory(void **state)
{
    const struct rate_rule rule = { .per_minute = 60, .burst = 2 }, none = { 0, 1 };
    struct rate *r = rate_new();
    char name[32];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        (void)snprintf(name, sizeof name, "name %d", i);
        assert_int_equal(rate_take(r, name, &rule, i), 0);
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(rate_take(r, "free", &none, 0), 0);
    (void)rate_free(r);
}

static struct http_request request(const char *method, const char *path, bool is_mutual)
{
    return (struct http_request){ .method = method, .path = path, .is_mutual = is_mutual };
}

static void requests_have_their_class(void **state)
{
    static const struct {
        const char *method, *path;
        bool is_mutual;
        enum service_rate want;
    } rows[] = {
        { "POST", "/v1/sync", true, SERVICE_SYNC },
        { "GET", "/v1/staff", true, SERVICE_STAFF },
        { "GET", "/no/such", true, SERVICE_STAFF },
        { "POST", "/v1/enrol", false, SERVICE_OPEN },
        { "GET", "/no/such", false, SERVICE_OPEN },
        { "POST", "/v1/customer/login", false, SERVICE_SLOW },
        { "POST", "/v1/customer/register", false, SERVICE_SLOW },
        { "GET", "/v1/customer/meters", false, SERVICE_CUSTOMER },
        { "POST", "/v1/sync", false, SERVICE_OPEN },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_request r = request(rows[i].method, rows[i].path, rows[i].is_mutual);

        assert_int_equal(service_rate_of(&r), rows[i].want);
    }
}

static void addresses_are_split(void **state)
{
    const char *port;
    char host[16];

    (void)state;
    assert_true(service_split_address("127.0.0.1:80", host, sizeof host, &port));
    assert_string_equal(host, "127.0.0.1");
    assert_string_equal(port, "80");
    assert_true(service_split_address("[::1]:0", host, sizeof host, &port));
    assert_string_equal(host, "::1");
    static const char *const bad[] = {
        "", ":", "host", "host:", ":80", "[]:1", "a-very-long-host-name:80"
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(service_split_address(bad[i], host, sizeof host, &port));
}

/* Whatever way an address is written, a household has one. */
static void addresses_have_their_group(void **state)
{
    static const struct {
        const char *address, *group;
    } rows[] = {
        { "192.0.2.7", "192.0.2.7" },
        { "::ffff:192.0.2.7", "192.0.2.7" },
        { "2001:db8::a:b:c:d", "2001:db8::/64" },
        { "2001:db8::1", "2001:db8::/64" },
        { "2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64" },
        { "2001:db8:0:1::", "2001:db8:0:1::/64" },
        { "2001:DB8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
        { "2001:db8:1:2:3:4:192.0.2.7", "2001:db8:1:2::/64" },
        { "fe80::1%a-network-interface-with-a-name", "fe80::/64" },
        { "::1", "::/64" },
        { "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444::/64" },
        { "", "" },
        { "no address", "no address" },
        { "2001:db8::1::2", "2001:db8::1::2" },
    };
    char group[ADDRESS_GROUP_MAX], longest[200];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        address_group(rows[i].address, group);
        assert_string_equal(group, rows[i].group);
    }
    memset(longest, ':', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    address_group(longest, group);
    assert_int_equal(strlen(group), ADDRESS_GROUP_MAX - 1);
}

/* ---- the log ---- */

static int64_t utc(void *ctx)
{
    (void)ctx;
    return INT64_C(1795339800123);
}

static char lines[8192];

static void keep(void *ctx, const char *line, size_t n)
{
    (void)ctx;
    assert_true(strlen(lines) + n < sizeof lines);
    (void)strncat(lines, line, n);
}

static void an_event_is_one_line_of_json(void **state)
{
    const struct gf_clock clock = { NULL, utc, utc };
    const struct log log = { &clock, { NULL, keep } };
    json_t *json;

    (void)state;
    lines[0] = '\0';
    log_event(&log, LOG_WARNING, "request",
              LOG_VALUES(LOG_T("route", "POST /v1/sync"), LOG_I("status", 200),
                         LOG_T("who", "a\"b\\c\n{\"x\":1}\x1B[2J\xFF")));
    json = json_loads(lines, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "time")),
                        "2026-11-22T09:30:00.123Z");
    assert_string_equal(json_string_value(json_object_get(json, "level")), "warning");
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 200);
    assert_string_equal(json_string_value(json_object_get(json, "who")), "a\"b\\c?{\"x\":1}?[2J?");
    assert_ptr_equal(strchr(lines, '\n'), lines + strlen(lines) - 1);
    json_decref(json);
    log_event(NULL, LOG_INFO, "nobody listens", NULL, 0);
}

/* ---- counts ---- */

static void has(const struct buf *text, const char *line)
{
    char *all = malloc(text->n + 1);

    memcpy(all, text->p, text->n);
    all[text->n] = '\0';
    if (strstr(all, line) == NULL)
        fail_msg("no %s in\n%s", line, all);
    free(all);
}

static void counts_are_told_as_prometheus_reads_them(void **state)
{
    static const char *const names[] = { "POST /v1/sync", "GET /healthz" };
    const struct metrics_now now = { .connections = 4, .queued = 1, .busy = 2, .started_s = 9 };
    struct metrics *m = metrics_new(names, 2);
    struct buf text = { 0 };

    (void)state;
    metrics_request(m, 0, 200, 900);
    metrics_request(m, 0, 200, 1000);
    metrics_request(m, 1, 503, 7000000);
    metrics_request(m, 99, 404, 2000);
    metrics_request(m, 0, 299, 2000);
    metrics_transaction(m, 1500);
    metrics_verdict(m, 1);
    metrics_verdict(m, 5);
    metrics_verdict(m, 77);
    metrics_request(NULL, 0, 200, 1);
    metrics_print(m, &now, &text);
    has(&text, "gasoffice_requests_total{route=\"POST /v1/sync\",status=\"200\"} 2\n");
    has(&text, "gasoffice_requests_total{route=\"POST /v1/sync\",status=\"other\"} 1\n");
    has(&text, "gasoffice_requests_total{route=\"GET /healthz\",status=\"503\"} 1\n");
    has(&text, "gasoffice_requests_total{route=\"none\",status=\"404\"} 1\n");
    has(&text, "gasoffice_request_seconds_bucket{le=\"0.001000\"} 2\n");
    has(&text, "gasoffice_request_seconds_bucket{le=\"5.000000\"} 4\n");
    has(&text, "gasoffice_request_seconds_bucket{le=\"+Inf\"} 5\n");
    has(&text, "gasoffice_request_seconds_sum 7.005900\n");
    has(&text, "gasoffice_request_seconds_count 5\n");
    has(&text, "gasoffice_transaction_seconds_count 1\n");
    has(&text, "gasoffice_verdicts_total{kind=\"applied\"} 1\n");
    has(&text, "gasoffice_verdicts_total{kind=\"conflict\"} 1\n");
    has(&text, "gasoffice_verdicts_total{kind=\"other\"} 1\n");
    has(&text, "gasoffice_connections 4\n");
    has(&text, "gasoffice_queued 1\n");
    has(&text, "gasoffice_busy_total 2\n");
    buf_free(&text);
    (void)metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_then_so_many_a_minute),
        cmocka_unit_test(never_more_than_the_rule),
        cmocka_unit_test(the_wait_told_is_enough),
        cmocka_unit_test(a_crowd_of_names_costs_no_memory),
        cmocka_unit_test(requests_have_their_class),
        cmocka_unit_test(addresses_are_split),
        cmocka_unit_test(addresses_have_their_group),
        cmocka_unit_test(an_event_is_one_line_of_json),
        cmocka_unit_test(counts_are_told_as_prometheus_reads_them),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
