/* SPDX-License-Identifier: Apache-2.0
 * Questions to other services before a transaction begins; what objects are referred to is asked in
 * references.c. */
#include "asks.h"

#include "common.rules.h"
#include "db.h"
#include "log.h"
#include "service.h"
#include "sql_compile.h"

#include <string.h>

static bool
is_wanted(struct call *call, const struct rpc_ask *ask, const ProtobufCMessage *request)
{
    const char *said;

    if (ask->if_field == NULL)
        return true;
    said = message_text(call->arena, request, ask->if_field);
    return said != NULL && strcmp(said, ask->if_value) == 0;
}

/* Which object is asked about: the request says, or a row of ours that it names. */
static enum rpc_status
find_asked(struct call *call, const struct rpc_ask *ask, const ProtobufCMessage *request,
           Common__Id *id)
{
    const ProtobufCMessage *holder = request;

    if (ask->found_by != NULL) {
        struct sql_statement *statement = sql_named(ask->found_by);
        ProtobufCMessage *row = message_new(call->arena, statement->reply);

        if (!db_ready(call->db))
            return call_fail(call, RPC_UNAVAILABLE, NULL, "the database is away; try again");
        TRY(sql_one(call, statement, request, row));
        holder = row;
    }
    id->id = (char *)message_text(call->arena, holder, ask->id_field);
    return RPC_OK;
}

enum rpc_status
asks_resolve(struct call *call, const ProtobufCMessage *request)
{
    const struct rpc_method *method = call->method;

    call->answers = arena_array(call->arena, method->asks_count + 1, sizeof *call->answers);
    for (size_t i = 0; i < method->asks_count; i++) {
        const struct rpc_ask *ask = &method->asks[i];
        Common__Id id = COMMON__ID__INIT;

        if (!is_wanted(call, ask, request))
            continue;
        TRY(find_asked(call, ask, request, &id));
        TRY(call_ask(call, ask->method, &id.base, ask->reply, &call->answers[i]));
    }
    return RPC_OK;
}

const char *
asks_reasons(struct call *call)
{
    struct buffer reasons;

    buffer_init(&reasons, call->arena);
    for (size_t i = 0; i < call->method->asks_count; i++) {
        const Common__Obligations *obligations = (const Common__Obligations *)call->answers[i];

        for (size_t j = 0; j < obligations->n_reasons; j++)
            buffer_printf(&reasons, "%s%s", reasons.length == 0 ? "" : "; ",
                          obligations->reasons[j]);
    }
    return reasons.length == 0 ? NULL : reasons.bytes;
}

static bool
is_found(const struct rpc_method *method, const struct rpc_ask *ask)
{
    const struct sql_statement *statement = ask->found_by == NULL ? NULL : sql_named(ask->found_by);

    if (ask->found_by == NULL ||
        (statement != NULL && statement->request == method->request->descriptor &&
         protobuf_c_message_descriptor_get_field_by_name(statement->reply, ask->id_field) != NULL))
        return true;
    log_error("%s asks %s by %s of %s; write that statement over its request", method->name,
              ask->method, ask->id_field, ask->found_by);
    return false;
}

bool
asks_prove(const struct service *service)
{
    bool ok = true;

    for (size_t i = 0; i < service->rpc->methods_count; i++)
        for (size_t j = 0; j < service->rpc->methods[i].asks_count; j++)
            ok = is_found(&service->rpc->methods[i], &service->rpc->methods[i].asks[j]) && ok;
    return ok;
}
