/* SPDX-License-Identifier: Apache-2.0
 * Runs registered statements for handlers: one row, some rows, a page, none; tells absent, stale and wrong
 * state apart. */
#include "sql.h"

#include "checks.h"
#include "fields.h"
#include "json.h"
#include "log.h"
#include "sql_compile.h"
#include "states.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCE_DIGITS_MAX = 18 };

static enum rpc_status
run(struct call *call, struct sql_statement *statement, const void *request, PGresult **result)
{
    *result = db_query(call->db, call->arena, &statement->compiled->statement,
                       sql_bind(call, statement, request));
    return *result == NULL ? db_fail(call) : RPC_OK;
}

static enum rpc_status
decode(struct call *call, const struct sql_statement *statement, const PGresult *result, int row,
       void *message)
{
    if (sql_decode(call, statement, result, row, message))
        return RPC_OK;
    log_error("statement %s: a row does not fit its message", statement->name);
    return call_fail(call, RPC_INTERNAL, NULL,
                     "something failed on our side; it was logged under this request id");
}

static enum rpc_status
fail_absent(struct call *call, const struct sql_statement *statement)
{
    return call_fail(call, RPC_NOT_FOUND, NULL, "there is no such %s",
                     object_words(call->arena, statement->compiled->row->short_name));
}

/* The id of the row that a guarded statement is about; NULL: the table's only one. */
static const char *
guarded_id(struct call *call, const struct sql_compiled *compiled, const void *request)
{
    switch (compiled->guard_row) {
    case GUARDED_BY_ID:
        return message_text(call->arena, request, "id");
    case GUARDED_BY_USER:
        return sql_call_value_find("user_id")(call);
    case GUARDED_ALONE:
        break;
    }
    return NULL;
}

/* A guarded change found no row: why? */
static enum rpc_status
explain_guard(struct call *call, const struct sql_statement *statement, const void *request)
{
    const struct sql_compiled *compiled = statement->compiled;
    const char *id = guarded_id(call, compiled, request);
    struct db_statement look = {.name = "explain_guard", .parameters = 1, .unnamed = true};
    PGresult *row;

    look.text = arena_printf(call->arena, "select version, %s from %s where id = $1 or $1 is null",
                             compiled->guard_status ? "status" : "null", compiled->guard_table);
    row = db_query(call->db, call->arena, &look, &id);
    if (row == NULL)
        return db_fail(call);
    if (PQntuples(row) == 0)
        return fail_absent(call, statement);
    TRY(call_match(call, db_integer(row, 0, 0)));
    if (compiled->guard_status)
        return state_refuse(call, compiled->row->short_name, db_value(row, 0, 1));
    return call_fail_code(call, RPC_CONFLICT, "wrong_state", NULL,
                          "the object's present state does not allow this");
}

enum rpc_status
sql_maybe(struct call *call, struct sql_statement *statement, const void *request, void *reply,
          bool *found)
{
    PGresult *result;

    TRY(run(call, statement, request, &result));
    *found = PQntuples(result) > 0;
    return *found ? decode(call, statement, result, 0, reply) : RPC_OK;
}

enum rpc_status
sql_one(struct call *call, struct sql_statement *statement, const void *request, void *reply)
{
    bool found;

    TRY(sql_maybe(call, statement, request, reply, &found));
    if (found)
        return RPC_OK;
    return statement->compiled->guard_table != NULL ? explain_guard(call, statement, request)
                                                    : fail_absent(call, statement);
}

enum rpc_status
sql_rows(struct call *call, struct sql_statement *statement, const void *request, void *rows,
         size_t *count)
{
    PGresult *result;
    ProtobufCMessage **messages;

    TRY(run(call, statement, request, &result));
    if (PQntuples(result) > SQL_ROWS_MAX) {
        call_fail(call, RPC_INTERNAL, NULL, "more than %d rows are concerned; report this",
                  SQL_ROWS_MAX);
        return RPC_INTERNAL;
    }
    *count = (size_t)PQntuples(result);
    messages = arena_array(call->arena, *count + 1, sizeof *messages);
    for (size_t i = 0; i < *count; i++) {
        messages[i] = message_new(call->arena, statement->compiled->row);
        TRY(decode(call, statement, result, (int)i, messages[i]));
    }
    memcpy(rows, &messages, sizeof messages);
    return RPC_OK;
}

static bool
is_sequence(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= SEQUENCE_DIGITS_MAX && text[digits] == '\0';
}

static const char *
page_token(struct arena *arena, const char *key)
{
    size_t size = sodium_base64_encoded_len(strlen(key), sodium_base64_VARIANT_URLSAFE_NO_PADDING);

    return sodium_bin2base64(arena_alloc(arena, size), size, (const unsigned char *)key,
                             strlen(key), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* A token that no list gave is refused, never read as the first page. */
static enum rpc_status
check_page_token(struct call *call, const struct sql_compiled *compiled, const void *request)
{
    const char *token = message_text(call->arena, request, "page_token");
    const char *key = sql_page_key(call->arena, token);
    bool number = compiled->page_key->type != PROTOBUF_C_TYPE_STRING;

    if (token == NULL || (key != NULL && (number ? is_sequence(key) : check_uuid(key))))
        return RPC_OK;
    call_violation(call, "page_token", "invalid_page_token",
                   "is not the next_page_token of this list");
    return call_violations(call);
}

enum rpc_status
sql_page(struct call *call, struct sql_statement *statement, const void *request, void *reply)
{
    const struct sql_compiled *compiled = statement->compiled;
    const char *asked = message_text(call->arena, request, "page_size");
    size_t size = asked == NULL ? 50 : (size_t)atoll(asked), count;
    ProtobufCMessage **rows;

    TRY(check_page_token(call, compiled, request));
    TRY(sql_rows(call, statement, request, &rows, &count));
    if (count > size) {
        const ProtobufCFieldDescriptor *token =
            protobuf_c_message_descriptor_get_field_by_name(statement->reply, "next_page_token");

        count = size;
        if (!field_set_text(call->arena, reply, token,
                            page_token(call->arena, field_text(call->arena, rows[size - 1],
                                                               compiled->page_key))))
            return RPC_INTERNAL;
    }
    memcpy((char *)reply + compiled->rows->offset, &rows, sizeof rows);
    memcpy((char *)reply + compiled->rows->quantifier_offset, &count, sizeof count);
    return RPC_OK;
}

enum rpc_status
sql_run(struct call *call, struct sql_statement *statement, const void *request, long *affected)
{
    PGresult *result;

    TRY(run(call, statement, request, &result));
    if (affected != NULL)
        *affected = strtol(PQcmdTuples(result), NULL, 10);
    return RPC_OK;
}
