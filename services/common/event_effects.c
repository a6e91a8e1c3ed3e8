/* SPDX-License-Identifier: Apache-2.0
 * One event and this service's subscriptions to it. It must not know where the event comes from. */
#include "event_effects.h"

#include "event_join.h"
#include "log.h"
#include "projections.h"
#include "uuid.h"

#include <assert.h>
#include <string.h>

bool
effect_wanted(const struct service *service, const char *type)
{
    for (size_t i = 0; i < service->rpc->subscriptions_count; i++)
        if (strcmp(service->rpc->subscriptions[i].type->name, type) == 0)
            return true;
    return false;
}

/* The call's own header, with the request that the event goes back to. */
void
effect_enter(struct call *call, const Wire__Event *event)
{
    Wire__RequestHeader *header = arena_memdup(call->arena, call->header, sizeof *header);
    Wire__Actor *actor =
        wire__actor__unpack(arena_allocator(call->arena), event->actor.len, event->actor.data);

    header->request_id = actor == NULL ? NULL : actor->request_id;
    header->traceparent = actor == NULL ? NULL : actor->traceparent;
    call->header = header;
    call->event = event;
    log_request(header->request_id);
}

static bool
has_reaction(const struct service *service, const struct event_type *type)
{
    for (size_t i = 0; i < service->rpc->subscriptions_count; i++)
        if (service->rpc->subscriptions[i].type == type &&
            service->rpc->subscriptions[i].handler != NULL)
            return true;
    return false;
}

enum rpc_status
effect_plan(struct call *call, const Wire__Event *event, struct effect *effect)
{
    *effect = (struct effect){.event = event};
    if (!effect_wanted(call->service, event->type))
        return RPC_OK;
    effect_enter(call, event);
    effect->type = events_find(event->type);
    assert(effect->type != NULL);
    effect->message = events_unpack(call->arena, effect->type, event);
    if (effect->message == NULL)
        return call_fail(call, RPC_INTERNAL, NULL, "the event does not decode");
    return has_reaction(call->service, effect->type) && !event_precedes_join(event)
               ? references_resolve(call, effect->type->message, effect->message)
               : RPC_OK;
}

static void
enter_subscription(struct call *call, const struct subscription *subscription)
{
    char id[37];

    call->moves = subscription->moves;
    call->move = NULL;
    call->emits = subscription->emits;
    uuid_new(id);
    call->new_id = arena_strdup(call->arena, id);
}

static enum rpc_status
serve_subscription(struct call *call, const struct subscription *subscription,
                   const struct effect *effect)
{
    enter_subscription(call, subscription);
    if (subscription->projection != NULL) {
        const struct projection *projection = projection_named(subscription->projection);

        if (projection == NULL)
            return call_fail(call, RPC_INTERNAL, NULL, "this program has no projection %s",
                             subscription->projection);
        TRY(projection_apply(call, projection, effect->type, effect->message));
    }
    if (subscription->handler == NULL || event_precedes_join(effect->event))
        return RPC_OK;
    projections_write(call);
    return subscription->handler(call, effect->message);
}

enum rpc_status
effect_apply(struct call *call, const struct effect *effect)
{
    const struct rpc_service *rpc = call->service->rpc;

    if (effect->type == NULL)
        return RPC_OK;
    effect_enter(call, effect->event);
    for (size_t i = 0; i < rpc->subscriptions_count; i++)
        if (rpc->subscriptions[i].type == effect->type)
            TRY(serve_subscription(call, &rpc->subscriptions[i], effect));
    if (effect->type->erases && effect->event->client != NULL)
        events_erase_client(call, effect->event->client);
    return RPC_OK;
}

enum rpc_status
effect_skip(struct call *call, const Wire__Event *event)
{
    const struct rpc_service *rpc = call->service->rpc;
    const struct event_type *type = events_find(event->type);
    ProtobufCMessage *message = type == NULL ? NULL : events_unpack(call->arena, type, event);

    effect_enter(call, event);
    for (size_t i = 0; i < rpc->subscriptions_count; i++) {
        const struct subscription *subscription = &rpc->subscriptions[i];

        if (subscription->type != type || subscription->skipped == NULL)
            continue;
        if (message == NULL)
            return call_fail(call, RPC_INTERNAL, NULL, "the event does not decode");
        enter_subscription(call, subscription);
        TRY(subscription->skipped(call, message));
    }
    return RPC_OK;
}

Wire__Event *
event_unpark(struct arena *arena, const ProtobufCBinaryData *event, const ProtobufCBinaryData *salt,
             const ProtobufCBinaryData *personal)
{
    Wire__Event *whole = wire__event__unpack(arena_allocator(arena), event->len, event->data);

    if (whole == NULL || personal->data == NULL || salt->data == NULL)
        return whole;
    SET(whole, personal_salt, *salt);
    SET(whole, personal, *personal);
    return whole;
}
