/* SPDX-License-Identifier: Apache-2.0
 * The one path of every request through a service. */
#include "dispatch.h"

#include "asks.h"
#include "common.rules.h"
#include "config.h"
#include "dates.h"
#include "db.h"
#include "events.h"
#include "log.h"
#include "roles.h"
#include "service.h"
#include "validate.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS_MAX = 4 };

/* What one request needs on its way besides the call. */
struct passage {
    struct dispatcher *dispatcher;
    struct refused_keys *refused;
    const struct wire_request *wire;
    struct call call;
    ProtobufCMessage *request, *reply;
    struct dispatched out;
    int64_t started_ms;
};

/* ---- who may */

static bool
listed(const char *const *names, const char *name)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* Whether the caller that the header names is who asks; else it is the sender. */
static bool
is_for_caller(const struct passage *passage)
{
    return passage->call.method->role != RPC_ROLE_INTERNAL &&
           strcmp(passage->wire->sender, "gateway") == 0;
}

static enum rpc_status
authorise(struct passage *passage)
{
    const struct rpc_method *method = passage->call.method;
    const Wire__Caller *caller = passage->call.header->caller;
    bool internal = method->role == RPC_ROLE_INTERNAL;
    bool ok = internal
                  ? method->callers == NULL || listed(method->callers, passage->wire->sender)
                  : is_for_caller(passage) && role_admits(method->role, method->writes, caller);

    if (ok)
        return RPC_OK;
    return call_fail(&passage->call, RPC_FORBIDDEN, NULL, "this operation needs the role %s",
                     method->role == RPC_ROLE_ADMIN  ? "admin"
                     : method->role == RPC_ROLE_USER ? "of a logged-in user"
                                                     : "operator");
}

/* ---- what was asked */

static const struct rpc_method *
find_method(const struct service *service, const char *name)
{
    const char *own = strchr(name, '.');

    for (size_t i = 0; i < service->rpc->methods_count; i++)
        if (strcmp(service->rpc->methods[i].name, name) == 0)
            return &service->rpc->methods[i];
    for (size_t i = 0; own != NULL && i < ops_rpc.methods_count; i++)
        if (strcmp(strchr(ops_rpc.methods[i].name, '.'), own) == 0)
            return &ops_rpc.methods[i];
    return NULL;
}

static enum rpc_status
read_header(struct passage *passage)
{
    struct call *call = &passage->call;
    Wire__RequestHeader *header = wire__request_header__unpack(
        arena_allocator(call->arena), passage->wire->header_bytes, passage->wire->header);

    if (header == NULL || header->method == NULL)
        return call_fail(call, RPC_MALFORMED, NULL, "the request's header does not decode");
    call->header = header;
    log_request(header->request_id);
    call->method = find_method(call->service, header->method);
    if (call->method == NULL)
        return call_fail(call, RPC_INTERNAL, NULL, "this service has no method %s", header->method);
    call->moves = call->method->moves;
    call->emits = call->method->emits;
    return authorise(passage);
}

static enum rpc_status
read_request(struct passage *passage)
{
    struct call *call = &passage->call;

    passage->request =
        protobuf_c_message_unpack(call->method->request->descriptor, arena_allocator(call->arena),
                                  passage->wire->body_bytes, passage->wire->body);
    if (passage->request == NULL)
        return call_fail(call, RPC_MALFORMED, NULL, "the request does not decode");
    return validate_request(call, call->method->request, passage->request) != RPC_INVALID
               ? call->status
               : references_judge(call, call->method->request, passage->request);
}

static enum rpc_status
ask(struct passage *passage)
{
    struct call *call = &passage->call;

    TRY(references_resolve(call, call->method->request, passage->request));
    return asks_resolve(call, passage->request);
}

/* A connection that died while idle is replaced once. */
static bool
is_worth_another_look(struct call *call, enum rpc_status status)
{
    if (status != RPC_UNAVAILABLE || !db_lost(call->db) || !db_ready(call->db))
        return false;
    call_restart(call);
    return true;
}

/* What other services must say first: about the objects referred to, and what the method asks. */
static enum rpc_status
ask_others(struct passage *passage)
{
    enum rpc_status status = ask(passage);

    return is_worth_another_look(&passage->call, status) ? ask(passage) : status;
}

/* ---- what is answered */

static int64_t
figure(struct arena *arena, const ProtobufCMessage *reply, const char *name)
{
    const char *text =
        protobuf_c_message_descriptor_get_field_by_name(reply->descriptor, name) == NULL
            ? NULL
            : message_text(arena, reply, name);

    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

/* With its personal part: both packed in a row are the whole. */
static ProtobufCBinaryData
whole_payload(struct call *call, const struct emitted *emitted)
{
    size_t bytes = emitted->payload_bytes + emitted->personal_bytes;
    uint8_t *whole = arena_alloc(call->arena, bytes);

    memcpy(whole, emitted->payload, emitted->payload_bytes);
    if (emitted->personal != NULL)
        memcpy(whole + emitted->payload_bytes, emitted->personal, emitted->personal_bytes);
    return (ProtobufCBinaryData){bytes, whole};
}

/* Not for anybody: what a reset of a password would tell says whether the address is known. */
static void
add_dry_events(struct call *call)
{
    size_t count = 0;

    if (call->method == NULL || call->method->role == RPC_ROLE_PUBLIC)
        return;
    for (struct emitted *emitted = call->emitted; emitted != NULL; emitted = emitted->next)
        count++;
    call->reply_header.events =
        arena_array(call->arena, count + 1, sizeof *call->reply_header.events);
    for (struct emitted *emitted = call->emitted; emitted != NULL; emitted = emitted->next) {
        Wire__DryEvent *event = arena_alloc(call->arena, sizeof *event);

        wire__dry_event__init(event);
        event->type = (char *)emitted->type->name;
        event->has_payload = 1;
        event->payload = whole_payload(call, emitted);
        call->reply_header.events[call->reply_header.n_events++] = event;
    }
}

static void
pack_reply(struct passage *passage, enum rpc_status status)
{
    struct call *call = &passage->call;
    Wire__ReplyHeader *header = &call->reply_header;
    int64_t version = passage->reply == NULL ? 0 : figure(call->arena, passage->reply, "version");

    SET(header, status, (int32_t)status);
    if (status != RPC_OK)
        header->problem = &call->problem;
    else if (version > 0) {
        SET(header, version, version);
        SET(header, revision, figure(call->arena, passage->reply, "revision"));
    }
    if (call->header->dry_run)
        add_dry_events(call);
    passage->out.header = message_pack(call->arena, &header->base, &passage->out.header_bytes);
    passage->out.body = status == RPC_OK
                            ? message_pack(call->arena, passage->reply, &passage->out.body_bytes)
                            : NULL;
    passage->out.body_bytes = status == RPC_OK ? passage->out.body_bytes : 0;
}

/* ---- the transaction */

static bool
is_transaction(const struct rpc_method *method)
{
    return method->writes || method->audited;
}

static enum rpc_status
note_download(struct call *call, const ProtobufCMessage *request)
{
    Common__DocumentDownloaded event = COMMON__DOCUMENT_DOWNLOADED__INIT;

    event.method = (char *)call->method->name;
    event.id = (char *)message_text(call->arena, request, "id");
    return call_emit(call, events_find("common.DocumentDownloaded"), &event.base);
}

/* The handler said OK: store the events, keep the reply, commit. */
static enum rpc_status
conclude(struct passage *passage)
{
    struct call *call = &passage->call;

    if (call->method->audited)
        TRY(note_download(call, passage->request));
    if (call->emitted == NULL && !call->emitted_none) {
        log_error("%s changed something and told nothing", call->method->name);
        return call_fail(call, RPC_INTERNAL, NULL,
                         "something failed on our side; it was logged under this request id");
    }
    pack_reply(passage, RPC_OK);
    events_store(call);
    if (call->header->idempotency_key != NULL)
        idempotency_keep(call, &passage->out);
    return db_commit(call->db) ? RPC_OK : db_fail(call);
}

static void
replay(struct passage *passage)
{
    struct arena *arena = passage->call.arena;
    Wire__ReplyHeader *header = wire__reply_header__unpack(
        arena_allocator(arena), passage->out.header_bytes, passage->out.header);

    if (header == NULL)
        return;
    SET(header, replayed, 1);
    passage->out.header = message_pack(arena, &header->base, &passage->out.header_bytes);
}

/* An If-Match that nothing has compared is refused, never ignored; where nothing changed, the reply is the object. */
static enum rpc_status
heed_condition(struct passage *passage)
{
    struct call *call = &passage->call;
    int64_t version = figure(call->arena, passage->reply, "version");

    if (!call->header->has_if_match || call->matched)
        return RPC_OK;
    if (call->emitted == NULL)
        return version == 0 ? RPC_OK : call_match(call, version);
    return call_fail_code(call, RPC_MALFORMED, "malformed_header", NULL,
                          "If-Match means nothing here; repeat the request without it");
}

/* One attempt of a change. *done: passage->out is complete (a replay). */
static enum rpc_status
change(struct passage *passage, bool *done)
{
    struct call *call = &passage->call;

    db_begin(call->db, false);
    if (idempotency_wanted(call))
        switch (idempotency_take(call, &passage->out)) {
        case IDEMPOTENCY_NEW:
            break;
        case IDEMPOTENCY_REPLAYED:
            replay(passage);
            *done = true;
            return RPC_OK;
        case IDEMPOTENCY_REFUSED:
            return call->status;
        }
    TRY(idempotency_heed_refusals(call, passage->refused));
    TRY(call->method->handler(call, passage->request, passage->reply));
    TRY(heed_condition(passage));
    if (call->header->dry_run) {
        pack_reply(passage, RPC_OK);
        *done = true;
        return RPC_OK;
    }
    return conclude(passage);
}

/* A repetition is answered as the first was, whatever has become since of the objects that it
 * refers to. */
static enum rpc_status
answer_again(struct passage *passage, enum rpc_status refusal)
{
    struct call *call = &passage->call;
    enum idempotency found = IDEMPOTENCY_NEW;

    if (!is_transaction(call->method) || !idempotency_wanted(call))
        return refusal;
    if (db_ready(call->db)) {
        db_begin(call->db, false);
        found = idempotency_take(call, &passage->out);
    }
    if (found == IDEMPOTENCY_REPLAYED)
        replay(passage);
    if (found == IDEMPOTENCY_NEW)
        idempotency_note_refusal(call, passage->refused, refusal);
    else
        refusal = found == IDEMPOTENCY_REPLAYED ? RPC_OK : call->status;
    db_rollback(call->db);
    return refusal;
}

/* Nothing was committed, and the next attempt may go better. */
static bool
is_worth_repeating(struct call *call)
{
    return db_retryable(call->db) || idempotency_lost(call) ||
           (db_lost(call->db) && db_ready(call->db));
}

static enum rpc_status
transact(struct passage *passage)
{
    struct call *call = &passage->call;
    enum rpc_status status = RPC_UNAVAILABLE;
    bool done = false;

    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        call_restart(call);
        passage->reply = message_new(call->arena, call->method->reply->descriptor);
        status = change(passage, &done);
        if (status == RPC_OK && !done)
            return RPC_OK;
        db_rollback(call->db);
        if (status == RPC_OK)
            return RPC_OK;
        /* What took the key's lock may not have seen the row of who held it: its snapshot is older. */
        if (!is_worth_repeating(call))
            return answer_again(passage, status);
    }
    return status;
}

/* A read: each statement is its own transaction. */
static enum rpc_status
look(struct passage *passage)
{
    struct call *call = &passage->call;
    enum rpc_status status;

    passage->reply = message_new(call->arena, call->method->reply->descriptor);
    status = call->method->handler(call, passage->request, passage->reply);
    if (is_worth_another_look(call, status)) {
        passage->reply = message_new(call->arena, call->method->reply->descriptor);
        status = call->method->handler(call, passage->request, passage->reply);
    }
    if (status == RPC_OK)
        pack_reply(passage, RPC_OK);
    return status;
}

/* What nobody waits for any more is not begun. */
static enum rpc_status
begin_in_time(struct passage *passage)
{
    if (passage->wire->remaining_ms > clock_ms() - passage->started_ms)
        return RPC_OK;
    return call_fail(&passage->call, RPC_UNAVAILABLE, NULL,
                     "there was no time left to begin; try again");
}

static enum rpc_status
handle(struct passage *passage)
{
    struct call *call = &passage->call;
    enum rpc_status status;

    TRY(read_header(passage));
    TRY(begin_in_time(passage));
    TRY(read_request(passage));
    status = ask_others(passage);
    if (status != RPC_OK)
        return answer_again(passage, status);
    TRY(begin_in_time(passage));
    if (!db_ready(call->db))
        return call_fail(call, RPC_UNAVAILABLE, NULL, "the database is away; try again");
    return is_transaction(call->method) ? transact(passage) : look(passage);
}

/* ---- afterwards */

static void
note_forbidden(struct passage *passage)
{
    struct call *call = &passage->call;
    Common__AccessRefused event = COMMON__ACCESS_REFUSED__INIT;

    if (!is_for_caller(passage) || call->header->caller == NULL)
        call_blame(call, passage->wire->sender);
    event.method = (char *)call->method->name;
    event.path = call->header->path;
    call_emit_refusal(call, events_find("common.AccessRefused"), &event.base);
}

/* A refusal is recorded in a transaction of its own: the refused one left nothing. */
static void
record_refusal(struct call *call)
{
    call->emitted = call->refusal;
    if (call->refusal == NULL || !db_ready(call->db))
        return;
    db_begin(call->db, false);
    events_store(call);
    if (!db_commit(call->db))
        log_error("a refusal could not be recorded: %s", db_error(call->db)->message);
}

static void
wake_others(const struct passage *passage)
{
    const struct inherited *inherited = passage->dispatcher->inherited;

    if (passage->call.emitted != NULL)
        wake(inherited->wake_courier_write);
    if (passage->call.wake_jobs)
        wake(inherited->wake_jobs_write);
}

static void
serve(struct passage *passage)
{
    struct counters *counters = passage->dispatcher->inherited->counters;
    enum rpc_status status = handle(passage);

    atomic_fetch_add(&counters->handled, 1);
    if (status == RPC_OK && !passage->call.header->dry_run)
        wake_others(passage);
    if (status == RPC_OK)
        return;
    atomic_fetch_add(&counters->failed, status == RPC_INTERNAL);
    pack_reply(passage, status);
    if (status == RPC_FORBIDDEN && passage->call.method != NULL)
        note_forbidden(passage);
    record_refusal(&passage->call);
    wake_others(passage);
}

struct dispatched
dispatch(struct dispatcher *dispatcher, const struct wire_request *request)
{
    struct passage passage = {.dispatcher = dispatcher,
                              .refused = &dispatcher->inherited->counters->refused,
                              .wire = request,
                              .started_ms = clock_ms()};

    arena_reset(dispatcher->arena);
    call_start(&passage.call, dispatcher->arena, dispatcher->db, dispatcher->asker,
               dispatcher->service);
    if (setjmp(*arena_overflow(dispatcher->arena)) != 0) {
        db_rollback(dispatcher->db);
        arena_reset(dispatcher->arena);
        call_start(&passage.call, dispatcher->arena, dispatcher->db, dispatcher->asker,
                   dispatcher->service);
        call_fail(&passage.call, RPC_TOO_LARGE, NULL,
                  "the request needs more memory than one call may use");
        passage.reply = NULL;
        pack_reply(&passage, RPC_TOO_LARGE);
    } else {
        serve(&passage);
    }
    arena_overflow_end(dispatcher->arena);
    log_request(NULL);
    return passage.out;
}
