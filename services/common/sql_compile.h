/* SPDX-License-Identifier: Apache-2.0
 * A registered statement after compilation: its numbered text, where each parameter comes from,
 * where each column goes. Internal to sql*.c; the start-up proof is what programs call. */
#ifndef ESCARCELLE_SQL_COMPILE_H
#define ESCARCELLE_SQL_COMPILE_H

#include "db.h"
#include "sql.h"

enum { SQL_PARAMETERS_MAX = 64, SQL_COLUMNS_MAX = 64, SQL_PATH_MAX = 4 };

/* A field of a message, or of a message within it. */
struct field_path {
    const ProtobufCFieldDescriptor *fields[SQL_PATH_MAX];
    size_t depth;
};

enum sql_source {
    SQL_FROM_REQUEST,  /* the request's field */
    SQL_FROM_CALL,     /* the call's value of that name */
    SQL_FROM_STATES,   /* the states of the row's object that the call allows */
    SQL_FROM_PRESENCE, /* whether the PATCH gave the field */
    SQL_FROM_SEARCH,   /* the request's field as a pattern of like */
    SQL_FROM_PAGE,     /* the request's page_token, decoded */
    SQL_FROM_LIMIT     /* page_size + 1 */
};

struct sql_binding {
    enum sql_source source;
    const char *name; /* dotted field, or the call's value */
    struct field_path path;
    Oid type; /* as the database described it */
};

struct sql_column {
    struct field_path path;
    Oid type;
};

/* Which row a statement with :guard is about. */
enum sql_guarded { GUARDED_BY_ID, GUARDED_BY_USER, GUARDED_ALONE };

struct sql_compiled {
    struct db_statement statement;
    struct sql_binding bindings[SQL_PARAMETERS_MAX];
    size_t bindings_count;
    struct sql_column columns[SQL_COLUMNS_MAX];
    size_t columns_count;
    const ProtobufCMessageDescriptor *row;    /* what a row is decoded into */
    const ProtobufCFieldDescriptor *rows;     /* of a page: the reply's repeated field */
    const ProtobufCFieldDescriptor *page_key; /* of a page: the row's field that continues it */
    const char *guard_table;                  /* of a statement with :guard, else NULL */
    enum sql_guarded guard_row;
    bool guard_status;
};

/* Compiles one statement into memory of the arena; what is wrong with it, as the end of a sentence, or NULL. */
const char *sql_compile(struct arena *arena, struct sql_statement *statement);
/* Compiles every registered statement, prepares and describes it on this connection and compares
 * its parameters and columns with the messages. Logs each that does not fit; true when all do. */
bool sql_prove(struct db *db);
/* A registered statement; NULL when there is none of this name. */
struct sql_statement *sql_named(const char *name);

/* The call's value of a :call.… parameter; NULL is null. */
typedef const char *sql_call_value(struct call *call);
/* NULL when there is no such value. */
sql_call_value *sql_call_value_find(const char *name);

/* Binds a statement's parameters from request and call. */
const char *const *sql_bind(struct call *call, const struct sql_statement *statement,
                            const void *request);
/* "insert … values (…) on conflict (id) do update set …" for many rows, whose parameters db_columns makes of
 * those that sql_bind made for each; no two rows may have the same id. Its text lies in the arena. False when the
 * statement is of another form. */
bool sql_compile_many(struct arena *arena, const struct sql_compiled *one,
                      struct db_statement *many);
/* The name of a type that a statement may bind; NULL for any other. */
const char *sql_type_name(Oid type);
/* Decodes one row into a message of the compiled row type. */
bool sql_decode(struct call *call, const struct sql_statement *statement, const PGresult *result,
                int row, ProtobufCMessage *message);

/* The key of the row that a page token continues; NULL when there is no token or it is not
 * base64url of a text. */
const char *sql_page_key(struct arena *arena, const char *token);

#endif
