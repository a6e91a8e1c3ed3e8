/* SPDX-License-Identifier: Apache-2.0
 * The local copies of other services' objects, as registered by PROJECTION; see projections.h. */
#include "projections.h"

#include "db.h"
#include "log.h"
#include "sql_compile.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { PROJECTED_MAX = 250, STATEMENTS_BYTES_MAX = 1 << 20 };

/* The linker section that PROJECTION fills; absent in programs without one. */
extern const struct projection *const __start_projections[] __attribute__((weak));
extern const struct projection *const __stop_projections[] __attribute__((weak));

/* Statements over a projection's table, made once per process. */
struct table_statements {
    struct db_statement look, bury, put_many;
    char look_text[192], bury_text[128];
};

static struct table_statements made[PROJECTIONS_MAX];

/* Rows of one projection, each of another object. */
struct projected {
    struct projected *next;
    const struct projection *projection;
    const char *ids[PROJECTED_MAX];
    const char *const *rows[PROJECTED_MAX]; /* as sql_bind made them */
    size_t count;
};

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

static void
write_rows(struct call *call, const struct projected *rows)
{
    const struct sql_compiled *upsert = rows->projection->upsert->compiled;

    if (rows->count == 1)
        db_queue(call->db, &upsert->statement, rows->rows[0]);
    else
        db_queue(call->db, &statements_of(rows->projection)->put_many,
                 db_columns(call->arena, rows->rows, rows->count, upsert->bindings_count));
}

void
projections_write(struct call *call)
{
    for (const struct projected *rows = call->projected; rows != NULL; rows = rows->next)
        write_rows(call, rows);
    call->projected = NULL;
}

static bool
holds(const struct projected *rows, const char *id)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->ids[i], id) == 0)
            return true;
    return false;
}

/* The rows of this projection that another may join; NULL: there are none. */
static struct projected *
open_rows(struct call *call, const struct projection *projection, const char *id)
{
    struct projected *rows = call->projected;

    while (rows != NULL && rows->projection != projection)
        rows = rows->next;
    if (rows == NULL || (rows->count < PROJECTED_MAX && !holds(rows, id)))
        return rows;
    projections_write(call);
    return NULL;
}

static void
project(struct call *call, const struct projection *projection, const ProtobufCMessage *object,
        const char *id)
{
    struct projected *rows = open_rows(call, projection, id);

    if (rows == NULL) {
        rows = arena_alloc(call->arena, sizeof *rows);
        rows->projection = projection;
        rows->next = call->projected;
        call->projected = rows;
    }
    rows->ids[rows->count] = id;
    rows->rows[rows->count++] = sql_bind(call, projection->upsert, object);
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
prove_statement(struct db *db, const struct db_statement *statement)
{
    PGresult *description = db_describe(db, statement);

    PQclear(description);
    return description != NULL;
}

static bool
prove_table(struct db *db, struct arena *arena, const struct projection *projection)
{
    struct table_statements *statements = statements_of(projection);

    if (!prove_statement(db, &statements->look) || !prove_statement(db, &statements->bury))
        log_error("projection %s: table %s needs id and deleted: %s", projection->name,
                  projection->table, db_error(db)->message);
    else if (!sql_compile_many(arena, projection->upsert->compiled, &statements->put_many))
        log_error(
            "projection %s: its statement is not of the form \"insert ... values (...) on conflict (id) do "
            "update set ...\"",
            projection->name);
    else if (!prove_statement(db, &statements->put_many))
        log_error("projection %s: many rows at once: %s", projection->name, db_error(db)->message);
    else
        return true;
    return false;
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
    static struct arena *arena; /* the statements live as long as the process */
    size_t count;
    const struct projection *const *all = projections(&count);
    bool ok = true;

    if (arena == NULL)
        arena = arena_new(STATEMENTS_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        ok = prove_table(db, arena, all[i]) && ok;
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
    project(call, projection, object, id);
    /* The event may tell of another object's end: a session that lost a training stays. */
    if (type->deletes && call->event->subject != NULL && strcmp(call->event->subject, id) == 0) {
        projections_write(call);
        db_queue(call->db, &statements_of(projection)->bury, &id);
    }
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
