/* SPDX-License-Identifier: Apache-2.0
 * The life of one HTTP request up to the question to the service; the checks come in the order that
 * the contract fixes: route, verb, caller, role, rate, media types, size, form. No business rule is
 * here. */
#include "requests.h"

#include "asks.h"
#include "config.h"
#include "cors.h"
#include "dates.h"
#include "fan.h"
#include "forms.h"
#include "headers.h"
#include "http.h"
#include "log.h"
#include "pages.h"
#include "problems.h"
#include "rate_limits.h"
#include "replies.h"
#include "roles.h"
#include "tokens.h"
#include "uuid.h"
#include "visits.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* ---- route and verb */

static void
take_names(struct exchange *exchange)
{
    const char *request_id = http_header(exchange, "X-Request-Id");
    const char *traceparent = http_header(exchange, "traceparent");
    char fresh[37];
    if (!header_is_request_id(request_id)) {
        uuid_new(fresh);
        request_id = fresh;
    }
    exchange->request_id = arena_strdup(exchange->arena, request_id);
    exchange_header(exchange, "X-Request-Id", exchange->request_id);
    if (header_is_traceparent(traceparent))
        exchange->traceparent = arena_strdup(exchange->arena, traceparent);
}

static void
answer_options(struct exchange *exchange, const char *allow)
{
    exchange_header(exchange, "Allow", allow);
    cors_preflight(exchange, allow);
    exchange_answer(exchange, 204, NULL, NULL, 0);
}

/* Finds the route; answers 404, 405, OPTIONS and the gateway's own pages. */
static void
find_route(struct exchange *exchange)
{
    if (strcmp(exchange->target.path, "*") == 0 && strcmp(exchange->verb, "OPTIONS") == 0) {
        answer_options(exchange, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        return;
    }
    bool page = exchange->target_fault == TARGET_FINE && pages_know(exchange);
    bool found = exchange->target_fault != TARGET_BAD_PATH &&
                 routes_match(exchange->arena, http_routes, http_routes_count, exchange->verb,
                              &exchange->target, &exchange->match);
    if (!page && !found) {
        problem_refuse(exchange, 404, rpc_status_code(RPC_NOT_FOUND),
                       "There is nothing at this path.");
        return;
    }
    const char *allow =
        page ? "GET, HEAD, OPTIONS" : routes_allow(exchange->arena, &exchange->match);
    bool reads = strcmp(exchange->verb, "GET") == 0 || strcmp(exchange->verb, "HEAD") == 0;
    if (strcmp(exchange->verb, "OPTIONS") == 0) {
        answer_options(exchange, allow);
    } else if (page ? !reads : exchange->match.route == NULL) {
        exchange_header(exchange, "Allow", allow);
        problem_refuse(exchange, 405, "method_not_allowed", "This path takes only %s.", allow);
    } else if (page) {
        pages_answer(exchange);
    } else {
        exchange->route = exchange->match.route;
    }
}

/* ---- caller and role */

static void
refuse_too_many(struct exchange *exchange, int64_t wait_s, const char *detail)
{
    Wire__Problem problem;
    wire__problem__init(&problem);
    problem.code = arena_strdup(exchange->arena, rpc_status_code(RPC_TOO_MANY));
    problem.detail = arena_strdup(exchange->arena, detail);
    problem.has_retry_after_s = 1;
    problem.retry_after_s = (int32_t)wait_s;
    problem_answer(exchange, rpc_http_status(RPC_TOO_MANY), &problem);
}

/* Who is known has a pace of his own, wherever he comes from; the others share their address's. */
static bool
keeps_pace(struct exchange *exchange)
{
    struct limits *limits = exchange->gateway->limits;
    const char *id = exchange->caller.id;
    int64_t now_us = clock_ms() * 1000;
    int64_t wait_s = id == NULL
                         ? limits_take(limits, exchange->origin->key, ORIGIN_BYTES,
                                       config.anonymous_per_minute, now_us)
                         : limits_take(limits, id, strlen(id), config.caller_per_minute, now_us);
    if (wait_s > 0)
        refuse_too_many(exchange, wait_s, "There were too many requests within a minute.");
    return wait_s == 0;
}

/* The body is there: from here on a service is kept busy. Who may not is told so, whatever else there is. */
static bool
enter(struct exchange *exchange)
{
    exchange->lane = bounds_lane(exchange->route->service, exchange->route->lane);
    enum admission admission =
        bounds_enter(&exchange->gateway->bounds, exchange->origin, exchange->lane);
    exchange->counted = admission == ADMITTED;
    if (exchange->counted)
        return true;
    if (exchange->refused)
        problem_refuse(exchange, 403, rpc_status_code(RPC_FORBIDDEN), "Your role may not do this.");
    else if (admission == ADDRESS_BUSY)
        refuse_too_many(exchange, 1, "There are too many requests of this address under way.");
    else
        problem_unavailable(exchange, "The service has as many requests under way as it takes; "
                                      "try again.");
    return false;
}

static void
admit(struct exchange *exchange)
{
    exchange->caller.address = (char *)(uintptr_t)exchange->address;
    exchange->refused =
        !role_admits(exchange->route->role, exchange->route->writes, &exchange->caller);
    if (exchange->refused || keeps_pace(exchange))
        exchange->stage = EXCHANGE_READING;
}

static void
reject(struct exchange *exchange, const char *detail)
{
    problem_refuse(exchange, 401, rpc_status_code(RPC_UNAUTHENTICATED), "%s", detail);
}

void
request_judge(struct exchange *exchange)
{
    switch (exchange->verdict) {
    case TOKEN_GOOD:
        admit(exchange);
        return;
    case TOKEN_BAD:
        reject(exchange, exchange->by_ticket
                             ? "The ticket was used, has ended or opens another path; make a new "
                               "one with POST /v1/tickets."
                             : "The access token is not good or has ended; log in again.");
        return;
    case TOKEN_UNCHECKED:
        problem_unavailable(exchange, "The access token can't be checked right now; try again.");
        return;
    }
}

/* Who can't send a header has made a ticket; it stands for GET and nothing else. */
static const char *
take_ticket(struct exchange *exchange)
{
    if (strcmp(exchange->verb, "GET") != 0 || http_header(exchange, "Authorization") != NULL)
        return NULL;
    return target_take(&exchange->target, "ticket");
}

static void
identify(struct exchange *exchange)
{
    exchange->caller.kind = arena_strdup(exchange->arena, "anonymous");
    exchange->caller.address = (char *)(uintptr_t)exchange->address;
    if (exchange->route->role == RPC_ROLE_PUBLIC) {
        admit(exchange);
        return;
    }
    const char *authorization = http_header(exchange, "Authorization");
    const char *token = header_bearer(authorization), *ticket = take_ticket(exchange);
    exchange->by_ticket = ticket != NULL;
    if (ticket != NULL)
        tokens_check_ticket(exchange->gateway->tokens, exchange, ticket);
    else if (token != NULL)
        tokens_check(exchange->gateway->tokens, exchange, token);
    else if (authorization == NULL)
        reject(exchange, "Log in, and send the access token as Authorization: Bearer.");
    else
        reject(exchange, "The Authorization header holds no Bearer token.");
}

/* What a proxy before us may read in another way than we do must not come in. */
static bool
is_ambiguous(const struct exchange *exchange)
{
    static const char *const once[] = {"Content-Length", "Transfer-Encoding", "Host",
                                       "Authorization"};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++)
        if (http_header_repeats(exchange, once[i]))
            return true;
    return http_header(exchange, "Transfer-Encoding") != NULL &&
           http_header(exchange, "Content-Length") != NULL;
}

void
request_begin(struct exchange *exchange)
{
    take_names(exchange);
    cors_answer(exchange);
    if (is_ambiguous(exchange))
        problem_refuse(exchange, 400, rpc_status_code(RPC_MALFORMED),
                       "Length, encoding, host and caller of a request are said once.");
    else
        find_route(exchange);
    if (exchange->stage == EXCHANGE_ANSWERED)
        return;
    visit_consider(exchange);
    identify(exchange);
}

static size_t
body_bytes_max(const struct exchange *exchange)
{
    return exchange->visit == NULL ? JSON_BODY_BYTES_MAX : VISIT_BODY_BYTES_MAX;
}

static bool
hold_body(struct exchange *exchange)
{
    size_t beyond = exchange->received_bytes > BODY_FREE_BYTES
                        ? exchange->received_bytes - BODY_FREE_BYTES - exchange->held_bytes
                        : 0;
    if (exchange->crowded || !bounds_hold(&exchange->gateway->bounds, beyond))
        return false;
    exchange->held_bytes += beyond;
    return true;
}

void
request_append(struct exchange *exchange)
{
    if (exchange->received_bytes > body_bytes_max(exchange))
        exchange->oversize = true;
    else if (!hold_body(exchange))
        exchange->crowded = true;
    else if (!exchange->refused)
        buffer_append(&exchange->body, exchange->chunk, exchange->chunk_bytes);
}

/* ---- media types and size */

static bool
takes_content(const struct exchange *exchange, const char *content_type)
{
    if (exchange->visit != NULL) /* what its type is made it a visit */
        return true;
    if (header_is_media_type(content_type, "application/json"))
        return true;
    return strcmp(exchange->route->verb, "PATCH") == 0 &&
           header_is_media_type(content_type, "application/merge-patch+json");
}

static const char *
answer_type(const struct exchange *exchange)
{
    if (exchange->visit != NULL)
        return "text/html";
    return exchange->route->media_type == NULL ? "application/json" : exchange->route->media_type;
}

static bool
content_fits(struct exchange *exchange)
{
    const char *coding = http_header(exchange, "Content-Encoding");
    bool coded = coding != NULL && strcasecmp(coding, "identity") != 0;
    bool has_body = exchange->received_bytes > 0 || exchange->oversize;
    if (has_body && !form_has_body(exchange->route->verb)) {
        problem_refuse(exchange, 400, rpc_status_code(RPC_MALFORMED), "%s takes no body.",
                       exchange->route->verb);
        return false;
    }
    if (has_body && (coded || !takes_content(exchange, http_header(exchange, "Content-Type")))) {
        problem_refuse(exchange, 415, "unsupported_media_type",
                       "The body must be JSON, with Content-Type: application/json.");
        return false;
    }
    const char *type = answer_type(exchange);
    if (!header_accepts(http_header(exchange, "Accept"), type)) {
        problem_refuse(exchange, 406, "not_acceptable", "This is answered as %s only.", type);
        return false;
    }
    if (exchange->oversize) {
        problem_refuse(exchange, 413, rpc_status_code(RPC_TOO_LARGE),
                       "The body is longer than %zu bytes.", body_bytes_max(exchange));
        return false;
    }
    return true;
}

/* ---- the question */

static bool
read_conditions(struct exchange *exchange, Wire__RequestHeader *header)
{
    const char *match = http_header(exchange, "If-Match");
    if (exchange->route->writes && match != NULL && strcmp(match, "*") != 0) {
        header->has_if_match = 1;
        if (!header_entity_tag(match, &header->if_match)) {
            problem_refuse(exchange, 400, "malformed_header",
                           "If-Match holds no entity tag of ours, such as \"3.0\".");
            return false;
        }
    }
    const char *key = http_header(exchange, "Idempotency-Key");
    if (exchange->dry_run || key == NULL || strcmp(exchange->route->verb, "POST") != 0)
        return true;
    header->idempotency_key = (char *)(uintptr_t)header_idempotency_key(exchange->arena, key);
    if (header->idempotency_key != NULL)
        return true;
    problem_refuse(exchange, 400, "malformed_header",
                   "Idempotency-Key holds 1 to 255 visible characters; blanks only within quotes.");
    return false;
}

/* SHA-256 of verb, path and body: whether a repeated key asks for the same. */
static ProtobufCBinaryData
hash_request(struct exchange *exchange)
{
    crypto_hash_sha256_state state;
    uint8_t *hash = arena_alloc(exchange->arena, crypto_hash_sha256_BYTES);
    const char *path = exchange->target.path;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)exchange->verb, strlen(exchange->verb) + 1);
    crypto_hash_sha256_update(&state, (const uint8_t *)path, strlen(path) + 1);
    crypto_hash_sha256_update(&state, (const uint8_t *)exchange->body.bytes, exchange->body.length);
    crypto_hash_sha256_final(&state, hash);
    return (ProtobufCBinaryData){crypto_hash_sha256_BYTES, hash};
}

static void
send_question(struct exchange *exchange, Wire__RequestHeader *header, const struct form *form)
{
    const struct http_route *route = exchange->route;
    const char *service;
    size_t bytes = form == NULL ? 0 : protobuf_c_message_get_packed_size(form->message);
    uint8_t *body = arena_alloc(exchange->arena, bytes);
    if (form != NULL)
        protobuf_c_message_pack(form->message, body);
    if (!fan_choose(exchange, form == NULL ? NULL : form->message, &service))
        return;
    if (service == NULL) {
        fan_send(exchange, header, body, bytes);
        return;
    }
    header->method = fan_method(exchange, service);
    struct question question = {
        .service = arena_printf(exchange->arena, "%s.%s", service, rpc_lane_name(route->lane)),
        .header = header,
        .body = body,
        .body_bytes = bytes,
        .timeout_ms = config.request_timeout_ms,
        .repeat =
            !route->writes || header->idempotency_key != NULL ? ASK_UNTIL_DONE : ASK_UNTIL_TAKEN,
        .done = reply_received,
        .owner = exchange,
    };
    if (!asks_send(exchange->gateway->asks, exchange->arena, &question)) {
        problem_unavailable(exchange, "The service can't be reached; nothing happened. Try again.");
        return;
    }
    if (exchange->stage == EXCHANGE_ASKING)
        return;
    exchange->stage = EXCHANGE_ASKING;
    http_suspend(exchange);
}

static void
fill_header(struct exchange *exchange, Wire__RequestHeader *header)
{
    wire__request_header__init(header);
    header->request_id = (char *)(uintptr_t)exchange->request_id;
    header->traceparent = (char *)(uintptr_t)exchange->traceparent;
    header->path = (char *)(uintptr_t)exchange->target.path;
    header->caller = &exchange->caller;
    if (exchange->route->writes) {
        header->has_body_hash = 1;
        header->body_hash = hash_request(exchange);
        header->has_asked_ms = 1;
        header->asked_ms = unix_ms();
    }
    if (exchange->dry_run) {
        header->has_dry_run = 1;
        header->dry_run = 1;
    }
}

/* What the body may not set: the service tells it with what else breaks a rule. */
static void
add_violations(const struct exchange *exchange, Wire__RequestHeader *header,
               const struct json_notes *notes)
{
    size_t count = notes->violations_count;
    Wire__Violation *violations = arena_array(exchange->arena, count + 1, sizeof *violations);
    header->violations = arena_array(exchange->arena, count + 1, sizeof *header->violations);
    header->n_violations = count;
    for (size_t i = 0; i < count; i++) {
        const struct json_problem *broken = &notes->violations[i];
        wire__violation__init(&violations[i]);
        violations[i].pointer = (char *)(uintptr_t)broken->pointer;
        violations[i].code = (char *)(uintptr_t)broken->code;
        violations[i].detail = (char *)(uintptr_t)broken->detail;
        header->violations[i] = &violations[i];
    }
}

void
request_show(struct exchange *exchange)
{
    Wire__RequestHeader header;
    struct form form;
    const struct http_route *route = exchange->match.path;
    while (strcmp(route->verb, "GET") != 0)
        route++;
    assert(strcmp(route->path, exchange->route->path) == 0);
    exchange->route = route;
    exchange->body.length = 0;
    fill_header(exchange, &header);
    if (form_read(exchange, &form))
        send_question(exchange, &header, &form);
}

void
request_finish(struct exchange *exchange)
{
    assert(exchange->stage == EXCHANGE_READING);
    Wire__RequestHeader header;
    struct form form;
    exchange->dry_run = exchange->route->writes && exchange->visit == NULL &&
                        header_lists(http_header(exchange, "Prefer"), "dry-run");
    fill_header(exchange, &header);
    if (!enter(exchange))
        return;
    if (exchange->refused) {
        send_question(exchange, &header, NULL); /* it refuses, and audits that it did */
        return;
    }
    if (exchange->crowded) {
        problem_unavailable(exchange, "There are too many large bodies under way; try again.");
        return;
    }
    if (!content_fits(exchange) || !read_conditions(exchange, &header) ||
        !form_read(exchange, &form))
        return;
    if (exchange->visit != NULL && exchange->visit->faults_count > 0) {
        request_show(exchange);
        return;
    }
    header.present = (char **)form.notes.present;
    header.n_present = form.notes.present_count;
    add_violations(exchange, &header, &form.notes);
    send_question(exchange, &header, &form);
}
