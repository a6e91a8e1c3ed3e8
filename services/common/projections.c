/* SPDX-License-Identifier: Apache-2.0
 * The local copies of other services' objects, as registered by PROJECTION; see projections.h. */
#include "projections.h"

#include "db.h"
#include "log.h"
#include "sql_compile.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The linker section that PROJECTION fills; absent in programs without one. */
extern const struct projection *const __start_projections[] __attribute__((weak));
extern const struct projection *const __stop_projections[] __attribute__((weak));

/* Statements over a projection's table, made once per process. */
struct table_statements {
    struct db_statement look, bury;
    char look_text[192], bury_text[128];
};

static struct table_statements made[PROJECTIONS_MAX];

const struct projection *const *
projections(size_t *count)
{
    *count = __start_projections == NULL ? 0 : (size_t)(__stop_projections - __start_projections);
    assert(*count <= PROJECTIONS_MAX);
    return __start_projections;
}

const struct projection *
projection_named(const char *name)
{
    size_t count;
    const struct projection *const *all = projections(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

const struct projection *
projection_of(const char *object)
{
    size_t count;
    const struct projection *const *all = projections(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i]->object, object) == 0)
            return all[i];
    return NULL;
}

/* to_jsonb, so that a table without a status need not say so. */
static struct table_statements *
statements_of(const struct projection *projection)
{
    size_t count, i = 0;
    const struct projection *const *all = projections(&count);
    struct table_statements *statements;

    while (i < count && all[i] != projection)
        i++;
    assert(i < count);
    statements = &made[i];
    if (statements->look.text != NULL)
        return statements;
    snprintf(statements->look_text, sizeof statements->look_text,
             "select to_jsonb(copy) ->> 'status' from %s copy where id = $1::uuid and not deleted",
             projection->table);
    snprintf(statements->bury_text, sizeof statements->bury_text,
             "update %s set deleted = true where id = $1::uuid", projection->table);
    statements->look =
        (struct db_statement){"look_into_projection", statements->look_text, 1, false};
    statements->bury = (struct db_statement){"bury_in_projection", statements->bury_text, 1, false};
    return statements;
}

void
projection_put(struct call *call, const struct projection *projection,
               const ProtobufCMessage *object)
{
    assert(projection->upsert->compiled != NULL);
    db_queue(call->db, &projection->upsert->compiled->statement,
             sql_bind(call, projection->upsert, object));
}

/* The field of an event type that holds an object of this projection; NULL when there is none. */
static const ProtobufCFieldDescriptor *
object_field(const struct projection *projection, const ProtobufCMessageDescriptor *event)
{
    for (unsigned i = 0; i < event->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &event->fields[i];

        if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED &&
            field->descriptor == projection->upsert->request)
            return field;
    }
    return NULL;
}

static const ProtobufCMessage *
object_in(const struct projection *projection, const ProtobufCMessage *event)
{
    const ProtobufCFieldDescriptor *field = object_field(projection, event->descriptor);

    return field == NULL ? NULL
                         : *(const ProtobufCMessage *const *)(const void *)((const char *)event +
                                                                            field->offset);
}

static bool
prove_table(struct db *db, const struct projection *projection)
{
    struct table_statements *statements = statements_of(projection);
    PGresult *look = db_describe(db, &statements->look);
    PGresult *bury = look == NULL ? NULL : db_describe(db, &statements->bury);
    bool ok = bury != NULL;

    if (!ok)
        log_error("projection %s: table %s needs id and deleted: %s", projection->name,
                  projection->table, db_error(db)->message);
    PQclear(look);
    PQclear(bury);
    return ok;
}

static bool
prove_subscription(const struct subscription *subscription)
{
    const struct projection *projection = projection_named(subscription->projection);

    if (projection == NULL)
        log_error("the subscription to %s names the projection %s; write its PROJECTION()",
                  subscription->type->name, subscription->projection);
    else if (object_field(projection, subscription->type->message->descriptor) == NULL)
        log_error("%s holds no %s for the projection %s", subscription->type->name,
                  projection->object, projection->name);
    else
        return true;
    return false;
}

bool
projections_prove(struct db *db, const struct service *service)
{
    size_t count;
    const struct projection *const *all = projections(&count);
    bool ok = true;

    for (size_t i = 0; i < count; i++)
        ok = prove_table(db, all[i]) && ok;
    for (size_t i = 0; i < service->rpc->subscriptions_count; i++)
        if (service->rpc->subscriptions[i].projection != NULL)
            ok = prove_subscription(&service->rpc->subscriptions[i]) && ok;
    return ok;
}

enum rpc_status
projection_apply(struct call *call, const struct projection *projection,
                 const struct event_type *type, const ProtobufCMessage *event)
{
    const ProtobufCMessage *object = object_in(projection, event);
    const char *id = object == NULL ? NULL : message_text(call->arena, object, "id");

    if (id == NULL)
        return call_fail(call, RPC_INTERNAL, NULL, "%s holds no object for the projection %s",
                         type->name, projection->name);
    projection_put(call, projection, object);
    /* The event may tell of another object's end: a session that lost a training stays. */
    if (type->deletes && call->event->subject != NULL && strcmp(call->event->subject, id) == 0)
        db_queue(call->db, &statements_of(projection)->bury, &id);
    return RPC_OK;
}

enum rpc_status
projection_look(struct call *call, const struct projection *projection, const char *id, bool *found,
                const char **status)
{
    PGresult *row = db_query(call->db, call->arena, &statements_of(projection)->look, &id);

    if (row == NULL)
        return db_fail(call);
    *found = PQntuples(row) > 0;
    *status = *found ? db_value(row, 0, 0) : NULL;
    return RPC_OK;
}
