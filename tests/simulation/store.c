/* SPDX-License-Identifier: Apache-2.0
 * db.h in the simulation: a database per service that keeps what was committed and nothing else. It knows the
 * statements of the event core by name; writers take turns, as row locks make them. */
#include "simulation.h"

#include "db.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXTS = 9, /* event_id, type, subject, client, project, occurred_at, applied, actor, payload */
    OUTBOX_PAGE_MAX = 60,
    IDLE_IN_TRANSACTION_MS = 5000,
    LOCK_WAIT_MS = 3000,
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
    int64_t next_position, next_parked;
    struct epoch_row epochs[EPOCHS_MAX];
    size_t epochs_count;
    struct db *writer;          /* who holds the rows of `state` */
    struct row *open[OPEN_MAX]; /* of workers' transactions under way */
    bool wake;
};

struct db {
    int service;
    struct host *host; /* NULL: reads only and never waits */
    bool in_transaction, over, lost, unknown, cut;
    int64_t touched_ms;
    struct state working;
    int effects[EFFECTS_MAX];
    size_t effects_count;
    struct row *fresh[FRESH_MAX];
    size_t fresh_count;
    struct db_error error;
};

static struct database databases[SERVICES];
static const char zero[] = "\\x0000000000000000000000000000000000000000000000000000000000000000";

static int64_t
now_ms(void)
{
    return clock_us / 1000;
}

static int
service_number(const char *name)
{
    for (int i = 0; i < SERVICES; i++)
        if (strcmp(service_names[i], name) == 0)
            return i;
    return -1;
}

static char *
copy(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

static void
row_free(struct row *row)
{
    for (size_t i = 0; i < TEXTS; i++)
        free(row->text[i]);
    free(row->previous_hash);
    free(row->hash);
    free(row);
}

static void
append(struct row ***list, size_t *count, size_t *size, struct row *row)
{
    if (*count == *size) {
        *size = *size == 0 ? 64 : 2 * *size;
        *list = realloc(*list, *size * sizeof **list);
    }
    (*list)[(*count)++] = row;
}

static void
start(struct database *database)
{
    *database = (struct database){.next_position = 1, .next_parked = 1};
    database->state.epoch = 1;
    memcpy(database->state.hash, zero, sizeof zero);
    database->epochs[database->epochs_count] = (struct epoch_row){.epoch = 1, .first = 1};
    memcpy(database->epochs[database->epochs_count++].previous_hash, zero, sizeof zero);
}

void
store_reset(void)
{
    for (int i = 0; i < SERVICES; i++) {
        struct database *database = &databases[i];

        for (size_t n = 0; n < database->state.log_count; n++)
            row_free(database->log[n]);
        for (size_t n = 0; n < database->outbox_count; n++)
            row_free(database->outbox[n]);
        for (size_t n = 0; n < OPEN_MAX; n++)
            if (database->open[n] != NULL)
                row_free(database->open[n]);
        for (size_t n = 0; n < database->state.parked_count; n++) {
            free(database->state.parked[n].event_id);
            free(database->state.parked[n].client);
            free(database->state.parked[n].project);
            free(database->state.parked[n].event);
        }
        free(database->log);
        free(database->outbox);
        start(database);
    }
}

/* ---- transactions */

static void
state_copy(struct state *to, const struct state *from)
{
    memcpy(to, from, offsetof(struct state, parked) + from->parked_count * sizeof *from->parked);
}

static struct state *
seen_by(struct db *db)
{
    struct database *database = &databases[db->service];

    return database->writer == db ? &db->working : &database->state;
}

static void
drop_log(struct database *database, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        row_free(database->log[i]);
}

/* Nothing of the transaction happened. */
static void
undo(struct db *db)
{
    struct database *database = &databases[db->service];

    if (database->writer == db) {
        drop_log(database, database->state.log_count, db->working.log_count);
        database->writer = NULL;
    }
    for (size_t i = 0; i < database->outbox_count; i++)
        if (database->outbox[i]->moved_by == db)
            database->outbox[i]->moved_by = NULL;
    for (size_t i = 0; i < db->fresh_count; i++)
        row_free(db->fresh[i]);
    db->fresh_count = db->effects_count = 0;
    db->in_transaction = false;
}

static void
happen(struct db *db)
{
    struct database *database = &databases[db->service];
    size_t kept = 0;

    if (database->writer == db) {
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
        append(&database->outbox, &database->outbox_count, &database->outbox_size, db->fresh[i]);
    }
    for (size_t i = 0; i < db->effects_count; i++)
        if (++fates[db->effects[i]].effects[db->service] > 1)
            broken("event %d took effect twice in %s", db->effects[i], service_names[db->service]);
    db->fresh_count = db->effects_count = 0;
    db->in_transaction = false;
}

static void
fail(struct db *db, const char *sqlstate, const char *message)
{
    undo(db);
    db->over = true;
    snprintf(db->error.sqlstate, sizeof db->error.sqlstate, "%s", sqlstate);
    db->error.message = message;
}

/* Waits for the rows as long as lock_timeout says; a session that idles in its transaction is ended. */
static bool
take_rows(struct db *db)
{
    struct database *database = &databases[db->service];
    int64_t since = now_ms();

    while (database->writer != NULL && database->writer != db) {
        if (now_ms() - database->writer->touched_ms >= IDLE_IN_TRANSACTION_MS)
            store_cut(database->writer);
        else if (now_ms() - since >= LOCK_WAIT_MS) {
            fail(db, "55P03", "the lock was not to be had");
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
store_close(struct db *db)
{
    undo(db);
    free(db);
}

bool
store_is_at_work(const struct db *db)
{
    return db != NULL && db->in_transaction;
}

/* ---- results */

static PGresult *
rows_new(int columns)
{
    PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc *attributes = calloc((size_t)columns + 1, sizeof *attributes);

    for (int i = 0; i < columns; i++)
        attributes[i].name = (char *)"column";
    PQsetResultAttrs(rows, columns, attributes);
    free(attributes);
    return rows;
}

static void
put(PGresult *rows, int row, int column, const char *text)
{
    PQsetvalue(rows, row, column, (char *)text, text == NULL ? -1 : (int)strlen(text));
}

static void
put_number(PGresult *rows, int row, int column, int64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, number);
    put(rows, row, column, text);
}

static void
clear(void *rows)
{
    PQclear(rows);
}

/* The items of an array literal; they have no quotes within. */
static size_t
items_of(const char *literal, char items[][80])
{
    size_t count = 0;

    for (const char *at = strchr(literal, '"'); at != NULL; at = strchr(at, '"')) {
        const char *end = strchr(at + 1, '"');

        assert(end != NULL && count < ARRAY_MAX && end - at - 1 < 80);
        snprintf(items[count++], 80, "%.*s", (int)(end - at - 1), at + 1);
        at = end + 1;
    }
    return count;
}

/* ---- statements: each answers rows, or NULL for none */

typedef PGresult *statement(struct db *db, struct state *state, const char *const *values);

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

static PGresult *
move_outbox(struct db *db, struct state *state, const char *const *values)
{
    static char positions[ARRAY_MAX][80], previous[ARRAY_MAX][80], hashes[ARRAY_MAX][80];
    struct database *database = &databases[db->service];
    size_t count = items_of(values[0], positions);

    items_of(values[3], previous);
    items_of(values[4], hashes);
    for (size_t i = 0; i < count; i++) {
        struct row *from = outbox_row(database, atoll(positions[i])), *to;

        if (from == NULL)
            continue;
        from->moved_by = db;
        to = calloc(1, sizeof *to);
        for (size_t n = 0; n < TEXTS; n++)
            to->text[n] = copy(from->text[n]);
        to->position = atoll(values[5]) + 1 + (int64_t)i;
        to->epoch = atoll(values[6]);
        to->previous_hash = hash_text(previous[i]);
        to->hash = hash_text(hashes[i]);
        append(&database->log, &state->log_count, &database->log_size, to);
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

    for (size_t i = 0; i < state->log_count && count < atoll(values[1]); i++) {
        const struct row *row = database->log[i];

        if (row->position <= atoll(values[0]))
            continue;
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

static PGresult *
insert_cursor(struct db *db, struct state *state, const char *const *values)
{
    struct place_row *cursor = &state->cursors[service_number(values[1])];

    (void)db;
    if (!cursor->there) {
        *cursor = (struct place_row){.there = true, .epoch = 1};
        memcpy(cursor->hash, zero, sizeof zero);
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

static PGresult *
move_cursor(struct db *db, struct state *state, const char *const *values)
{
    struct place_row *cursor = &state->cursors[service_number(values[1])];
    PGresult *rows = rows_new(1);

    (void)db;
    if (cursor->epoch != atoll(values[2]) || cursor->sequence != atoll(values[3]))
        return rows;
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

static bool
same(const char *one, const char *other)
{
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* Whether something of this project, or of this client without a project, is parked before a position. */
static bool
chained(const struct state *state, const char *project, const char *client, int64_t before)
{
    for (size_t i = 0; i < state->parked_count; i++) {
        const struct parked *parked = &state->parked[i];

        if (parked->position < before &&
            (same(parked->project, project) ||
             (parked->project == NULL && same(parked->client, client))))
            return true;
    }
    return false;
}

static PGresult *
find_parked(struct db *db, struct state *state, const char *const *values)
{
    static char projects[ARRAY_MAX][80], clients[ARRAY_MAX][80];
    size_t count = items_of(values[0], projects);
    PGresult *rows = rows_new(1);
    int found = 0;

    (void)db;
    items_of(values[1], clients);
    for (size_t i = 0; i < count; i++)
        if (chained(state, projects[i], clients[i], INT64_MAX))
            put_number(rows, found++, 0, (int64_t)i + 1);
    return rows;
}

static PGresult *
park_event(struct db *db, struct state *state, const char *const *values)
{
    struct database *database = &databases[db->service];

    assert(state->parked_count < PARKED_MAX);
    state->parked[state->parked_count++] = (struct parked){
        .position = database->next_parked++,
        .attempts = atoll(values[12]),
        .event_id = copy(values[3]),
        .client = copy(values[5]),
        .project = copy(values[6]),
        .event = copy(values[7]),
        .status = (char *)(strcmp(values[10], "behind") == 0 ? "behind" : "failed"),
    };
    return NULL;
}

static PGresult *
list_released(struct db *db, struct state *state, const char *const *values)
{
    PGresult *rows = rows_new(4);
    int count = 0;

    (void)db, (void)values;
    for (size_t i = 0; i < state->parked_count; i++) {
        const struct parked *parked = &state->parked[i];

        if (strcmp(parked->status, "failed") == 0 ||
            chained(state, parked->project, parked->client, parked->position))
            continue;
        put_number(rows, count, 0, parked->position);
        put(rows, count, 1, parked->event);
        put(rows, count, 2, NULL);
        put(rows, count, 3, NULL);
        count++;
    }
    return rows;
}

static struct parked *
parked_at(struct state *state, int64_t position)
{
    for (size_t i = 0; i < state->parked_count; i++)
        if (state->parked[i].position == position)
            return &state->parked[i];
    return NULL;
}

static PGresult *
take_parked(struct db *db, struct state *state, const char *const *values)
{
    struct parked *parked = parked_at(state, atoll(values[0]));
    PGresult *rows = rows_new(1);

    (void)db;
    if (parked == NULL)
        return rows;
    memmove(parked, parked + 1,
            (size_t)(state->parked + state->parked_count - parked - 1) * sizeof *parked);
    state->parked_count--;
    put(rows, 0, 0, values[0]);
    return rows;
}

static PGresult *
park_again(struct db *db, struct state *state, const char *const *values)
{
    struct parked *parked = parked_at(state, atoll(values[0]));

    (void)db;
    if (parked != NULL) {
        parked->status = (char *)"failed";
        parked->attempts++;
    }
    return NULL;
}

/* The cursors of the moment, as the outbox's insert joins them. */
static char *
applied_text(const struct state *state)
{
    static const int in_order[SERVICES] = {0, 1, 3, 2}; /* of the names' bytes */
    char text[400] = "";

    for (int i = 0; i < SERVICES; i++) {
        int n = in_order[i];
        const struct place_row *place =
            state->cursors[n].there ? &state->cursors[n] : &state->seen[n];

        if (place->there)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s:%" PRId64 ":%" PRId64,
                     text[0] == '\0' ? "" : ",", service_names[n], place->epoch, place->sequence);
    }
    return strdup(text);
}

static struct row *
outbox_new(int service, const struct state *state, const char *const texts[8])
{
    struct row *row = calloc(1, sizeof *row);
    char occurred_at[40];

    snprintf(occurred_at, sizeof occurred_at,
             "2026-11-22T18:%02" PRId64 ":%02" PRId64 ".%06" PRId64 "Z", clock_us / 60000000 % 60,
             clock_us / 1000000 % 60, clock_us % 1000000);
    row->position = databases[service].next_position++;
    for (size_t i = 0; i < 5; i++)
        row->text[i] = copy(texts[i]);
    row->text[5] = strdup(occurred_at);
    row->text[6] = applied_text(state);
    row->text[7] = copy(texts[5]);
    row->text[8] = copy(texts[6]);
    return row;
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
};

static PGresult *
run(struct db *db, const struct db_statement *wanted, const char *const *values)
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

/* ---- db.h */

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

bool
db_ready(struct db *db)
{
    if (db->cut)
        db->over = db->lost = db->cut = false;
    return true;
}

void
db_begin(struct db *db, bool read_only)
{
    (void)read_only;
    db->in_transaction = true;
    db->over = db->lost = db->unknown = false;
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
    rows = run(db, wanted, values);
    PQclear(rows);
}

PGresult *
db_query(struct db *db, struct arena *arena, const struct db_statement *wanted,
         const char *const *values)
{
    PGresult *rows;

    if (db->host != NULL)
        give_way();
    if (db->cut && !db->lost)
        lose(db);
    if (!db->in_transaction && !db->lost)
        db->over = false;
    if (db->over)
        return NULL;
    db->touched_ms = now_ms();
    if (db->host != NULL && db->in_transaction && !network_kind && once_in(400)) {
        fail(db, "40001", "could not serialize access");
        return NULL;
    }
    rows = run(db, wanted, values);
    if (db->over) {
        PQclear(rows);
        return NULL;
    }
    if (rows == NULL)
        rows = rows_new(0);
    arena_defer(arena, clear, rows);
    return rows;
}

/* It may happen although nobody is told. */
bool
db_commit(struct db *db)
{
    bool told = network_kind || !once_in(500);

    give_way();
    if (db->cut && !db->lost)
        lose(db);
    if (db->over)
        return false;
    if (!told && once_in(2)) {
        lose(db);
        db->lost = false;
        db->unknown = db->cut = true;
        return false;
    }
    happen(db);
    if (!told) {
        db->unknown = db->cut = db->over = true;
        return false;
    }
    give_way();
    return true;
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

/* ---- the world's own hands */

/* A worker's transaction puts an event into the outbox; it ends later, in any order, well or not. */
void
store_worker_acts(int service)
{
    struct database *database = &databases[service];
    size_t slot = chance(OPEN_MAX);
    struct row *row = database->open[slot];
    char id[37], type[40], project[37], client[37];

    if (row != NULL) {
        database->open[slot] = NULL;
        if (once_in(10)) {
            row_free(row);
            return;
        }
        fates[event_number(row->text[0])].stored = true;
        append(&database->outbox, &database->outbox_count, &database->outbox_size, row);
        database->wake = true;
        return;
    }
    if (fates_count == EVENTS_MAX)
        return;
    fates[fates_count] = (struct fate){.producer = service};
    for (int i = 0; i < SERVICES; i++) {
        fates[fates_count].fails[i] = once_in(1500);
        fates[fates_count].kills[i] = once_in(3000);
    }
    snprintf(id, sizeof id, "00000000-0000-7000-8000-%012x", (unsigned)fates_count++);
    snprintf(type, sizeof type, "%s.Happened", service_names[service]);
    snprintf(client, sizeof client, "00000000-0000-7000-9000-%012x", chance(2));
    snprintf(project, sizeof project, "00000000-0000-7000-a000-%012x", chance(PROJECTS));
    database->open[slot] =
        outbox_new(service, &database->state,
                   (const char *const[8]){id, type, project, client, once_in(6) ? NULL : project,
                                          "\\x", "\\x", NULL});
}

bool
store_wakes(int service)
{
    bool wake = databases[service].wake;

    databases[service].wake = false;
    return wake;
}

int64_t
store_sequence(int service)
{
    return databases[service].state.sequence;
}

void
store_cursor(struct db *db, int producer, int64_t *epoch, int64_t *sequence)
{
    const struct place_row *cursor = &seen_by(db)->cursors[producer];

    *epoch = cursor->there ? cursor->epoch : INT64_MAX;
    *sequence = cursor->sequence;
}

bool
store_stands_behind(struct db *db, const char *event_id, const char *project, const char *client)
{
    const struct state *before = &databases[db->service].state;
    int64_t position = INT64_MAX;

    for (size_t i = 0; i < before->parked_count; i++)
        if (strcmp(before->parked[i].event_id, event_id) == 0)
            position = before->parked[i].position;
    return chained(seen_by(db), project, client, position);
}

bool
store_is_crowded(void)
{
    for (int i = 0; i < SERVICES; i++)
        if (databases[i].state.parked_count > PARKED_MAX / 20)
            return true;
    return false;
}

void
store_tend_parked(int service, bool skip)
{
    struct database *database = &databases[service];
    struct state *state = &database->state;
    struct parked *parked;

    if (state->parked_count == 0 || database->writer != NULL)
        return;
    parked = &state->parked[chance((uint32_t)state->parked_count)];
    if (strcmp(parked->status, "failed") != 0 ||
        chained(state, parked->project, parked->client, parked->position))
        return;
    fates[event_number(parked->event_id)].mended = true;
    if (!skip) {
        parked->status = (char *)"retry";
        return;
    }
    fates[event_number(parked->event_id)].skipped[service] = true;
    memmove(parked, parked + 1,
            (size_t)(state->parked + state->parked_count - parked - 1) * sizeof *parked);
    state->parked_count--;
}

/* ---- the end */

bool
store_is_quiet(void)
{
    for (int i = 0; i < SERVICES; i++) {
        const struct state *state = &databases[i].state;

        if (databases[i].outbox_count > 0 || state->parked_count > 0)
            return false;
        for (int n = 0; n < SERVICES; n++)
            if (state->cursors[n].there &&
                state->cursors[n].sequence != databases[n].state.sequence)
                return false;
    }
    return true;
}

void
store_check_chains(void)
{
    for (int i = 0; i < SERVICES; i++) {
        const struct database *database = &databases[i];
        const char *previous = zero;

        for (size_t n = 0; n < database->state.log_count; n++) {
            const struct row *row = database->log[n];

            if (row->position != (int64_t)n + 1 || strcmp(row->previous_hash, previous) != 0)
                broken("%s:%zu does not follow what is before it", service_names[i], n + 1);
            previous = row->hash;
        }
        if (database->state.sequence != (int64_t)database->state.log_count ||
            strcmp(database->state.hash, previous) != 0)
            broken("the head of %s is not its last event", service_names[i]);
    }
}

/* ---- a restored cluster */

static struct {
    struct state states[SERVICES];
    struct row **outboxes[SERVICES];
    size_t outbox_counts[SERVICES];
    struct fate fates[EVENTS_MAX];
    int fates_count;
    bool there;
} backup;

static struct row *
row_copy(const struct row *row)
{
    struct row *other = calloc(1, sizeof *other);

    other->position = row->position;
    for (size_t n = 0; n < TEXTS; n++)
        other->text[n] = copy(row->text[n]);
    return other;
}

static struct row **
rows_copy(struct row *const *rows, size_t count)
{
    struct row **copies = calloc(count + 1, sizeof *copies);

    for (size_t i = 0; i < count; i++)
        copies[i] = row_copy(rows[i]);
    return copies;
}

static void
rows_free(struct row **rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_free(rows[i]);
    free(rows);
}

void
store_forget_snapshot(void)
{
    for (int i = 0; backup.there && i < SERVICES; i++)
        rows_free(backup.outboxes[i], backup.outbox_counts[i]);
    backup.there = false;
}

void
store_snapshot(void)
{
    store_forget_snapshot();
    for (int i = 0; i < SERVICES; i++) {
        state_copy(&backup.states[i], &databases[i].state);
        backup.outbox_counts[i] = databases[i].outbox_count;
        backup.outboxes[i] = rows_copy(databases[i].outbox, databases[i].outbox_count);
    }
    memcpy(backup.fates, fates, (size_t)fates_count * sizeof *fates);
    backup.fates_count = fates_count;
    backup.there = true;
}

static void
restore(struct database *database, const struct state *state, struct row *const *outbox,
        size_t count)
{
    struct epoch_row *epoch = &database->epochs[database->epochs_count++];

    assert(database->epochs_count <= EPOCHS_MAX && database->writer == NULL);
    drop_log(database, state->log_count, database->state.log_count);
    rows_free(database->outbox, database->outbox_count);
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (database->open[i] != NULL) {
            row_free(database->open[i]);
            database->open[i] = NULL;
        }
    state_copy(&database->state, state);
    database->state.epoch = database->epochs[database->epochs_count - 2].epoch + 1;
    database->state.expires_ms = INT64_MIN;
    *epoch = (struct epoch_row){.epoch = database->state.epoch, .first = state->sequence + 1};
    memcpy(epoch->previous_hash, state->hash, sizeof epoch->previous_hash);
    database->outbox = rows_copy(outbox, count);
    database->outbox_count = database->outbox_size = count;
}

bool
store_restore(void)
{
    if (!backup.there || databases[0].epochs_count == EPOCHS_MAX)
        return false;
    for (int i = 0; i < SERVICES; i++)
        restore(&databases[i], &backup.states[i], backup.outboxes[i], backup.outbox_counts[i]);
    for (int i = backup.fates_count; i < fates_count; i++)
        fates[i] = (struct fate){.producer = fates[i].producer};
    memcpy(fates, backup.fates, (size_t)backup.fates_count * sizeof *fates);
    return true;
}
