/* SPDX-License-Identifier: Apache-2.0
 * Values as PostgreSQL's text form writes them, and its errors as outcomes of a call. */
#include "db.h"
#include "log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

const char *
db_bytes(struct arena *arena, const uint8_t *bytes, size_t length)
{
    char *text = arena_alloc(arena, 2 * length + 3);

    text[0] = '\\';
    text[1] = 'x';
    sodium_bin2hex(text + 2, 2 * length + 1, bytes, length);
    return text;
}

uint8_t *
db_unbytes(struct arena *arena, const char *text, size_t *length)
{
    size_t digits = text == NULL ? 0 : strlen(text);
    uint8_t *bytes = arena_alloc(arena, digits / 2 + 1);

    *length = 0;
    if (digits > 2)
        sodium_hex2bin(bytes, digits / 2, text + 2, digits - 2, NULL, length, NULL);
    return bytes;
}

const char *
db_value(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

int64_t
db_integer(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static void
write_item(struct buffer *out, const char *item)
{
    buffer_text(out, "\"");
    while (*item != '\0') {
        size_t plain = strcspn(item, "\"\\");

        buffer_append(out, item, plain);
        item += plain;
        if (*item == '\0')
            break;
        buffer_text(out, "\\");
        buffer_append(out, item++, 1);
    }
    buffer_text(out, "\"");
}

const char *
db_array(struct arena *arena, const char *const *items, size_t count)
{
    struct buffer out;

    buffer_init(&out, arena);
    buffer_text(&out, "{");
    for (size_t i = 0; i < count; i++) {
        buffer_text(&out, i == 0 ? "" : ",");
        if (items[i] == NULL)
            buffer_text(&out, "NULL");
        else
            write_item(&out, items[i]);
    }
    buffer_text(&out, "}");
    return out.bytes;
}

const char *const *
db_columns(struct arena *arena, const char *const *const *rows, size_t count, size_t columns)
{
    const char **arrays = arena_array(arena, columns + 1, sizeof *arrays);
    const char **column = arena_array(arena, count, sizeof *column);

    for (size_t i = 0; i < columns; i++) {
        for (size_t row = 0; row < count; row++)
            column[row] = rows[row][i];
        arrays[i] = db_array(arena, column, count);
    }
    return arrays;
}

/* SQLSTATE by prefix, most exact first. */
static const struct {
    const char *sqlstate;
    enum rpc_status status;
} outcomes[] = {
    {"23505", RPC_CONFLICT},    {"23P01", RPC_CONFLICT},    {"23503", RPC_INVALID},
    {"23514", RPC_INVALID},     {"23502", RPC_INVALID},     {"22003", RPC_INVALID},
    {"55P03", RPC_UNAVAILABLE}, {"25P03", RPC_UNAVAILABLE}, {"40", RPC_UNAVAILABLE},
    {"57", RPC_UNAVAILABLE},    {"53", RPC_UNAVAILABLE},    {"58", RPC_UNAVAILABLE},
    {"08", RPC_UNAVAILABLE},    {"25006", RPC_INTERNAL}, /* a read that writes */
};

static enum rpc_status
outcome(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        if (strncmp(sqlstate, outcomes[i].sqlstate, strlen(outcomes[i].sqlstate)) == 0)
            return outcomes[i].status;
    return RPC_INTERNAL;
}

/* Weak: a program without any statement still links. */
extern const struct db_statement *const __start_db_statements[] __attribute__((weak));
extern const struct db_statement *const __stop_db_statements[] __attribute__((weak));

bool
db_prove(struct db *db)
{
    bool ok = true;

    for (const struct db_statement *const *entry = __start_db_statements;
         entry < __stop_db_statements; entry++) {
        PGresult *description = db_describe(db, *entry);

        if (description == NULL) {
            log_error("statement %s: %s", (*entry)->name, db_error(db)->message);
            ok = false;
        }
        PQclear(description);
    }
    return ok;
}

/* "client_siren_key" of table client → "siren": constraints are named table_column_kind. */
static const char *
constraint_field(struct call *call, const struct db_error *error)
{
    size_t skip = strlen(error->table);
    const char *column = error->constraint + skip + 1, *end;

    if (strncmp(error->constraint, error->table, skip) != 0 || error->constraint[skip] != '_')
        return NULL;
    end = strrchr(column, '_');
    return end == NULL ? NULL : arena_strndup(call->arena, column, (size_t)(end - column));
}

static enum rpc_status
fail_by_constraint(struct call *call, const struct db_error *error, enum rpc_status status)
{
    static const char *const sentences[] = {
        [RPC_CONFLICT] = "is already used by another one; choose a different value",
        [RPC_INVALID] = "breaks a rule of this object; correct it",
    };
    const char *field = constraint_field(call, error);

    if (strcmp(error->sqlstate, "23503") == 0)
        return call_fail_code(call, RPC_INVALID, "unknown_reference", field, "does not exist");
    return call_fail(call, status, field, "%s", sentences[status]);
}

enum rpc_status
db_fail(struct call *call)
{
    const struct db_error *error = db_error(call->db);
    enum rpc_status status = error->standby ? RPC_UNAVAILABLE : outcome(error->sqlstate);

    if (db_outcome_unknown(call->db))
        return call_fail(call, RPC_TIMEOUT, NULL,
                         "the outcome is unknown; retry with the same Idempotency-Key");
    if (status == RPC_CONFLICT || status == RPC_INVALID)
        return fail_by_constraint(call, error, status);
    if (status == RPC_UNAVAILABLE)
        return call_fail(call, status, NULL, "the database cannot answer now; try again");
    log_error("statement %s failed: %s %s", error->statement == NULL ? "?" : error->statement,
              error->sqlstate, error->message == NULL ? "" : error->message);
    return call_fail(call, RPC_INTERNAL, NULL,
                     "something failed on our side; it was logged under this request id");
}
