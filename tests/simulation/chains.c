/* SPDX-License-Identifier: Apache-2.0
 * What must be true of every stream at every moment: one chain without a gap, numbered by whoever holds the lease,
 * told only once it is stored, followed along itself. */
#include "database.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

static void
check_follows(int service, int64_t sequence, const char *hash, const struct row *row)
{
    if (row->position != sequence + 1)
        broken("%s:%" PRId64 " is numbered behind %" PRId64, service_names[service], row->position,
               sequence);
    if (strcmp(row->previous_hash, hash) != 0)
        broken("%s:%" PRId64 " does not name the hash of the event before", service_names[service],
               row->position);
}

static void
check_head(int service, const struct state *state)
{
    const struct row *last =
        state->log_count == 0 ? NULL : databases[service].log[state->log_count - 1];

    if (state->sequence != (last == NULL ? 0 : last->position) ||
        strcmp(state->hash, last == NULL ? GENESIS : last->hash) != 0)
        broken("the head of %s is not its last event", service_names[service]);
}

void
check_numbered(int service, const struct state *before, const struct state *after)
{
    int64_t sequence = before->sequence;
    const char *hash = before->hash;

    for (size_t i = before->log_count; i < after->log_count; i++) {
        const struct row *row = databases[service].log[i];

        check_follows(service, sequence, hash, row);
        sequence = row->position;
        hash = row->hash;
    }
    check_head(service, after);
}

void
store_check_chains(void)
{
    static const struct state start = {.hash = GENESIS};

    for (int i = 0; i < SERVICES; i++)
        check_numbered(i, &start, &databases[i].state);
}

/* ---- consumers */

/* Of the log, or lost with a restore. */
static const struct row *
find_row(int producer, int64_t sequence, const char *hash)
{
    const struct database *database = &databases[producer];

    if (sequence >= 1 && sequence <= (int64_t)database->state.log_count &&
        strcmp(database->log[sequence - 1]->hash, hash) == 0)
        return database->log[sequence - 1];
    for (size_t i = 0; i < database->lost_count; i++)
        if (strcmp(database->lost[i]->hash, hash) == 0)
            return database->lost[i];
    return NULL;
}

void
check_move(int service, int producer, const struct place_row *from, int64_t sequence,
           const char *hash)
{
    const struct row *row = find_row(producer, sequence, hash);

    while (row != NULL && row->position > from->sequence + 1)
        row = find_row(producer, row->position - 1, row->previous_hash);
    if (row == NULL || row->position != from->sequence + 1 ||
        strcmp(row->previous_hash, from->hash) != 0)
        broken("%s goes from %s:%" PRId64 ":%" PRId64 " to %" PRId64 ", which is on another chain",
               service_names[service], service_names[producer], from->epoch, from->sequence,
               sequence);
}

/* ---- publications */

void
store_check_published(const char *producer, const Wire__Position *position)
{
    const struct database *database = &databases[service_number(producer)];
    char hash[70] = "\\x";

    sodium_bin2hex(hash + 2, sizeof hash - 2, position->hash.data, position->hash.len);
    if (position->sequence > (int64_t)database->state.log_count ||
        (position->sequence > 0 && strcmp(database->log[position->sequence - 1]->hash, hash) != 0))
        broken("%s:%" PRId64 " is published before it is stored", producer, position->sequence);
}
