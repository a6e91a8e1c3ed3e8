/* SPDX-License-Identifier: Apache-2.0
 * SQL statements written once, next to the handler that runs them, and proved when a process starts.
 *
 * :name, :a.b         the request's field; absent is NULL. Strings, integers, booleans and enums as
 *                     themselves, repeated scalars as arrays, messages as jsonb.
 * :call.new_id, :call.today, :call.user_id, :call.caller_id, :call.caller_role,
 * :call.caller_system, :call.from (text[]), :call.to, :call.if_match, :call.request_id, :call.path
 * :patch(name, address.city)   "name = new value where the PATCH gave it, else as it was", for
 *                     columns name, address_city
 * :guard              "where id = :id and :guard": the version is If-Match's, if that was given
 * :guard(status)      the same, and the state is one that the contract's moves and needs allow
 * :filter(status, client_id)   "and status = :status" where the request has the field
 * :between(date, from, to)     "and date >= :from and date <= :to", inclusive, each where given
 * :search(name, siren)         "and one of these columns contains :q", without case and accents
 * :page, :page(t.id)  newest first by this unique column, one row more than page_size: ends the statement
 * :page(position, oldest_first)   the same the other way round
 * Result columns are decoded into the reply's fields of the same name; "address.city" into a nested
 * one; jsonb into messages; arrays into repeated fields. */
#ifndef ESCARCELLE_SQL_H
#define ESCARCELLE_SQL_H

#include "call.h"

struct sql_compiled;

struct sql_statement {
    const char *name, *text;
    const ProtobufCMessageDescriptor *request, *reply;
    const char *file;
    int line;
    struct sql_compiled *compiled; /* set at start */
};

/* Defines and registers a statement. Types are the short names of the service's generated header,
 * or Empty where nothing goes in or comes out. */
#define SQL(statement_name, request_type, reply_type, ...)                                         \
    static struct sql_statement statement_name = {                                                 \
        .name = #statement_name,                                                                   \
        .text = __VA_ARGS__,                                                                       \
        .request = &request_type##_descriptor,                                                     \
        .reply = &reply_type##_descriptor,                                                         \
        .file = __FILE__,                                                                          \
        .line = __LINE__,                                                                          \
    };                                                                                             \
    static struct sql_statement *const statement_name##_entry                                      \
        __attribute__((section("sql_statements"), used)) = &statement_name

/* Exactly one row into reply. No row: 404; for a statement with :guard, the runtime finds out
 * whether the object is absent (404), changed (412) or in another state (409). */
enum rpc_status sql_one(struct call *call, struct sql_statement *statement, const void *request,
                        void *reply) RPC_CHECKED;
/* At most one row: *found says whether there was one. */
enum rpc_status sql_maybe(struct call *call, struct sql_statement *statement, const void *request,
                          void *reply, bool *found) RPC_CHECKED;
/* All rows of a :page statement into the reply's only repeated message field; sets next_page_token.
 * */
enum rpc_status sql_page(struct call *call, struct sql_statement *statement, const void *request,
                         void *reply) RPC_CHECKED;
enum { SQL_ROWS_MAX = 10000 };

/* All rows as an arena array of messages of the statement's reply type; more than SQL_ROWS_MAX fail
 * the call. */
enum rpc_status sql_rows(struct call *call, struct sql_statement *statement, const void *request,
                         void *rows, size_t *count) RPC_CHECKED;
/* No result wanted; *affected may be NULL. */
enum rpc_status sql_run(struct call *call, struct sql_statement *statement, const void *request,
                        long *affected) RPC_CHECKED;

/* A local copy of another service's object, fed by events: its table has the object's columns that
 * this service needs, `version bigint` and `deleted boolean default false`. One statement, which the runtime makes
 * one for many rows of (sql_many.c):
 * "insert … values (…) on conflict (id) do update set … where <table>.version < excluded.version". */
struct projection {
    const char *name;   /* "client": named in (consumes) */
    const char *object; /* "accounts.Client" */
    const char *table;
    struct sql_statement *upsert;
};

#define PROJECTION(projection_name, object_name, object_type, table_name, ...)                     \
    SQL(projection_name##_upsert, object_type, Empty, __VA_ARGS__);                                \
    static const struct projection projection_name##_projection = {                                \
        .name = #projection_name,                                                                  \
        .object = object_name,                                                                     \
        .table = table_name,                                                                       \
        .upsert = &projection_name##_upsert,                                                       \
    };                                                                                             \
    static const struct projection *const projection_name##_projection_entry                       \
        __attribute__((section("projections"), used)) = &projection_name##_projection

#endif
