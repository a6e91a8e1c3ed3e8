/* SPDX-License-Identifier: Apache-2.0
 * One PostgreSQL connection in pipeline mode: statements prepared on first use, begin sent with the first
 * statement and commit with the last, every wait bounded. */
#include "db_connection.h"

#include "dates.h"

#include <assert.h>
#include <poll.h>
#include <string.h>

/* Refused by a server in recovery. */
#define BEGIN_WRITE "begin read write"

/* ---- errors */

static void
remember_error(struct db *db, const PGresult *result, const char *statement)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);

    if (db->error.sqlstate[0] != '\0')
        return;
    snprintf(db->message, sizeof db->message, "%s", PQresultErrorMessage(result));
    snprintf(db->constraint, sizeof db->constraint, "%s", constraint == NULL ? "" : constraint);
    snprintf(db->table, sizeof db->table, "%s", table == NULL ? "" : table);
    db->error = (struct db_error){.message = db->message,
                                  .table = db->table,
                                  .constraint = db->constraint,
                                  .statement = statement};
    snprintf(db->error.sqlstate, sizeof db->error.sqlstate, "%s", state == NULL ? "08006" : state);
    db->error.standby =
        db->transaction == TRANSACTION_OPEN && !db->read_only &&
        (strcmp(db->error.sqlstate, "25006") == 0 || strcmp(statement, BEGIN_WRITE) == 0);
}

static void
remember_loss(struct db *db, const char *what)
{
    if (db->error.sqlstate[0] == '\0')
        memcpy(db->error.sqlstate, "08006", sizeof "08006");
    snprintf(db->message, sizeof db->message, "%s: %s", what,
             db->connection == NULL ? "no connection" : PQerrorMessage(db->connection));
    db->error.message = db->message;
    db->error.table = db->error.constraint = "";
    db->outcome_unknown = db->commit_sent;
    db_disconnect(db);
}

const struct db_error *
db_error(const struct db *db)
{
    return &db->error;
}

bool
db_outcome_unknown(const struct db *db)
{
    return db->outcome_unknown;
}

bool
db_retryable(const struct db *db)
{
    return strcmp(db->error.sqlstate, "40001") == 0 || strcmp(db->error.sqlstate, "40P01") == 0;
}

/* ---- sending */

static size_t
slot_of(const struct db *db, const struct db_statement *statement)
{
    size_t slot = ((uintptr_t)statement >> 4) % PREPARED_SLOTS;

    while (db->prepared[slot] != NULL && db->prepared[slot] != statement)
        slot = (slot + 1) % PREPARED_SLOTS;
    return slot;
}

static void
note_prepared(struct db *db, const struct db_statement *statement)
{
    assert(db->prepared_count < PREPARED_SLOTS / 2);
    db->prepared[slot_of(db, statement)] = statement;
    db->prepared_count++;
}

/* Or on its way: behind an error of the same pipeline it is never prepared (drain). */
static bool
is_prepared(const struct db *db, const struct db_statement *statement)
{
    if (db->prepared[slot_of(db, statement)] == statement)
        return true;
    for (size_t i = 0; i < db->queued_count; i++)
        if (db->queued[i].prepares == statement)
            return true;
    return false;
}

static void
prepared_name(const struct db_statement *statement, char out[24])
{
    snprintf(out, 24, "s%llx", (unsigned long long)(uintptr_t)statement);
}

/* What could not even be queued, for want of memory, must not be missing from what is committed. */
static void
expect(struct db *db, int sent, const char *name, const struct db_statement *prepares)
{
    assert(db->queued_count < QUEUE_MAX);
    if (sent == 1)
        db->queued[db->queued_count++] = (struct queued){name, prepares};
    else
        remember_loss(db, "a statement could not be sent to the database");
}

static void
send_plain(struct db *db, const char *text)
{
    expect(db, PQsendQueryParams(db->connection, text, 0, NULL, NULL, NULL, NULL, 0), text, NULL);
}

static void
send_begin(struct db *db)
{
    if (db->transaction != TRANSACTION_WANTED)
        return;
    db->transaction = TRANSACTION_OPEN;
    send_plain(db, db->read_only ? "begin read only" : BEGIN_WRITE);
}

static void
send_prepare(struct db *db, const struct db_statement *statement)
{
    char name[24];

    if (is_prepared(db, statement))
        return;
    prepared_name(statement, name);
    expect(db, PQsendPrepare(db->connection, name, statement->text, 0, NULL), statement->name,
           statement);
}

void
db_begin(struct db *db, bool read_only)
{
    assert(db->transaction == TRANSACTION_NONE || db->transaction == TRANSACTION_BROKEN);
    memset(&db->error, 0, sizeof db->error);
    db->commit_sent = db->outcome_unknown = false;
    db->transaction = TRANSACTION_WANTED;
    db->read_only = read_only;
}

/* ---- receiving */

/* The next result, NULL between two commands; false when the server is gone or silent. What the owner does may
 * take its time. */
static bool
next_result(struct db *db, PGresult **result)
{
    int64_t deadline = clock_ms() + DB_ANSWER_TIMEOUT_MS;

    while (PQflush(db->connection) == 1 || PQisBusy(db->connection)) {
        struct pollfd wait = {.fd = PQsocket(db->connection), .events = POLLIN};
        int64_t left = db->owner ? INT32_MAX : deadline - clock_ms();

        if (left <= 0 || poll(&wait, 1, (int)left) == 0 || PQconsumeInput(db->connection) == 0)
            return false;
    }
    *result = PQgetResult(db->connection);
    return true;
}

static bool
is_failure(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

static void
take_result(struct db *db, const PGresult *result, size_t command)
{
    const struct queued *queued = command < db->queued_count ? &db->queued[command] : NULL;

    if (is_failure(result))
        remember_error(db, result, queued == NULL ? "" : queued->name);
    else if (queued != NULL && queued->prepares != NULL &&
             PQresultStatus(result) == PGRES_COMMAND_OK)
        note_prepared(db, queued->prepares);
}

/* Reads up to the sync; keeps the last command's result in *last. False when the connection is lost. */
static bool
drain(struct db *db, PGresult **last)
{
    size_t command = 0;

    *last = NULL;
    for (;;) {
        PGresult *result;

        if (!next_result(db, &result) || PQstatus(db->connection) != CONNECTION_OK)
            return false;
        if (result == NULL) {
            command++;
            continue;
        }
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            db->queued_count = 0;
            return true;
        }
        take_result(db, result, command);
        PQclear(*last);
        *last = result;
    }
}

static bool
roundtrip(struct db *db, PGresult **last)
{
    *last = NULL;
    if (db->connection == NULL || PQpipelineSync(db->connection) != 1 || !drain(db, last)) {
        PQclear(*last);
        *last = NULL;
        remember_loss(db, "the connection to the database was lost");
        return false;
    }
    return db->error.sqlstate[0] == '\0';
}

/* Ends the transaction at the server; for the caller it is broken until it commits or rolls back. */
static void
break_off(struct db *db)
{
    bool open = db->transaction == TRANSACTION_OPEN;
    PGresult *result = NULL;

    if (db->transaction != TRANSACTION_NONE)
        db->transaction = TRANSACTION_BROKEN;
    if (!open || db->connection == NULL)
        return;
    send_plain(db, "rollback");
    if (PQpipelineSync(db->connection) != 1 || !drain(db, &result))
        remember_loss(db, "the connection to the database was lost");
    PQclear(result);
}

bool
db_lost(const struct db *db)
{
    return db->connection == NULL && !db->outcome_unknown;
}

static void
clear_result(void *result)
{
    PQclear(result);
}

/* Reads the answers to what is queued, so that more can be. */
static void
make_room(struct db *db)
{
    PGresult *result;

    if (!roundtrip(db, &result))
        break_off(db);
    PQclear(result);
}

void
db_queue(struct db *db, const struct db_statement *statement, const char *const *values)
{
    char name[24];

    if (db->queued_count > QUEUE_MAX - QUEUE_RESERVE)
        make_room(db);
    if (db->connection == NULL || db->transaction == TRANSACTION_BROKEN)
        return; /* the next db_query or db_commit reports it */
    send_begin(db);
    if (statement->unnamed) {
        expect(db,
               PQsendQueryParams(db->connection, statement->text, statement->parameters, NULL,
                                 values, NULL, NULL, 0),
               statement->name, NULL);
        return;
    }
    send_prepare(db, statement);
    prepared_name(statement, name);
    expect(db,
           PQsendQueryPrepared(db->connection, name, statement->parameters, values, NULL, NULL, 0),
           statement->name, NULL);
}

PGresult *
db_query(struct db *db, struct arena *arena, const struct db_statement *statement,
         const char *const *values)
{
    PGresult *result;

    if (db->transaction == TRANSACTION_BROKEN)
        return NULL;
    if (db->transaction == TRANSACTION_NONE)
        memset(&db->error, 0, sizeof db->error);
    db_queue(db, statement, values);
    if (!roundtrip(db, &result)) {
        PQclear(result);
        break_off(db);
        return NULL;
    }
    arena_defer(arena, clear_result, result);
    return result;
}

bool
db_commit(struct db *db)
{
    PGresult *result;
    bool ok;

    if (db->transaction == TRANSACTION_BROKEN || db->transaction == TRANSACTION_NONE) {
        db->transaction = TRANSACTION_NONE;
        return false;
    }
    if (db->transaction == TRANSACTION_WANTED) {
        db->transaction = TRANSACTION_NONE; /* nothing was ever sent */
        return true;
    }
    if (db->connection != NULL) {
        send_plain(db, "commit");
        db->commit_sent = db->connection != NULL;
    }
    ok = roundtrip(db, &result);
    /* A failed transaction answers commit with ROLLBACK, without an error. */
    if (ok && strcmp(PQcmdStatus(result), "COMMIT") != 0)
        ok = false;
    PQclear(result);
    db->commit_sent = false;
    if (!ok)
        break_off(db);
    db->transaction = TRANSACTION_NONE;
    return ok;
}

/* Keeps db_error: the caller still wants to know why. */
void
db_rollback(struct db *db)
{
    break_off(db);
    db->transaction = TRANSACTION_NONE;
}

PGresult *
db_describe(struct db *db, const struct db_statement *statement)
{
    char name[24];
    PGresult *result;

    memset(&db->error, 0, sizeof db->error);
    if (db->connection == NULL)
        return NULL;
    send_prepare(db, statement);
    prepared_name(statement, name);
    expect(db, PQsendDescribePrepared(db->connection, name), statement->name, NULL);
    if (!roundtrip(db, &result)) {
        PQclear(result);
        return NULL;
    }
    return result;
}

bool
db_script(struct db *db, const char *text)
{
    PGresult *result;
    bool ok;

    memset(&db->error, 0, sizeof db->error);
    if (db->connection == NULL || PQexitPipelineMode(db->connection) != 1)
        return false;
    result = PQexec(db->connection, text);
    ok = !is_failure(result);
    if (!ok)
        remember_error(db, result, "script");
    PQclear(result);
    return PQenterPipelineMode(db->connection) == 1 && ok;
}
