/* SPDX-License-Identifier: Apache-2.0
 * The tables that the generator writes from proto/: rules of fields, methods, events,
 * subscriptions. Data only; what walks them is in call.c, validate.c, json_read.c, json_write.c, sql.c and events.c.
 * */
#ifndef ESCARCELLE_RPC_H
#define ESCARCELLE_RPC_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;

/* Outcome of every operation; the gateway's HTTP status is in rpc_http_status(). The numbers travel
 * and are stored: only append. */
enum rpc_status {
    RPC_OK = 0,
    RPC_MALFORMED = 1,       /* 400: not of the form the contract says */
    RPC_UNAUTHENTICATED = 2, /* 401 */
    RPC_FORBIDDEN = 3,       /* 403 */
    RPC_NOT_FOUND = 4,       /* 404 */
    RPC_CONFLICT = 5,        /* 409: not in this state, or in the way of something else */
    RPC_GONE = 6,            /* 410: a link that was used or has ended */
    RPC_PRECONDITION = 7,    /* 412: stale If-Match */
    RPC_TOO_LARGE = 8,       /* 413 */
    RPC_INVALID = 9,         /* 422: rules of fields, references, combinations */
    RPC_TOO_MANY = 10,       /* 429 */
    RPC_INTERNAL = 11,       /* 500: a defect of ours */
    RPC_UNAVAILABLE = 12,    /* 503: try again, nothing happened */
    RPC_TIMEOUT = 13,        /* 504: outcome unknown */
};

/* The only hidden return of this code base. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        enum rpc_status try_status_ = (expression);                                                \
        if (try_status_ != RPC_OK)                                                                 \
            return try_status_;                                                                    \
    } while (0)

#define RPC_CHECKED __attribute__((warn_unused_result))

/* RFC 9110 status of an outcome; RPC_OK gives 200. */
int rpc_http_status(enum rpc_status status);
/* Stable code of a problem that says no other: "conflict", "not_found" … */
const char *rpc_status_code(enum rpc_status status);

enum rpc_role {
    RPC_ROLE_NONE, /* never generated; refused at start */
    RPC_ROLE_INTERNAL,
    RPC_ROLE_PUBLIC,
    RPC_ROLE_USER,
    RPC_ROLE_OPERATOR,
    RPC_ROLE_ADMIN
};

enum rpc_lane { RPC_LANE_FAST, RPC_LANE_LEAF, RPC_LANE_SLOW };
/* "fast", "leaf", "slow": the broker's service names are "<service>.<lane>". */
const char *rpc_lane_name(enum rpc_lane lane);

enum rule_format {
    FORMAT_PLAIN,
    FORMAT_UUID,
    FORMAT_DATE,
    FORMAT_INSTANT,
    FORMAT_EMAIL,
    FORMAT_PHONE,
    FORMAT_SIREN,
    FORMAT_VAT_NUMBER,
    FORMAT_IBAN,
    FORMAT_BIC,
    FORMAT_COUNTRY,
    FORMAT_CURRENCY,
    FORMAT_MONEY,
    FORMAT_RATE,
    FORMAT_URL,
    FORMAT_PASSWORD,
    FORMAT_TEXT,
    FORMAT_PAGE_TOKEN,
    FORMAT_PATH
};

/* An object that a field names: "budgeting.Project", and the states it must be in (NULL-ended). */
struct rule_ref {
    const char *object;  /* "accounts.Client" */
    const char *service; /* "accounts" */
    const char *look_up; /* "accounts.LookUpClient", a leaf method that takes common.Id */
    const char *const *status;
    const struct message_rules *rules; /* of the object */
};

enum {
    RULE_REQUIRED = 1 << 0,
    RULE_PERSONAL = 1 << 1, /* split off from the log */
    RULE_SECRET = 1 << 2,   /* never logged, never audited */
    RULE_HIDDEN = 1 << 3,   /* never in JSON */
    RULE_PATH = 1 << 4,     /* part of the route's path: unknown is 404, not 422 */
    RULE_COMPUTED = 1 << 5  /* replies only */
};

struct message_rules;

/* What a field may hold. min and max: integers, the value; strings, characters. */
struct field_rules {
    uint32_t flags;
    enum rule_format format;
    int64_t min, max;
    uint32_t items_max;
    enum rpc_role only;                  /* RPC_ROLE_NONE: whoever may call */
    const struct rule_ref *ref;          /* or NULL */
    const struct message_rules *message; /* of a nested message, or NULL */
};

/* fields[i] belongs to descriptor->fields[i] (protobuf-c orders both by field number). */
struct message_rules {
    const ProtobufCMessageDescriptor *descriptor;
    const struct field_rules *fields;
    bool exactly_one; /* one of its fields, no more, no less */
};

/* A change of state. from is NULL-ended and empty where an object begins; to is NULL where it is
 * deleted, or only needs to be in one of these states. */
struct rpc_moves {
    const char *object, *field; /* "Session", "status" */
    const char *const *from;
    const char *to;
};

/* A question asked before the transaction; its answer is call->answers[i], NULL when it was not
 * asked. The asked method takes common.Id, filled from the field `id_field`. */
struct rpc_ask {
    const char *method; /* "sessions.ListPlannedSessions" */
    const char *service;
    const char *id_field;
    const char *found_by; /* a statement whose row has id_field; NULL: the request has it */
    const char *if_field, *if_value; /* asked only when the request says this; NULL: always */
    const struct message_rules *reply;
};

typedef enum rpc_status rpc_handler(struct call *call, const ProtobufCMessage *request,
                                    ProtobufCMessage *reply);

/* Adds violations of what fields must be together; any of them may be absent or broken by itself. */
typedef void rpc_check(struct call *call, const ProtobufCMessage *request);

struct rpc_method {
    const char *name; /* "accounts.CreateClient" */
    enum rpc_lane lane;
    enum rpc_role role;
    bool writes;       /* in a transaction; otherwise each statement reads by itself */
    bool shows_secret; /* a repeated idempotency key is 409 secret_shown_once */
    bool audited;      /* a read that emits common.DocumentDownloaded */
    bool patch;        /* header->present says what was given */
    const struct message_rules *request, *reply;
    const struct rpc_moves *moves; /* ended by a NULL object; or NULL */
    const char *done_code;         /* of the refusal in a state that a move leads to, or NULL */
    const char *const *emits;      /* names of the events it may emit, NULL-ended; or NULL */
    const char *const *callers;    /* NULL-ended; NULL for routed methods (gateway only) */
    const struct rpc_ask *asks;
    size_t asks_count;
    rpc_check *check; /* or NULL */
    rpc_handler *handler;
};

/* The methods of one service; the routed ones and the internal ones. */
struct rpc_service {
    const char *name; /* "accounts" */
    const struct rpc_method *methods;
    size_t methods_count;
    const struct subscription *subscriptions;
    size_t subscriptions_count;
    const struct job_rules *jobs; /* ended by a NULL name, or NULL */
};

/* Any event type of any service; `events_find` in events.h. Paths are dotted, "" when absent. */
struct event_type {
    const char *name; /* "accounts.ClientCreated" */
    const struct message_rules *message;
    const char *subject, *client, *project;
    bool deletes, erases;
    int personal_months; /* how long its personal values are kept; 0: as long as the client's */
    const char *object;  /* name of the field that holds the object, or NULL */
};

/* All event types of all services, ended by a NULL name (generated: event_types.c). */
extern const struct event_type rpc_event_types[];

typedef enum rpc_status event_handler(struct call *call, const ProtobufCMessage *event);

/* Generated from the contract: the methods that every service has, handled in services/common. */
extern const struct rpc_service ops_rpc;

/* What a service does with an event of another one. Either projection or handler. */
struct subscription {
    const struct event_type *type;
    const char *producer;          /* "accounts" */
    const char *projection;        /* name of a PROJECTION, or NULL */
    event_handler *handler;        /* a reaction, or NULL */
    event_handler *skipped;        /* instead of it, when it is skipped; or NULL */
    const struct rpc_moves *moves; /* of the reaction, as a method's; or NULL */
    const char *const *emits;      /* what the reaction may emit, NULL-ended; or NULL */
};

/* What the contract says of a job; service.h has the work itself. */
struct job_rules {
    const char *name;
    const struct rpc_moves *moves; /* as a method's; or NULL */
    const char *const *emits;      /* NULL-ended; or NULL */
};

/* A route of the gateway. Segments that start with '{' are fields of the request. */
struct http_route {
    const char *verb, *path; /* "POST", "/v1/clients/{id}/activate" */
    const char *method;      /* "accounts.ActivateClient" */
    const char *service;     /* "accounts"; NULL: every service has it */
    enum rpc_lane lane;
    enum rpc_role role;
    int success; /* HTTP status */
    bool writes;
    bool platform;          /* asked of every service, and of broker and gateway */
    const char *location;   /* template, or NULL */
    const char *media_type; /* of reply field `content`, or NULL for JSON */
    const struct message_rules *request, *reply;
};

/* Generated: routes.c, sorted by path then verb. */
extern const struct http_route http_routes[];
extern const size_t http_routes_count;

#endif
