/* SPDX-License-Identifier: Apache-2.0
 * The statements of the event core, known by their names. */
#include "database.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OUTBOX_PAGE_MAX = 60 };

static PGresult *
lease_row(struct state *state, bool first)
{
    PGresult *rows = rows_new(6);

    put_number(rows, 0, 0, state->fence);
    put_number(rows, 0, 1, state->epoch);
    put_number(rows, 0, 2, state->sequence);
    put(rows, 0, 3, state->hash);
    put(rows, 0, 4, first ? "t" : "f");
    put(rows, 0, 5, state->parked_count > 0 ? "t" : "f");
    return rows;
}

static PGresult *
take_lease(struct db *db, struct state *state, const char *const *values)
{
    (void)db;
    if (strcmp(state->holder, values[0]) != 0 && state->expires_ms >= now_ms())
        return rows_new(6);
    snprintf(state->holder, sizeof state->holder, "%s", values[0]);
    state->fence++;
    state->expires_ms = now_ms() + atoll(values[1]);
    return lease_row(state, true);
}

static bool
holds_lease(const struct state *state, const char *holder, const char *fence)
{
    return strcmp(state->holder, holder) == 0 && state->fence == atoll(fence);
}

static PGresult *
renew_lease(struct db *db, struct state *state, const char *const *values)
{
    if (!holds_lease(state, values[0], values[2]))
        return rows_new(6);
    state->expires_ms = now_ms() + atoll(values[1]);
    return lease_row(state, databases[db->service].outbox_count > 0);
}

static PGresult *
release_lease(struct db *db, struct state *state, const char *const *values)
{
    (void)db;
    if (holds_lease(state, values[0], values[1]))
        state->expires_ms = INT64_MIN;
    return NULL;
}

static void
put_place(PGresult *rows, int64_t epoch, int64_t sequence, const char *hash)
{
    put_number(rows, 0, 0, epoch);
    put_number(rows, 0, 1, sequence);
    put(rows, 0, 2, hash);
}

static PGresult *
lock_head(struct db *db, struct state *state, const char *const *values)
{
    PGresult *rows = rows_new(3);

    (void)db;
    if (holds_lease(state, values[0], values[1]))
        put_place(rows, state->epoch, state->sequence, state->hash);
    return rows;
}

static int
by_position(const void *one, const void *other)
{
    int64_t difference =
        (*(struct row *const *)one)->position - (*(struct row *const *)other)->position;

    return difference < 0 ? -1 : difference > 0;
}

static PGresult *
list_outbox(struct db *db, struct state *state, const char *const *values)
{
    struct database *database = &databases[db->service];
    PGresult *rows = rows_new(15);
    size_t count = database->outbox_count;

    (void)state, (void)values;
    if (count > 0)
        qsort(database->outbox, count, sizeof *database->outbox, by_position);
    count = count > OUTBOX_PAGE_MAX ? OUTBOX_PAGE_MAX : count;
    for (size_t i = 0; i < count; i++) {
        put_number(rows, (int)i, 0, database->outbox[i]->position);
        for (int n = 0; n < TEXTS; n++)
            put(rows, (int)i, n + 1, database->outbox[i]->text[n]);
        for (int n = TEXTS + 1; n < 14; n++)
            put(rows, (int)i, n, NULL);
        put(rows, (int)i, 14, i + 1 < count ? "t" : "f");
    }
    return rows;
}

static struct row *
outbox_row(struct database *database, int64_t position)
{
    for (size_t i = 0; i < database->outbox_count; i++)
        if (database->outbox[i]->position == position)
            return database->outbox[i];
    return NULL;
}

static char *
hash_text(const char *digits)
{
    char *text = malloc(strlen(digits) + 3);

    sprintf(text, "\\x%s", digits); /* NOLINT: as long as it needs */
    return text;
}

/* Whoever numbers holds the lease, and holds it still. */
static void
check_lease(const struct db *db, const struct state *state)
{
    const struct lease *lease = &db->host->courier->lease;

    if (strcmp(lease->holder, state->holder) != 0 || lease->fence != state->fence)
        broken("%s is numbered by a courier that has lost the lease to another one",
               service_names[db->service]);
}

static PGresult *
move_outbox(struct db *db, struct state *state, const char *const *values)
{
    static char positions[ARRAY_MAX][80], previous[ARRAY_MAX][80], hashes[ARRAY_MAX][80];
    struct database *database = &databases[db->service];
    size_t count = items_of(values[0], positions);

    check_lease(db, state);
    if (count > 0 && atoll(values[5]) < state->sequence) {
        db_refuse(db, "23505", "the sequence is taken");
        return NULL;
    }
    items_of(values[3], previous);
    items_of(values[4], hashes);
    for (size_t i = 0; i < count; i++) {
        struct row *from = outbox_row(database, atoll(positions[i])), *to;

        if (from == NULL)
            continue;
        from->moved_by = db;
        to = calloc(1, sizeof *to);
        for (size_t n = 0; n < TEXTS; n++)
            to->text[n] = text_copy(from->text[n]);
        to->position = atoll(values[5]) + 1 + (int64_t)i;
        to->epoch = atoll(values[6]);
        to->previous_hash = hash_text(previous[i]);
        to->hash = hash_text(hashes[i]);
        rows_append(&database->log, &state->log_count, &database->log_size, to);
    }
    return NULL;
}

static PGresult *
move_head(struct db *db, struct state *state, const char *const *values)
{
    (void)db;
    state->sequence = atoll(values[0]);
    snprintf(state->hash, sizeof state->hash, "%s", values[1]);
    return NULL;
}

static PGresult *
list_epochs(struct db *db, struct state *state, const char *const *values)
{
    struct database *database = &databases[db->service];
    PGresult *rows = rows_new(6);

    (void)values;
    for (size_t i = 0; i < database->epochs_count; i++) {
        const struct epoch_row *epoch = &database->epochs[database->epochs_count - 1 - i];

        put_number(rows, (int)i, 0, state->epoch);
        put_number(rows, (int)i, 1, state->sequence);
        put(rows, (int)i, 2, state->hash);
        put_number(rows, (int)i, 3, epoch->epoch);
        put_number(rows, (int)i, 4, epoch->first);
        put(rows, (int)i, 5, epoch->previous_hash);
    }
    return rows;
}

static PGresult *
list_events(struct db *db, struct state *state, const char *const *values)
{
    struct database *database = &databases[db->service];
    PGresult *rows = rows_new(19);
    int count = 0;

    for (size_t i = (size_t)atoll(values[0]); i < state->log_count && count < atoll(values[1]);
         i++) {
        const struct row *row = database->log[i];

        put_number(rows, count, 0, row->epoch);
        put_number(rows, count, 1, row->position);
        for (int n = 0; n < TEXTS; n++)
            put(rows, count, n + 2, row->text[n]);
        put(rows, count, 11, NULL);
        put(rows, count, 12, NULL);
        put(rows, count, 13, row->previous_hash);
        put(rows, count, 14, row->hash);
        for (int n = 15; n < 19; n++)
            put(rows, count, n, NULL);
        count++;
    }
    return rows;
}

/* ---- cursors */

static PGresult *
insert_cursor(struct db *db, struct state *state, const char *const *values)
{
    struct place_row *cursor = &state->cursors[service_number(values[1])];

    (void)db;
    if (!cursor->there) {
        *cursor = (struct place_row){.there = true, .epoch = 1};
        memcpy(cursor->hash, GENESIS, sizeof GENESIS);
    }
    return NULL;
}

static PGresult *
find_cursor(struct db *db, struct state *state, const char *const *values)
{
    const struct place_row *cursor = &state->cursors[service_number(values[1])];
    PGresult *rows = rows_new(3);

    (void)db;
    if (cursor->there)
        put_place(rows, cursor->epoch, cursor->sequence, cursor->hash);
    return rows;
}

/* All of them are new installations. */
static PGresult *
no_joins(struct db *db, struct state *state, const char *const *values)
{
    (void)db, (void)state, (void)values;
    return rows_new(3);
}

static PGresult *
move_cursor(struct db *db, struct state *state, const char *const *values)
{
    struct place_row *cursor = &state->cursors[service_number(values[1])];
    PGresult *rows = rows_new(1);

    if (cursor->epoch != atoll(values[2]) || cursor->sequence != atoll(values[3]))
        return rows;
    check_move(db->service, service_number(values[1]), cursor, atoll(values[5]), values[6]);
    cursor->epoch = atoll(values[4]);
    cursor->sequence = atoll(values[5]);
    snprintf(cursor->hash, sizeof cursor->hash, "%s", values[6]);
    put(rows, 0, 0, "1");
    return rows;
}

static PGresult *
note_seen(struct db *db, struct state *state, const char *const *values)
{
    struct place_row *seen = &state->seen[service_number(values[0])];
    int64_t epoch = atoll(values[1]), sequence = atoll(values[2]);

    (void)db;
    if (!seen->there || epoch > seen->epoch || (epoch == seen->epoch && sequence > seen->sequence))
        *seen = (struct place_row){.there = true, .epoch = epoch, .sequence = sequence};
    return NULL;
}

static PGresult *
insert_outbox(struct db *db, struct state *state, const char *const *values)
{
    assert(db->fresh_count < FRESH_MAX);
    db->fresh[db->fresh_count++] = outbox_new(db->service, state, values);
    return NULL;
}

static PGresult *
insert_effect(struct db *db, struct state *state, const char *const *values)
{
    (void)state;
    assert(db->effects_count < EFFECTS_MAX);
    db->effects[db->effects_count++] = event_number(values[0]);
    return NULL;
}

const struct db_statement record_effect = {.name = "record_effect", .text = "", .parameters = 1};

static const struct {
    const char *name;
    statement *run;
    bool writes;
} statements[] = {
    {"take_lease", take_lease, true},        {"renew_lease", renew_lease, true},
    {"release_lease", release_lease, true},  {"lock_head", lock_head, true},
    {"list_outbox", list_outbox, false},     {"move_outbox", move_outbox, true},
    {"move_head", move_head, true},          {"list_epochs", list_epochs, false},
    {"list_events", list_events, false},     {"insert_cursor", insert_cursor, true},
    {"find_cursor", find_cursor, false},     {"move_cursor", move_cursor, true},
    {"note_seen", note_seen, true},          {"find_parked", find_parked, false},
    {"park_event", park_event, true},        {"list_released", list_released, false},
    {"take_parked", take_parked, true},      {"park_again", park_again, true},
    {"insert_outbox", insert_outbox, false}, {"record_effect", insert_effect, false},
    {"list_joins", no_joins, false},
};

PGresult *
statement_run(struct db *db, const struct db_statement *wanted, const char *const *values)
{
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (strcmp(statements[i].name, wanted->name) != 0)
            continue;
        if (statements[i].writes && !take_rows(db))
            return NULL;
        return statements[i].run(db, seen_by(db), values);
    }
    broken("the store does not know the statement %s", wanted->name);
}
