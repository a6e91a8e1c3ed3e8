/* SPDX-License-Identifier: Apache-2.0
 * The store from inside: a database per service that keeps what was committed and synced and nothing else. It
 * knows the statements of the event core by name; writers take turns, as row locks make them. */
#ifndef ESCARCELLE_SIMULATION_DATABASE_H
#define ESCARCELLE_SIMULATION_DATABASE_H

#include "simulation.h"

#include "db.h"

#include <stddef.h>

/* The hash before the first event. */
#define GENESIS "\\x0000000000000000000000000000000000000000000000000000000000000000"

enum {
    TEXTS = 9, /* event_id, type, subject, client, project, occurred_at, applied, actor, payload */
    EFFECTS_MAX = 128,
    FRESH_MAX = 256,
    ARRAY_MAX = 1000,
    EPOCHS_MAX = 32,
    OPEN_MAX = 8,
};

/* An event as a row of outbox or event_log. */
struct row {
    int64_t position, epoch;
    char *text[TEXTS];
    char *previous_hash, *hash;
    struct db *moved_by; /* deleted in a transaction that is still open */
};

struct parked {
    int64_t position, attempts;
    char *event_id, *client, *project, *event, *status;
};

struct place_row {
    bool there;
    int64_t epoch, sequence;
    char hash[70];
};

/* What a transaction changes and may give up. */
struct state {
    int64_t epoch, sequence;
    char hash[70], holder[40];
    int64_t fence, expires_ms;
    struct place_row cursors[SERVICES], seen[SERVICES];
    size_t log_count, parked_count;
    struct parked parked[PARKED_MAX]; /* last: only what is there is copied */
};

struct epoch_row {
    int64_t epoch, first;
    char previous_hash[70];
};

struct database {
    struct state state;
    struct row **log;
    size_t log_size;
    struct row **outbox;
    size_t outbox_count, outbox_size;
    struct row *
        *lost; /* numbered once, gone with a restore; their events may still be on their way */
    size_t lost_count, lost_size;
    int64_t next_position, next_parked;
    struct epoch_row epochs[EPOCHS_MAX];
    size_t epochs_count;
    struct db *writer;          /* who holds the rows of `state` */
    struct row *open[OPEN_MAX]; /* of workers' transactions under way */
    bool wake;
    int64_t strained_until_ms;
    int64_t away_until_ms; /* the server is being started again */
};
extern struct database databases[SERVICES];

/* A connection and its transaction. */
struct db {
    int service;
    struct host *host; /* NULL: reads only and never waits */
    bool in_transaction, over, lost, unknown, cut;
    bool committing; /* the server has it: it may happen although nobody is told */
    bool done;       /* it has */
    int64_t touched_ms;
    struct state working;
    int effects[EFFECTS_MAX];
    size_t effects_count;
    struct row *fresh[FRESH_MAX];
    size_t fresh_count;
    struct db_error error;
};

/* ---- databases.c */

/* -1: there is none. */
int service_number(const char *name);
char *text_copy(const char *text);
/* Neither is null. */
bool texts_same(const char *one, const char *other);
void row_free(struct row *row);
void rows_append(struct row ***list, size_t *count, size_t *size, struct row *row);
void state_copy(struct state *to, const struct state *from);
/* Open transactions of workers end without a trace. */
void workers_end(struct database *database);

/* ---- chains.c */

/* The last events of a log continue the one that was there. */
void check_numbered(int service, const struct state *before, const struct state *after);
/* A cursor moves along one chain of its producer, be it one that was lost since. */
void check_move(int service, int producer, const struct place_row *from, int64_t sequence,
                const char *hash);

/* ---- connections.c */

/* What a connection sees: its own transaction or what was committed. */
struct state *seen_by(struct db *db);
/* The statement failed, and its transaction is over. */
void db_refuse(struct db *db, const char *sqlstate, const char *message);
/* Takes the locks of `state`; false when that took too long. */
bool take_rows(struct db *db);

/* ---- results.c */

PGresult *rows_new(int columns);
void put(PGresult *rows, int row, int column, const char *text);
void put_number(PGresult *rows, int row, int column, int64_t number);
/* The items of an array literal; they have no quotes within. */
size_t items_of(const char *literal, char items[][80]);

/* ---- statements.c, parked.c */

/* Each answers rows, or NULL for none. */
typedef PGresult *statement(struct db *db, struct state *state, const char *const *values);
PGresult *statement_run(struct db *db, const struct db_statement *wanted,
                        const char *const *values);
statement find_parked, park_event, list_released, take_parked, park_again;

/* ---- workers.c */

/* event_id, type, subject, client, project, actor, payload. */
struct row *outbox_new(int service, const struct state *state, const char *const texts[7]);

#endif
