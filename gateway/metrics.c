/* SPDX-License-Identifier: Apache-2.0
 * One row of counters per route and one for the gateway's own pages. */
#include "metrics.h"

#include "dates.h"
#include "headers.h"
#include "http.h"
#include "log.h"
#include "problems.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define OWN_METHOD "gateway.Page"

/* 0 is a request that ended without a reply. */
static const int statuses[] = {0,   200, 201, 202, 204, 304, 400, 401, 403, 404, 405,
                               406, 409, 410, 412, 413, 415, 422, 429, 500, 503, 504};

static const int buckets_ms[] = {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};

enum {
    STATUSES = sizeof statuses / sizeof *statuses,
    BUCKETS = sizeof buckets_ms / sizeof *buckets_ms
};

struct row {
    uint64_t by_status[STATUSES];
    uint64_t by_time[BUCKETS]; /* each request in its own bucket; slower ones in none */
    uint64_t count, total_ms;
};

struct metrics {
    struct row *rows; /* of http_routes; the last is the gateway's own */
};

struct metrics *
metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics == NULL ||
        (metrics->rows = calloc(http_routes_count + 1, sizeof(struct row))) == NULL)
        fatal("no memory for the metrics");
    return metrics;
}

void
metrics_free(struct metrics *metrics)
{
    free(metrics->rows);
    free(metrics);
}

static size_t
status_place(int status)
{
    for (size_t i = 0; i < STATUSES; i++)
        if (statuses[i] == status)
            return i;
    return 0;
}

void
metrics_count(struct metrics *metrics, const struct exchange *exchange)
{
    size_t place =
        exchange->route == NULL ? http_routes_count : (size_t)(exchange->route - http_routes);
    struct row *row = &metrics->rows[place];
    int64_t took_ms = clock_ms() - exchange->started_ms;
    struct counters *counters = exchange->gateway->inherited->counters;
    row->by_status[status_place(exchange->reply.status)]++;
    row->count++;
    row->total_ms += (uint64_t)took_ms;
    atomic_fetch_add(&counters->handled, 1);
    atomic_fetch_add(&counters->failed, exchange->reply.status >= 500);
    for (size_t i = 0; i < BUCKETS; i++) {
        if (took_ms <= buckets_ms[i]) {
            row->by_time[i]++;
            break;
        }
    }
}

static const char *
row_method(size_t place)
{
    return place == http_routes_count ? OWN_METHOD : http_routes[place].method;
}

static void
write_requests(struct buffer *out, const struct metrics *metrics)
{
    buffer_text(
        out, "# HELP escarcelle_http_requests_total Requests by method and status; 0: no reply.\n"
             "# TYPE escarcelle_http_requests_total counter\n");
    for (size_t place = 0; place <= http_routes_count; place++)
        for (size_t i = 0; i < STATUSES; i++)
            if (metrics->rows[place].by_status[i] > 0)
                buffer_printf(out,
                              "escarcelle_http_requests_total{method=\"%s\",status=\"%d\"} %" PRIu64
                              "\n",
                              row_method(place), statuses[i], metrics->rows[place].by_status[i]);
}

static void
write_times(struct buffer *out, const char *method, const struct row *row)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        sum += row->by_time[i];
        buffer_printf(
            out,
            "escarcelle_http_request_seconds_bucket{method=\"%s\",le=\"%d.%03d\"} %" PRIu64 "\n",
            method, buckets_ms[i] / 1000, buckets_ms[i] % 1000, sum);
    }
    buffer_printf(out,
                  "escarcelle_http_request_seconds_bucket{method=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
                  "escarcelle_http_request_seconds_sum{method=\"%s\"} %" PRIu64 ".%03d\n"
                  "escarcelle_http_request_seconds_count{method=\"%s\"} %" PRIu64 "\n",
                  method, row->count, method, row->total_ms / 1000, (int)(row->total_ms % 1000),
                  method, row->count);
}

/* Prometheus sends the token as a bearer token; compared in constant time. */
static bool
may_read(const struct exchange *exchange)
{
    const char *wanted = exchange->gateway->metrics_token;
    if (wanted == NULL)
        return true;
    const char *given = header_bearer(http_header(exchange, "Authorization"));
    return given != NULL && strlen(given) == strlen(wanted) &&
           sodium_memcmp(given, wanted, strlen(wanted)) == 0;
}

void
metrics_answer(struct exchange *exchange)
{
    const struct metrics *metrics = exchange->gateway->metrics;
    struct buffer out;
    if (!may_read(exchange)) {
        problem_refuse(exchange, 401, rpc_status_code(RPC_UNAUTHENTICATED),
                       "Send the metrics token as Authorization: Bearer.");
        return;
    }
    buffer_init(&out, exchange->arena);
    write_requests(&out, metrics);
    buffer_text(&out,
                "# HELP escarcelle_http_request_seconds From request line to last byte sent.\n"
                "# TYPE escarcelle_http_request_seconds histogram\n");
    for (size_t place = 0; place <= http_routes_count; place++)
        if (metrics->rows[place].count > 0)
            write_times(&out, row_method(place), &metrics->rows[place]);
    buffer_printf(&out,
                  "# HELP escarcelle_http_in_flight Requests between their first and last byte.\n"
                  "# TYPE escarcelle_http_in_flight gauge\nescarcelle_http_in_flight %zu\n",
                  http_exchanges(exchange->gateway->http));
    exchange_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", out.bytes,
                    out.length);
}
