/* SPDX-License-Identifier: Apache-2.0
 * Things: created and changed. */
#include "shape.rpc.h"
#include "sql.h"

#define THING_COLUMNS "id, name, note, created_at, updated_at, version"

SQL(insert_thing, CreateThingRequest, Thing,
    "insert into thing (id, name, note) values (:call.new_id, :name, :note) "
    "returning " THING_COLUMNS);

SQL(get_thing, GetThingRequest, Thing, "select " THING_COLUMNS " from thing where id = :id");

SQL(list_things, ListThingsRequest, ListThingsReply,
    "select " THING_COLUMNS " from thing where true :search(name) :page");

SQL(update_thing, UpdateThingRequest, Thing,
    "update thing set :patch(name, note), updated_at = now(), version = version + 1 "
    "where id = :id and :guard returning " THING_COLUMNS);

enum rpc_status
shape_create_thing(struct call *call, const CreateThingRequest *request, Thing *reply)
{
    TRY(sql_one(call, &insert_thing, request, reply));
    return emit_thing_created(call, reply);
}

enum rpc_status
shape_get_thing(struct call *call, const GetThingRequest *request, Thing *reply)
{
    return sql_one(call, &get_thing, request, reply);
}

enum rpc_status
shape_list_things(struct call *call, const ListThingsRequest *request, ListThingsReply *reply)
{
    return sql_page(call, &list_things, request, reply);
}

enum rpc_status
shape_update_thing(struct call *call, const UpdateThingRequest *request, Thing *reply)
{
    TRY(sql_one(call, &update_thing, request, reply));
    return emit_thing_updated(call, reply);
}
