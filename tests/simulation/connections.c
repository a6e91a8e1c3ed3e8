/* SPDX-License-Identifier: Apache-2.0
 * db.h in the simulation: what is committed and synced stays, all else is lost with the
 * connection or the server. */
#include "database.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE_IN_TRANSACTION_MS = 5000, LOCK_WAIT_MS = 3000 };

struct state *
seen_by(struct db *db)
{
    struct database *database = &databases[db->service];

    return database->writer == db ? &db->working : &database->state;
}

/* Nothing of the transaction happened. */
static void
undo(struct db *db)
{
    struct database *database = &databases[db->service];

    if (database->writer == db) {
        for (size_t i = database->state.log_count; i < db->working.log_count; i++)
            row_free(database->log[i]);
        database->writer = NULL;
    }
    for (size_t i = 0; i < database->outbox_count; i++)
        if (database->outbox[i]->moved_by == db)
            database->outbox[i]->moved_by = NULL;
    for (size_t i = 0; i < db->fresh_count; i++)
        row_free(db->fresh[i]);
    db->fresh_count = db->effects_count = 0;
    db->in_transaction = db->committing = false;
}

/* It is on the disk: from now on it has happened. */
static void
happen(struct db *db)
{
    struct database *database = &databases[db->service];
    size_t kept = 0;

    if (database->writer == db) {
        check_numbered(db->service, &database->state, &db->working);
        state_copy(&database->state, &db->working);
        database->writer = NULL;
    }
    for (size_t i = 0; i < database->outbox_count; i++)
        if (database->outbox[i]->moved_by == db)
            row_free(database->outbox[i]);
        else
            database->outbox[kept++] = database->outbox[i];
    database->outbox_count = kept;
    for (size_t i = 0; i < db->fresh_count; i++) {
        fates[event_number(db->fresh[i]->text[0])].stored = true;
        rows_append(&database->outbox, &database->outbox_count, &database->outbox_size,
                    db->fresh[i]);
    }
    for (size_t i = 0; i < db->effects_count; i++)
        if (++fates[db->effects[i]].effects[db->service] > 1)
            broken("event %d took effect twice in %s", db->effects[i], service_names[db->service]);
    db->fresh_count = db->effects_count = 0;
    db->in_transaction = db->committing = false;
    db->done = true;
}

void
db_refuse(struct db *db, const char *sqlstate, const char *message)
{
    undo(db);
    db->over = true;
    snprintf(db->error.sqlstate, sizeof db->error.sqlstate, "%s", sqlstate);
    db->error.message = message;
}

/* Waits for the rows as long as lock_timeout says; a session that idles in its transaction is ended. A commit
 * that the server has needs nobody. */
bool
take_rows(struct db *db)
{
    struct database *database = &databases[db->service];
    int64_t since = now_ms();

    while (database->writer != NULL && database->writer != db) {
        if (database->writer->committing)
            happen(database->writer);
        else if (now_ms() - database->writer->touched_ms >= IDLE_IN_TRANSACTION_MS)
            store_cut(database->writer);
        else if (now_ms() - since >= LOCK_WAIT_MS) {
            db_refuse(db, "55P03", "the lock was not to be had");
            return false;
        } else {
            give_way();
        }
    }
    if (database->writer == NULL) {
        database->writer = db;
        state_copy(&db->working, &database->state);
    }
    return true;
}

void
store_cut(struct db *db)
{
    undo(db);
    db->cut = true;
}

void
store_crash(int service, int64_t away_ms)
{
    for (int i = 0; i < HOSTS; i++)
        if (hosts[i].service == service && hosts[i].db != NULL)
            store_cut(hosts[i].db);
    workers_end(&databases[service]);
    databases[service].away_until_ms = now_ms() + away_ms;
}

void
store_strain(int service, int64_t for_ms)
{
    databases[service].strained_until_ms = now_ms() + for_ms;
}

/* Its process is gone; a commit that was sent may happen all the same. */
void
store_close(struct db *db)
{
    if (db->committing && once_in(2))
        happen(db);
    else
        undo(db);
    free(db);
}

bool
store_is_at_work(const struct db *db)
{
    return db != NULL && db->in_transaction;
}

/* ---- db.h */

static void
clear(void *rows)
{
    PQclear(rows);
}

struct db *
db_new(const char *service, bool owner)
{
    struct db *db = calloc(1, sizeof *db);

    (void)owner;
    db->service = service_number(service);
    db->host = acting;
    return db;
}

void
db_free(struct db *db)
{
    store_close(db);
}

static bool
is_away(const struct db *db)
{
    return now_ms() < databases[db->service].away_until_ms;
}

bool
db_ready(struct db *db)
{
    if (is_away(db))
        return false;
    if (db->cut)
        db->over = db->lost = db->cut = false;
    return true;
}

void
db_begin(struct db *db, bool read_only)
{
    (void)read_only;
    db->in_transaction = true;
    db->over = db->lost = db->unknown = db->done = false;
    db->error = (struct db_error){.message = "none"};
    db->touched_ms = now_ms();
}

static void
lose(struct db *db)
{
    undo(db);
    db->over = db->lost = true;
    db->error = (struct db_error){.message = "the connection was lost"};
    memcpy(db->error.sqlstate, "08006", sizeof db->error.sqlstate);
}

void
db_queue(struct db *db, const struct db_statement *wanted, const char *const *values)
{
    PGresult *rows;

    if (db->over || db->cut)
        return;
    rows = statement_run(db, wanted, values);
    PQclear(rows);
}

PGresult *
db_query(struct db *db, struct arena *arena, const struct db_statement *wanted,
         const char *const *values)
{
    PGresult *rows;

    if (db->host != NULL)
        give_way();
    if ((db->cut || is_away(db)) && !db->lost)
        lose(db);
    if (!db->in_transaction && !db->lost)
        db->over = false;
    if (db->over)
        return NULL;
    db->touched_ms = now_ms();
    if (db->host != NULL && db->in_transaction && !network_kind &&
        once_in(now_ms() < databases[db->service].strained_until_ms ? 4 : 400)) {
        db_refuse(db, "40001", "could not serialize access");
        return NULL;
    }
    rows = statement_run(db, wanted, values);
    if (db->over) {
        PQclear(rows);
        return NULL;
    }
    if (rows == NULL)
        rows = rows_new(0);
    arena_defer(arena, clear, rows);
    return rows;
}

/* The connection ended after commit was sent. */
static bool
leave_unknown(struct db *db)
{
    lose(db);
    db->lost = false;
    db->unknown = db->cut = true;
    return false;
}

/* Sent, synced, answered: it may end between any two. */
bool
db_commit(struct db *db)
{
    give_way();
    if (db->cut && !db->lost)
        lose(db);
    if (db->over)
        return false;
    db->committing = true;
    give_way();
    if (!db->done && (db->cut || (!network_kind && once_in(1000))))
        return leave_unknown(db);
    if (!db->done)
        happen(db);
    give_way();
    return !(db->cut || (!network_kind && once_in(1000))) || leave_unknown(db);
}

void
db_rollback(struct db *db)
{
    undo(db);
    db->over = false;
}

bool
db_outcome_unknown(const struct db *db)
{
    return db->unknown;
}

const struct db_error *
db_error(const struct db *db)
{
    return &db->error;
}

bool
db_retryable(const struct db *db)
{
    return strcmp(db->error.sqlstate, "40001") == 0 || strcmp(db->error.sqlstate, "40P01") == 0;
}

bool
db_lost(const struct db *db)
{
    return db->lost && !db->unknown;
}
