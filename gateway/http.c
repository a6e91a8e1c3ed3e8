/* SPDX-License-Identifier: Apache-2.0
 * The only user of libmicrohttpd: connections, upload and reply. It must not
 * know what requests mean; requests.c does. */
#include "http.h"

#include "certificate.h"
#include "config.h"
#include "connections.h"
#include "log.h"
#include "metrics.h"
#include "requests.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct http {
    struct gateway *gateway;
    struct MHD_Daemon *daemon;
    char *certificate, *key; /* PEM, NULL without TLS */
    int descriptor;
    bool secure, resumed, eager; /* eager: the library wanted its turn at once */
    unsigned spins;
    size_t exchanges, spare_count;
    struct arena *spare[ARENAS_SPARE_MAX];
    struct connections *connections;
};

/* ---- connections */

static struct connection *
connection_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void
connection_changed(void *context, struct MHD_Connection *mhd, void **socket_context,
                   enum MHD_ConnectionNotificationCode what)
{
    struct http *http = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED)
        connections_leave(http->connections, *socket_context);
    else
        *socket_context = connections_enter(
            http->connections,
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
}

static void
enter_phase(struct MHD_Connection *mhd, enum phase phase)
{
    connection_enter_phase(connection_of(mhd), phase);
}

/* ---- exchanges */

static struct arena *
take_arena(struct http *http)
{
    if (http->spare_count > 0)
        return http->spare[--http->spare_count];
    return arena_new((size_t)config.arena_bytes_max);
}

static void
give_arena(struct http *http, struct arena *arena)
{
    bool keep = http->spare_count < ARENAS_SPARE_MAX && arena_used(arena) <= ARENA_SPARE_BYTES_MAX;
    if (!keep) {
        arena_free(arena);
        return;
    }
    arena_reset(arena);
    http->spare[http->spare_count++] = arena;
}

/* Called with the request line, before any header: the only place that sees the target undecoded.
 */
static void *
request_line(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct http *http = context;
    struct exchange *exchange = exchange_new(http->gateway, take_arena(http), target);
    exchange->connection = mhd;
    exchange->address = connection_address(connection_of(mhd));
    exchange->origin = connection_origin(connection_of(mhd));
    http->exchanges++;
    return exchange;
}

static void
request_completed(void *context, struct MHD_Connection *mhd, void **exchange_context,
                  enum MHD_RequestTerminationCode how)
{
    (void)how;
    struct http *http = context;
    struct exchange *exchange = *exchange_context;
    if (exchange == NULL)
        return;
    *exchange_context = NULL;
    assert(exchange->stage != EXCHANGE_CHECKING && exchange->stage != EXCHANGE_ASKING);
    metrics_count(http->gateway->metrics, exchange);
    bounds_release(&http->gateway->bounds, exchange->held_bytes);
    if (exchange->counted)
        bounds_leave(&http->gateway->bounds, exchange->origin, exchange->lane);
    enter_phase(mhd, PHASE_HEADER);
    http->exchanges--;
    give_arena(http, exchange->arena);
}

const char *
http_header(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

struct header_count {
    const char *name;
    int count;
};

static enum MHD_Result
count_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind, (void)value;
    struct header_count *header = context;
    header->count += strcasecmp(name, header->name) == 0;
    return MHD_YES;
}

bool
http_header_repeats(const struct exchange *exchange, const char *name)
{
    struct header_count header = {name, 0};
    (void)MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, count_header, &header);
    return header.count > 1;
}

void
http_suspend(struct exchange *exchange)
{
    assert(exchange->stage == EXCHANGE_CHECKING || exchange->stage == EXCHANGE_ASKING);
    enter_phase(exchange->connection, PHASE_SERVICE);
    MHD_suspend_connection(exchange->connection);
}

void
http_resume(struct exchange *exchange)
{
    assert(exchange->stage == EXCHANGE_READING || exchange->stage == EXCHANGE_ANSWERED);
    enter_phase(exchange->connection, PHASE_BODY);
    exchange->gateway->http->resumed = true;
    MHD_resume_connection(exchange->connection);
}

/* ---- replies */

static const struct reply_header common_headers[] = {
    {MHD_HTTP_HEADER_X_CONTENT_TYPE_OPTIONS, "nosniff"},
    {MHD_HTTP_HEADER_X_FRAME_OPTIONS, "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static void
add_headers(struct MHD_Response *response, const struct exchange *exchange)
{
    const struct reply *reply = &exchange->reply;
    for (size_t i = 0; i < sizeof common_headers / sizeof *common_headers; i++)
        MHD_add_response_header(response, common_headers[i].name, common_headers[i].value);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_SECURITY_POLICY,
                            reply->policy != NULL ? reply->policy
                                                  : "default-src 'none'; frame-ancestors 'none'");
    if (exchange->gateway->http->secure)
        MHD_add_response_header(response, MHD_HTTP_HEADER_STRICT_TRANSPORT_SECURITY,
                                "max-age=31536000");
    if (!reply->cacheable)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (reply->media_type != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->media_type);
    for (size_t i = 0; i < reply->headers_count; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    if (exchange->gateway->draining)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* The body lies in the exchange's arena, which outlives the response. */
static enum MHD_Result
send_reply(struct exchange *exchange)
{
    const struct reply *reply = &exchange->reply;
    assert(exchange->stage == EXCHANGE_ANSWERED && reply->status != 0);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        reply->body_bytes, (void *)(uintptr_t)reply->body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, exchange);
    enter_phase(exchange->connection, PHASE_REPLY);
    enum MHD_Result queued =
        MHD_queue_response(exchange->connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* ---- uploads */

static bool
is_longer_than(const char *content_length, long long bytes)
{
    return content_length != NULL && strtoll(content_length, NULL, 10) > bytes;
}

static bool
announces_body(const struct exchange *exchange)
{
    return http_header(exchange, "Transfer-Encoding") != NULL ||
           is_longer_than(http_header(exchange, "Content-Length"), 0);
}

/* The reply can be queued before the body or after it, not within. A body that would follow is read
 * and dropped, so that the client gets to see the refusal, unless it is huge or waits for our word.
 */
static enum MHD_Result
go_on_to_body(struct exchange *exchange)
{
    bool huge = is_longer_than(http_header(exchange, "Content-Length"), BODY_DISCARD_BYTES_MAX);
    if (exchange->stage == EXCHANGE_READING && huge) {
        exchange->oversize = true;
        exchange_run(exchange, request_finish);
    }
    if (exchange->stage == EXCHANGE_ANSWERED && (huge || http_header(exchange, "Expect") != NULL))
        return send_reply(exchange);
    return MHD_YES;
}

static enum MHD_Result
take_header(struct exchange *exchange, const char *verb)
{
    exchange->verb = arena_strdup(exchange->arena, verb);
    enter_phase(exchange->connection, PHASE_BODY);
    exchange_run(exchange, request_begin);
    exchange->header_again = exchange->stage == EXCHANGE_CHECKING && announces_body(exchange);
    return go_on_to_body(exchange);
}

static enum MHD_Result
take_body(struct exchange *exchange, const char *bytes, size_t *count)
{
    exchange->header_again = false;
    exchange->received_bytes += *count;
    if (exchange->received_bytes > BODY_DISCARD_BYTES_MAX)
        return MHD_NO;
    if (exchange->stage == EXCHANGE_READING) {
        exchange->chunk = bytes;
        exchange->chunk_bytes = *count;
        exchange_run(exchange, request_append);
    }
    *count = 0;
    return MHD_YES;
}

/* After a suspension before the body the library says once more that the header is there, in the
 * same way as it says that the body is complete. */
static enum MHD_Result
take_end(struct exchange *exchange)
{
    if (exchange->header_again) {
        exchange->header_again = false;
        return go_on_to_body(exchange);
    }
    if (exchange->stage == EXCHANGE_READING)
        exchange_run(exchange, request_finish);
    return exchange->stage == EXCHANGE_ANSWERED ? send_reply(exchange) : MHD_YES;
}

static enum MHD_Result
handle_request(void *context, struct MHD_Connection *mhd, const char *url, const char *verb,
               const char *version, const char *upload, size_t *upload_bytes,
               void **exchange_context)
{
    (void)context, (void)mhd, (void)url, (void)version;
    struct exchange *exchange = *exchange_context;
    if (exchange->verb == NULL)
        return take_header(exchange, verb);
    if (*upload_bytes > 0)
        return take_body(exchange, upload, upload_bytes);
    return take_end(exchange);
}

/* ---- the daemon */

static size_t
keep_escapes(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context, (void)mhd;
    return strlen(text); /* target.c decodes, after it has split */
}

static void __attribute__((format(printf, 2, 0)))
log_library(void *context, const char *format, va_list arguments)
{
    (void)context;
    char text[512];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length > 0)
        log_debug("http: %s", text);
}

static struct MHD_Daemon *
start_daemon(struct http *http, int listen)
{
    unsigned flags = MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (http->secure ? MHD_USE_TLS : 0U);
    static char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, http->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, http->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
        {MHD_OPTION_END, 0, NULL},
    };
    if (!http->secure)
        tls[0].option = MHD_OPTION_END;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, handle_request, http, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_LISTEN_SOCKET, listen, MHD_OPTION_CONNECTION_LIMIT, bounds_connections(),
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_ADDRESS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BUFFER_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, request_line, http, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
        NULL, MHD_OPTION_NOTIFY_COMPLETED, request_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        connection_changed, http, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

struct http *
http_open(struct gateway *gateway, int listen)
{
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL)
        fatal("no memory for the connections");
    http->gateway = gateway;
    http->secure = config.http_cert_file[0] != '\0';
    if (http->secure) {
        http->certificate = certificate_read(config.http_cert_file);
        http->key = certificate_read(config.http_key_file);
    }
    http->connections = connections_new(bounds_connections());
    http->daemon = start_daemon(http, listen);
    if (http->daemon == NULL)
        fatal("HTTP can't start: the certificate and its key do not fit, or the socket is not "
              "usable");
    http->descriptor = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (!http->secure)
        log_warning("no certificate is configured: HTTP without TLS");
    return http;
}

void
http_close(struct http *http)
{
    assert(http->exchanges == 0);
    MHD_stop_daemon(http->daemon);
    while (http->spare_count > 0)
        arena_free(http->spare[--http->spare_count]);
    connections_free(http->connections);
    free(http->certificate);
    free(http->key);
    free(http);
}

int
http_descriptor(const struct http *http)
{
    return http->descriptor;
}

/* With TLS, libmicrohttpd 0.9.75 wants its turn at once, for ever, while one client has stopped in
 * mid-handshake; after some turns in vain it gets a pause. */
int
http_timeout_ms(struct http *http)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms = LOOP_MS_MAX;
    if (MHD_get_timeout(http->daemon, &timeout_ms) != MHD_YES)
        timeout_ms = LOOP_MS_MAX;
    http->eager = timeout_ms == 0;
    if (http->eager && http->spins >= SPIN_TURNS_MAX)
        return SPIN_PAUSE_MS;
    return timeout_ms < LOOP_MS_MAX ? (int)timeout_ms : LOOP_MS_MAX;
}

void
http_run(struct http *http, bool readable)
{
    bool in_vain = http->eager && !readable && !http->resumed;
    http->spins = in_vain ? http->spins + (http->spins < SPIN_TURNS_MAX) : 0;
    http->resumed = false;
    connections_sweep(http->connections);
    (void)MHD_run(http->daemon);
}

void
http_quiesce(struct http *http)
{
    (void)MHD_quiesce_daemon(http->daemon);
}

void
http_cut(struct http *http)
{
    connections_cut(http->connections);
}

bool
http_busy(const struct http *http)
{
    return http->exchanges > 0 || connections_want_answers(http->connections);
}

size_t
http_exchanges(const struct http *http)
{
    return http->exchanges;
}
