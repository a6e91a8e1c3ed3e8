/* SPDX-License-Identifier: Apache-2.0
 * Asks one service at a time what administrators must know: claimed by a lease, asked outside any transaction, told
 * once for as long as it lasts. One that does not answer is left in peace as long as the others, because mails wait for
 * this process too. */
#include "ops_watch.h"

#include "alerts.h"
#include "ops.rpc.h"
#include "service.h"
#include "services.h"
#include "sql.h"

#include <string.h>

/* A service that was added since. */
SQL(add_services, PresentServices, Empty,
    "insert into watched_service (service) select unnest(:services::text[]) "
    "where (select count(*) from watched_service) < cardinality(:services::text[]) on conflict do nothing");

SQL(claim_service, Empty, WatchedService,
    "update watched_service set ask_at = now() + interval '5 seconds' "
    "where service = (select service from watched_service where ask_at <= now() "
    "order by ask_at limit 1 for update skip locked) returning service");

SQL(note_trouble, NotedTrouble, Empty,
    "insert into trouble (service, kind, key) values (:service, :kind, :key) "
    "on conflict do nothing");

SQL(end_troubles, PresentTroubles, Empty,
    "delete from trouble where service = :service and kind || ' ' || key <> all(coalesce(:troubles::text[], '{}'))");

/* A service and what is wrong in it. */
struct watch {
    WatchedService *service;
    bool found;
    Ops__Troubles *answer;
};

#define NAME(service) service,

static enum rpc_status
claim(struct call *call, void *state)
{
    static const char *const services[SERVICES_COUNT] = {EACH_SERVICE(NAME)};
    struct watch *watch = state;
    PresentServices *all = NEW(call, PresentServices);

    all->services = (char **)services;
    all->n_services = SERVICES_COUNT;
    TRY(sql_run(call, &add_services, all, NULL));
    watch->service = NEW(call, WatchedService);
    return sql_maybe(call, &claim_service, NULL, watch->service, &watch->found);
}

/* Nobody may ask itself through the broker. */
static enum rpc_status
ask(struct call *call, struct watch *watch)
{
    const char *service = watch->service->service;
    Common__Empty nothing = COMMON__EMPTY__INIT;
    ProtobufCMessage *answer = message_new(call->arena, &ops__troubles__descriptor);

    watch->answer = (Ops__Troubles *)answer;
    if (strcmp(service, call->service->rpc->name) == 0)
        return ops_list_troubles(call, &nothing, watch->answer);
    TRY(call_ask(call, arena_printf(call->arena, "%s.ListTroubles", service), &nothing.base,
                 &ops__troubles__rules, &answer));
    watch->answer = (Ops__Troubles *)answer;
    return RPC_OK;
}

static enum rpc_status
tell(struct call *call, const char *service, const Ops__Trouble *trouble, const char *kind)
{
    NotedTrouble *noted = NEW(call, NotedTrouble);
    long first;

    noted->service = (char *)service;
    noted->kind = (char *)kind;
    noted->key = trouble->key;
    TRY(sql_run(call, &note_trouble, noted, &first));
    return first == 1 ? alert_trouble(call, trouble) : RPC_OK;
}

static enum rpc_status
settle(struct call *call, void *state)
{
    struct watch *watch = state;
    const Ops__Troubles *answer = watch->answer;
    PresentTroubles *present = NEW(call, PresentTroubles);

    present->service = watch->service->service;
    present->troubles = arena_array(call->arena, answer->n_troubles + 1, sizeof(char *));
    for (size_t i = 0; i < answer->n_troubles; i++) {
        const Ops__Trouble *trouble = answer->troubles[i];
        const char *kind = message_text(call->arena, &trouble->base, "kind");

        TRY(tell(call, present->service, trouble, kind));
        present->troubles[present->n_troubles++] =
            arena_printf(call->arena, "%s %s", kind, trouble->key);
    }
    return sql_run(call, &end_troubles, present, NULL);
}

bool
ops_watch_next(struct call *call)
{
    struct watch watch = {0};

    if (job_transaction(call, claim, &watch) != RPC_OK || !watch.found)
        return false;
    if (ask(call, &watch) != RPC_OK) {
        call_restart(call); /* it is away; who is asked for it says so */
        return true;
    }
    return job_transaction(call, settle, &watch) == RPC_OK;
}
