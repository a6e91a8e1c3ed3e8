/* SPDX-License-Identifier: Apache-2.0
 * What a handler can say of its call: refusals, violations, presence of fields, events, questions.
 * */
#include "call.h"

#include "dates.h"
#include "events.h"
#include "log.h"
#include "uuid.h"
#include "wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    ASK_ATTEMPTS_MAX = 3,
    ASK_WATCH_MS = 100, /* a connection that has ended is noticed after so long at most */
    ASK_PAUSE_MS = 20,
    VIOLATIONS_MAX = 100
};

static Wire__Caller *
program_as_caller(struct arena *arena, const char *program)
{
    Wire__Caller *caller = arena_alloc(arena, sizeof *caller);

    wire__caller__init(caller);
    caller->kind = (char *)"service";
    caller->id = (char *)program;
    return caller;
}

Wire__RequestHeader *
call_own_header(struct arena *arena, const struct service *service)
{
    Wire__RequestHeader *header = arena_alloc(arena, sizeof *header);

    wire__request_header__init(header);
    header->caller = program_as_caller(arena, service->rpc->name);
    return header;
}

void
call_start(struct call *call, struct arena *arena, struct db *db, struct wire_asker *asker,
           const struct service *service)
{
    char id[37], today[11];

    uuid_new(id);
    date_today(today);
    *call = (struct call){.arena = arena, .db = db, .asker = asker, .service = service};
    call->header = call_own_header(arena, service);
    call->new_id = arena_strdup(arena, id);
    call->today = arena_strdup(arena, today);
    call_restart(call);
}

void
call_restart(struct call *call)
{
    wire__problem__init(&call->problem);
    wire__reply_header__init(&call->reply_header);
    call->status = RPC_OK;
    call->emitted = call->refusal = NULL;
    call->projected = NULL;
    call->emitted_end = &call->emitted;
    call->move = NULL;
    call->emitted_none = call->wake_jobs = call->matched = false;
}

/* ---- refusals */

static enum rpc_status
refuse(struct call *call, enum rpc_status status, const char *code, const char *field,
       const char *sentence, va_list arguments)
{
    const char *detail = arena_vprintf(call->arena, sentence, arguments);

    call->status = status;
    call->problem.code = arena_strdup(call->arena, code);
    call->problem.detail =
        field == NULL ? (char *)detail : arena_printf(call->arena, "%s %s", field, detail);
    if (status == RPC_INVALID && field != NULL)
        call_violation(call, field, code, "%s", detail);
    return status;
}

enum rpc_status
call_fail(struct call *call, enum rpc_status status, const char *field, const char *sentence, ...)
{
    va_list arguments;

    va_start(arguments, sentence);
    refuse(call, status, rpc_status_code(status), field, sentence, arguments);
    va_end(arguments);
    return status;
}

enum rpc_status
call_fail_code(struct call *call, enum rpc_status status, const char *code, const char *field,
               const char *sentence, ...)
{
    va_list arguments;

    va_start(arguments, sentence);
    refuse(call, status, code, field, sentence, arguments);
    va_end(arguments);
    return status;
}

/* "billing_contact.email" → "/billing_contact/email"; a pointer stays as it is. */
static char *
pointer_of(struct arena *arena, const char *field)
{
    char *pointer;

    if (field == NULL || *field == '\0' || *field == '/')
        return arena_strdup(arena, field == NULL ? "" : field);
    pointer = arena_printf(arena, "/%s", field);
    for (char *dot = pointer; (dot = strchr(dot, '.')) != NULL;)
        *dot = '/';
    return pointer;
}

bool
call_violates(const struct call *call, const char *pointer)
{
    for (size_t i = 0; i < call->problem.n_errors; i++)
        if (strcmp(call->problem.errors[i]->pointer, pointer) == 0)
            return true;
    return false;
}

void
call_violation(struct call *call, const char *field, const char *code, const char *sentence, ...)
{
    Wire__Violation *violation, **grown;
    size_t count = call->problem.n_errors;
    char *pointer = pointer_of(call->arena, field);
    va_list arguments;

    if (count == VIOLATIONS_MAX || call_violates(call, pointer))
        return;
    violation = arena_alloc(call->arena, sizeof *violation);
    wire__violation__init(violation);
    violation->pointer = pointer;
    violation->code = arena_strdup(call->arena, code);
    va_start(arguments, sentence);
    violation->detail = arena_vprintf(call->arena, sentence, arguments);
    va_end(arguments);
    grown = arena_array(call->arena, count + 1, sizeof *grown);
    if (count > 0)
        memcpy(grown, call->problem.errors, count * sizeof *grown);
    grown[count] = violation;
    call->problem.errors = grown;
    call->problem.n_errors = count + 1;
}

void
call_refuse_zero(struct call *call, const char *field, bool given, int64_t amount_cents)
{
    if (given && amount_cents == 0)
        call_violation(call, field, "out_of_range", "must not be 0");
}

void
call_refuse_future(struct call *call, const char *field, const char *date)
{
    if (date != NULL && strcmp(date, call->today) > 0)
        call_violation(call, field, "out_of_range", "is in the future");
}

enum rpc_status
call_violations(struct call *call)
{
    if (call->problem.n_errors == 0)
        return RPC_OK;
    if (call->problem.n_errors == 1)
        return call_fail_code(call, RPC_INVALID, "invalid", NULL, "%s %s",
                              call->problem.errors[0]->pointer, call->problem.errors[0]->detail);
    return call_fail_code(call, RPC_INVALID, "invalid", NULL, "%zu fields break a rule; see errors",
                          call->problem.n_errors);
}

enum rpc_status
call_match(struct call *call, int64_t version)
{
    call->matched = true;
    if (!call->header->has_if_match || call->header->if_match == version)
        return RPC_OK;
    return call_fail(call, RPC_PRECONDITION, NULL,
                     "the object has changed since (its version is %" PRId64
                     "); read it again and repeat",
                     version);
}

/* Whether `inner` is `outer` or lies within it: "address.city" lies within "address". */
static bool
lies_within(const char *inner, const char *outer)
{
    size_t length = strlen(outer);

    return strncmp(inner, outer, length) == 0 && (inner[length] == '\0' || inner[length] == '.');
}

/* A name given covers what lies within it ("address": null clears "address.city"), and touches what
 * it lies within ("commission.rate_bp" changes the column "commission"). */
bool
call_present(const struct call *call, const char *field)
{
    for (size_t i = 0; i < call->header->n_present; i++) {
        const char *given = call->header->present[i];

        if (lies_within(field, given) || lies_within(given, field))
            return true;
    }
    return false;
}

/* ---- events */

void
emit_none(struct call *call, const char *why)
{
    log_debug("nothing to tell: %s", why);
    call->emitted_none = true;
}

void
call_wake_jobs(struct call *call)
{
    call->wake_jobs = true;
}

/* The contract says what each operation, reaction and job emits; OpenAPI and the flow page repeat it. */
static bool
may_emit(const struct call *call, const struct event_type *type)
{
    const char *const *name = call->emits;

    if (strncmp(type->name, "common.", strlen("common.")) == 0)
        return true;
    while (name != NULL && *name != NULL && strcmp(*name, strchr(type->name, '.') + 1) != 0)
        name++;
    return name != NULL && *name != NULL;
}

enum rpc_status
call_emit(struct call *call, const struct event_type *type, const ProtobufCMessage *event)
{
    struct emitted *emitted;

    if (!may_emit(call, type)) {
        log_error("%s emits %s, which the contract does not say",
                  call->method != NULL  ? call->method->name
                  : call->event != NULL ? call->event->type
                                        : "a job",
                  type->name);
        return call_fail(call, RPC_INTERNAL, NULL,
                         "something failed on our side; it was logged under this request id");
    }
    emitted = events_emitted(call, type, event);
    *call->emitted_end = emitted;
    call->emitted_end = &emitted->next;
    return RPC_OK;
}

enum rpc_status
call_adopt(struct call *call, const struct call *inner, enum rpc_status status)
{
    if (status != RPC_OK) {
        call->status = status;
        call->problem = inner->problem;
        return status;
    }
    if (inner->emitted != NULL) {
        *call->emitted_end = inner->emitted;
        call->emitted_end = inner->emitted_end;
    }
    call->wake_jobs = call->wake_jobs || inner->wake_jobs;
    return RPC_OK;
}

void
call_emit_refusal(struct call *call, const struct event_type *type, const ProtobufCMessage *event)
{
    call->refusal = events_emitted(call, type, event);
}

void
call_blame(struct call *call, const char *program)
{
    Wire__RequestHeader *header = arena_alloc(call->arena, sizeof *header);

    *header = *call->header;
    header->caller = program_as_caller(call->arena, program);
    call->header = header;
}

/* ---- questions */

static bool
send_question(struct call *call, const char *method, const ProtobufCMessage *request, uint64_t tag,
              int64_t remaining_ms)
{
    Wire__RequestHeader *header = call_own_header(call->arena, call->service);
    const char *service = arena_strndup(call->arena, method, strcspn(method, "."));
    size_t header_bytes, body_bytes;
    const uint8_t *header_packed, *body;

    header->method = (char *)method;
    header->request_id = call->header->request_id;
    header->traceparent = call->header->traceparent;
    header_packed = message_pack(call->arena, &header->base, &header_bytes);
    body = message_pack(call->arena, request, &body_bytes);
    return wire_asker_send(call->asker, arena_printf(call->arena, "%s.leaf", service), tag,
                           remaining_ms, header_packed, header_bytes, body, body_bytes);
}

static void
wait_for_brokers(struct call *call, int64_t wait_ms)
{
    zmq_pollitem_t items[WIRE_BROKERS_MAX];

    wire_wait(items, (int)wire_asker_items(call->asker, items, WIRE_BROKERS_MAX), (long)wait_ms);
}

/* Waits for the reply with our tag; late replies to earlier questions are dropped. */
static enum wire_outcome
await_answer(struct call *call, uint64_t tag, int64_t deadline, struct wire_reply *reply)
{
    struct wire_way way = wire_asker_way(call->asker);

    while (clock_ms() < deadline) {
        while (wire_asker_receive(call->asker, call->arena, reply))
            if (reply->tag == tag)
                return reply->outcome;
        (void)wire_asker_connected(call->asker);
        if (wire_asker_lost(call->asker, way))
            return WIRE_LOST;
        wait_for_brokers(call, ASK_WATCH_MS);
    }
    return WIRE_UNAVAILABLE;
}

/* What services ask each other only reads, so that it may be asked again when a broker is restarted. */
static bool
ask_until(struct call *call, const char *method, const ProtobufCMessage *request,
          struct wire_reply *reply)
{
    static uint64_t last_tag; /* of this process's only asker */
    int64_t deadline = clock_ms() + CALL_ASK_TIMEOUT_MS, now;

    for (int attempts = 0; attempts < ASK_ATTEMPTS_MAX && (now = clock_ms()) < deadline;) {
        enum wire_outcome outcome;

        if (!wire_asker_connected(call->asker) ||
            !send_question(call, method, request, ++last_tag, deadline - now)) {
            while (wire_asker_receive(call->asker, call->arena, reply))
                ; /* late ones; what brokers say of themselves is heard on the way */
            wait_for_brokers(call, ASK_PAUSE_MS);
            continue;
        }
        outcome = await_answer(call, last_tag, deadline, reply);
        if (outcome == WIRE_ANSWERED || outcome == WIRE_UNAVAILABLE)
            return outcome == WIRE_ANSWERED;
        attempts++;
    }
    return false;
}

static enum rpc_status
read_answer(struct call *call, const char *method, const struct wire_reply *reply,
            const struct message_rules *rules, ProtobufCMessage **message)
{
    ProtobufCAllocator *allocator = arena_allocator(call->arena);
    Wire__ReplyHeader *header =
        wire__reply_header__unpack(allocator, reply->header_bytes, reply->header);

    if (header == NULL ||
        (header->status == RPC_OK &&
         (*message = protobuf_c_message_unpack(rules->descriptor, allocator, reply->body_bytes,
                                               reply->body)) == NULL)) {
        log_error("the answer of %s does not decode", method);
        return call_fail(call, RPC_INTERNAL, NULL, "another service's answer could not be read");
    }
    if (header->status == RPC_OK)
        return RPC_OK;
    call->status = (enum rpc_status)header->status;
    if (header->problem != NULL)
        call->problem = *header->problem;
    return call->status;
}

enum rpc_status
call_ask(struct call *call, const char *method, const ProtobufCMessage *request,
         const struct message_rules *reply_rules, ProtobufCMessage **reply)
{
    struct wire_reply answer;

    if (!ask_until(call, method, request, &answer)) {
        log_warning("%s did not answer", method);
        return call_fail(call, RPC_UNAVAILABLE, NULL,
                         "a service that must be asked is away; try again");
    }
    return read_answer(call, method, &answer, reply_rules, reply);
}
