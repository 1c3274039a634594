/* api_system.c - synchronising, enrolling, health; see api.h. */
#include "backend/api.h"

#include "backend/metrics.h"
#include "backend/office_http.h"

static const struct api_field enrol_fields[] = {
    { .name = "code", .type = API_SECRET, .max = 64, .what = "the one-time code as it was typed" },
    { .name = "csr_pem",
      .type = API_LINES,
      .max = HO_ENROL_BODY_MAX,
      .what = "certificate request of a P-256 key that never leaves the laptop" },
    { .name = "name", .type = API_TEXT, .min = 1, .max = 64, .what = "what the laptop is called" },
};
static const struct api_message enrol_message = API_MESSAGE("EnrolRequest", enrol_fields);

static const struct api_field enrolled_fields[] = {
    { .name = "device_id", .type = API_UUID, .what = "the common name of the certificate" },
    { .name = "cert_pem", .type = API_LINES, .max = 16384, .what = "the laptop's certificate" },
    { .name = "ca_pem", .type = API_LINES, .max = 16384, .what = "this office's CA" },
    { .name = "sign_pem",
      .type = API_LINES,
      .max = 16384,
      .what = "certificate of the key that signs verdicts" },
    { .name = "staff", .type = API_ID, .max = 24, .what = "whose laptop it is" },
    { .name = "url", .type = API_TEXT, .max = 255, .what = "where to synchronise" },
};
static const struct api_message enrolled_message = API_MESSAGE("Enrolled", enrolled_fields);

static const struct api_field health_fields[] = {
    { .name = "status", .type = API_WORD, .words = "ok", .what = "the database answers" },
    { .name = "utc_ms", .type = API_INT, .what = "this office's clock, ms since 1970" },
};
static const struct api_message health_message = API_MESSAGE("Health", health_fields);

static void sync(struct api_call *c)
{
    ho_route_sync(c->o, c->request, c->device, c->ret);
}

static void health(struct api_call *c)
{
    int64_t n;

    if (odb_number(c->o->db, &n, "SELECT COUNT(*) FROM setting WHERE org_id = ?1", ODB_NONE) < 0) {
        (void)ho_db_fail(c->o);
        ho_answer_fail(c->o, c->ret);
        return;
    }
    api_answer(c, 200,
               json_pack("{s:s, s:I}", "status", "ok", "utc_ms", (json_int_t)ho_now_ms(c->o)));
}

static void metrics(struct api_call *c)
{
    struct metrics_now now = { 0 };

    if (c->o->watch.metrics == NULL) {
        api_refuse(c, 503, "metrics", NULL, "nothing is counted here");
        return;
    }
    c->o->watch.now(c->o->watch.ctx, &now);
    metrics_print(c->o->watch.metrics, &now, &c->ret->body);
    c->ret->status = 200;
    c->ret->content_type = API_METRICS_TYPE;
}

static const struct api_route routes[] = {
    { .method = "POST",
      .path = "/v1/sync",
      .door = API_STAFF,
      .roles = API_BIT(TECHNICIAN) | API_BIT(SUPERVISOR), /* both work at meters */
      .content_type = "application/x-protobuf",
      .gives_type = "application/x-protobuf",
      .body_max = HO_SYNC_BODY_MAX,
      .handler = sync,
      .what = "records up, changes down: sync.proto" },
    { .method = "POST",
      .path = "/v1/enrol",
      .door = API_OPEN,
      .takes = &enrol_message,
      .gives = &enrolled_message,
      .body_max = HO_ENROL_BODY_MAX,
      .handler = ho_route_enrol,
      .what = "a one-time code becomes a laptop's certificate",
      .errors = "400 csr the certificate request cannot be used|403 code_unknown no such code|403 "
                "code_expired older than 24 hours|403 code_used spent by another request|429 "
                "too_many five wrong codes from one address within a minute" },
    { .method = "GET",
      .path = "/healthz",
      .door = API_DEVICE,
      .gives = &health_message,
      .handler = health,
      .what = "whether head office can work",
      .errors = "503 STORE the database cannot be used" },
    { .method = "GET",
      .path = "/metrics",
      .door = API_DEVICE,
      .gives_type = API_METRICS_TYPE,
      .handler = metrics,
      .what = "counts for Prometheus: requests, verdicts, queue, connections, database time" },
};

const struct api_part api_part_system = { .name = "system",
                                          .routes = routes,
                                          .n = sizeof routes / sizeof routes[0] };
