/* SPDX-License-Identifier: Apache-2.0
 * One HTTP request and its reply, from the request line to the last byte, with their memory. */
#ifndef ESCARCELLE_GATEWAY_EXCHANGE_H
#define ESCARCELLE_GATEWAY_EXCHANGE_H

#include "arena.h"
#include "gateway.h"
#include "routes.h"
#include "rpc.h"
#include "target.h"
#include "wire.pb-c.h"

#include <stdint.h>

struct MHD_Connection;
struct answer;
struct fan;

enum { REPLY_HEADERS_MAX = 24 };

/* Each stage is entered once, in this order; some are skipped. */
enum exchange_stage {
    EXCHANGE_NEW,
    EXCHANGE_CHECKING, /* suspended: accounts is asked whose token it is */
    EXCHANGE_READING,  /* admitted; the body arrives */
    EXCHANGE_ASKING,   /* suspended: the service works */
    EXCHANGE_ANSWERED  /* `reply` is complete */
};

/* What accounts says of the token. */
enum token_verdict { TOKEN_UNCHECKED, TOKEN_GOOD, TOKEN_BAD };

struct reply_header {
    const char *name, *value;
};

struct reply {
    int status;
    const char *media_type; /* NULL: no body */
    const void *body;       /* valid as long as the exchange */
    size_t body_bytes;
    bool cacheable;     /* else Cache-Control: no-store */
    const char *policy; /* Content-Security-Policy; NULL: nothing may be loaded */
    struct reply_header headers[REPLY_HEADERS_MAX];
    size_t headers_count;
};

struct exchange {
    struct gateway *gateway;
    struct arena *arena;
    struct MHD_Connection *connection; /* these two for http.c only */
    bool header_again;
    enum exchange_stage stage;
    int64_t started_ms;

    const char *verb, *address, *request_id, *traceparent;
    struct target target;
    enum target_fault target_fault;
    struct route_match match;
    const struct http_route *route; /* NULL: a page, or refused before */

    enum token_verdict verdict;
    bool by_ticket; /* the caller sent no token but a ticket in the query */
    Wire__Caller caller;
    struct exchange *next_waiting; /* for the same token check */
    bool refused;                  /* 403 for sure: the service is told, so that it audits */
    struct origin *origin;         /* where the connection comes from */
    int lane;                      /* of which service, for the bounds */
    bool counted;                  /* in flight */

    struct buffer body;
    const void *chunk; /* of the body, being appended */
    size_t chunk_bytes, received_bytes;
    size_t held_bytes; /* of the body, beyond what each may have */
    bool oversize, crowded;

    bool dry_run;
    struct visit *visit;         /* of a person with a browser; NULL: answered as JSON */
    const struct answer *answer; /* being turned into the reply */
    struct fan *fan;             /* of a question to every service */
    struct reply reply;
};

/* A new exchange in `arena`, of the raw request target. */
struct exchange *exchange_new(struct gateway *gateway, struct arena *arena, const char *target);
/* Runs one step of an exchange's life; a step that needs more memory than a request may have is
 * cut off and the exchange answered. Steps don't nest. */
void exchange_run(struct exchange *exchange, void (*step)(struct exchange *exchange));
/* Adds a header to the reply; name and value live as long as the exchange. */
void exchange_header(struct exchange *exchange, const char *name, const char *value);
/* The reply is complete; media_type NULL for none. */
void exchange_answer(struct exchange *exchange, int status, const char *media_type,
                     const void *body, size_t body_bytes);

#endif
