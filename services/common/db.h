/* SPDX-License-Identifier: Apache-2.0
 * libpq, and nothing else knows it: one connection in pipeline mode, transactions, raw statements.
 * Handlers use sql.h; the runtime (events, idempotency, migrations) uses this. */
#ifndef ESCARCELLE_DB_H
#define ESCARCELLE_DB_H

#include "call.h"
#include <libpq-fe.h>

/* For one answer to an application role; beyond statement_timeout: the server itself is gone. */
#define DB_ANSWER_TIMEOUT_MS 8000

struct db;

/* A closed connection; db_connect opens it. owner: with the owner role (migrations). */
struct db *db_new(const char *service, bool owner);
/* Connects and sets the session up; false (logged) when the server is not there. */
bool db_connect(struct db *db);
/* Reconnects when the connection was lost; false when the database is away: callers answer 503. */
bool db_ready(struct db *db);
/* At start: logs which of the server's settings let answered writes be lost. */
void db_say_durability(struct db *db);
/* Closes the connection, if there is one, and frees the memory. */
void db_free(struct db *db);
/* The connection of a program of this service: waits for the database, exits when it is to stop meanwhile (service.c). */
struct db *service_database(const struct service *service);

/* A statement prepared once per connection under its own address; `parameters` text, NULL for null. */
struct db_statement {
    const char *name, *text;
    int parameters;
    bool unnamed; /* parsed each time: always a custom plan */
};

/* Registers a static statement, so that db_prove finds it. */
#define DB_PROVED(statement)                                                                       \
    static const struct db_statement *const statement##_entry                                      \
        __attribute__((section("db_statements"), used)) = &statement
/* At start: prepares every registered statement. Logs each that the schema does not take; true when it takes all. */
bool db_prove(struct db *db);

/* Queues begin, sent with the next statement. read_only: READ ONLY. */
void db_begin(struct db *db, bool read_only);
/* Queues a statement without waiting; its result is checked by the next db_query or db_commit. */
void db_queue(struct db *db, const struct db_statement *statement, const char *const *values);
/* Runs a statement after all that is queued; the result is freed with the arena. NULL on error:
 * db_error tells which, and the transaction is over (rolled back). */
PGresult *db_query(struct db *db, struct arena *arena, const struct db_statement *statement,
                   const char *const *values);
/* Sends what is queued and commit, waits. False: db_error tells; when the connection broke after
 * commit was sent, db_outcome_unknown(db) is true. */
bool db_commit(struct db *db);
/* Gives the transaction up; nothing when there is none. */
void db_rollback(struct db *db);
/* Whether nobody knows if the last commit happened. */
bool db_outcome_unknown(const struct db *db);

/* The error of the statement that failed. */
struct db_error {
    char sqlstate[6];
    const char *message, *table, *constraint, *statement;
    bool
        standby; /* a transaction that writes was refused as read-only: the server is none that takes writes */
};
/* Valid until the next statement. */
const struct db_error *db_error(const struct db *db);
/* SQLSTATE → status, one table: unique and exclusion CONFLICT, foreign key and check INVALID, what passes by
 * itself (rollbacks, time limits, locks, resources, shutdown, a standby, connection trouble) UNAVAILABLE, the rest
 * INTERNAL. Fills the call's problem from the constraint name table_column_kind. */
enum rpc_status db_fail(struct call *call);
/* 40001 or 40P01: run the whole call again. */
bool db_retryable(const struct db *db);

/* The connection was lost, and nothing of the transaction was committed: after db_ready, run it again. */
bool db_lost(const struct db *db);

/* Describes a prepared statement at start: parameter and column types. */
PGresult *db_describe(struct db *db, const struct db_statement *statement);
/* Many statements separated by semicolons, outside pipeline mode: migrations. */
bool db_script(struct db *db, const char *text);

/* bytea ↔ bytes, hex form, in the arena. */
const char *db_bytes(struct arena *arena, const uint8_t *bytes, size_t length);
uint8_t *db_unbytes(struct arena *arena, const char *text, size_t *length);
/* Column by position, NULL when null. */
const char *db_value(const PGresult *result, int row, int column);
int64_t db_integer(const PGresult *result, int row, int column);
/* A text[] literal; an item that is NULL is null. */
const char *db_array(struct arena *arena, const char *const *items, size_t count);
/* The parameters of a statement that takes an array for each column, from rows of that many columns. */
const char *const *db_columns(struct arena *arena, const char *const *const *rows, size_t count,
                              size_t columns);

#endif
