/* SPDX-License-Identifier: Apache-2.0
 * All databases as they were once; back there, each in a new epoch. */
#include "database.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
        other->text[n] = text_copy(row->text[n]);
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
    for (size_t i = state->log_count; i < database->state.log_count; i++)
        rows_append(&database->lost, &database->lost_count, &database->lost_size, database->log[i]);
    rows_free(database->outbox, database->outbox_count);
    workers_end(database);
    state_copy(&database->state, state);
    database->state.epoch = database->epochs[database->epochs_count - 2].epoch + 1;
    database->state.expires_ms = INT64_MIN;
    *epoch = (struct epoch_row){.epoch = database->state.epoch, .first = state->sequence + 1};
    memcpy(epoch->previous_hash, state->hash, sizeof epoch->previous_hash);
    database->outbox = rows_copy(outbox, count);
    database->outbox_count = database->outbox_size = count;
}

/* Its events have no effects in it any more but those of then; what it told since is lost. */
bool
store_restore_one(int service)
{
    if (!backup.there || databases[service].epochs_count >= EPOCHS_MAX - 1)
        return false;
    restore(&databases[service], &backup.states[service], backup.outboxes[service],
            backup.outbox_counts[service]);
    for (int i = 0; i < fates_count; i++)
        fates[i].effects[service] = i < backup.fates_count ? backup.fates[i].effects[service] : 0;
    return true;
}

bool
store_restore(void)
{
    bool room = backup.there;

    for (int i = 0; i < SERVICES; i++)
        room = room && databases[i].epochs_count < EPOCHS_MAX;
    if (!room)
        return false;
    for (int i = 0; i < SERVICES; i++)
        restore(&databases[i], &backup.states[i], backup.outboxes[i], backup.outbox_counts[i]);
    for (int i = backup.fates_count; i < fates_count; i++)
        fates[i] = (struct fate){.producer = fates[i].producer};
    memcpy(fates, backup.fates, (size_t)backup.fates_count * sizeof *fates);
    return true;
}

int64_t
store_epoch_end(int service, int64_t epoch)
{
    const struct database *database = &databases[service];

    for (size_t i = 1; i < database->epochs_count; i++)
        if (database->epochs[i].epoch > epoch)
            return database->epochs[i].first - 1;
    return database->state.sequence;
}
