/* SPDX-License-Identifier: Apache-2.0
 * What a database of the simulation holds, and what must be true of it. */
#include "database.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct database databases[SERVICES];

int
service_number(const char *name)
{
    for (int i = 0; i < SERVICES; i++)
        if (strcmp(service_names[i], name) == 0)
            return i;
    return -1;
}

char *
text_copy(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

bool
texts_same(const char *one, const char *other)
{
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* ---- rows */

void
row_free(struct row *row)
{
    for (size_t i = 0; i < TEXTS; i++)
        free(row->text[i]);
    free(row->previous_hash);
    free(row->hash);
    free(row);
}

void
rows_append(struct row ***list, size_t *count, size_t *size, struct row *row)
{
    if (*count == *size) {
        *size = *size == 0 ? 64 : 2 * *size;
        *list = realloc(*list, *size * sizeof **list);
    }
    (*list)[(*count)++] = row;
}

/* ---- databases */

static void
database_start(struct database *database)
{
    *database = (struct database){.next_position = 1, .next_parked = 1};
    database->state.epoch = 1;
    memcpy(database->state.hash, GENESIS, sizeof GENESIS);
    database->epochs[database->epochs_count] = (struct epoch_row){.epoch = 1, .first = 1};
    memcpy(database->epochs[database->epochs_count++].previous_hash, GENESIS, sizeof GENESIS);
}

void
workers_end(struct database *database)
{
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (database->open[i] != NULL) {
            row_free(database->open[i]);
            database->open[i] = NULL;
        }
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
        workers_end(database);
        for (size_t n = 0; n < database->state.parked_count; n++) {
            free(database->state.parked[n].event_id);
            free(database->state.parked[n].client);
            free(database->state.parked[n].project);
            free(database->state.parked[n].event);
        }
        for (size_t n = 0; n < database->lost_count; n++)
            row_free(database->lost[n]);
        free(database->log);
        free(database->outbox);
        free(database->lost);
        database_start(database);
    }
}

void
state_copy(struct state *to, const struct state *from)
{
    memcpy(to, from, offsetof(struct state, parked) + from->parked_count * sizeof *from->parked);
}

bool
store_wakes(int service)
{
    bool wake = databases[service].wake;

    databases[service].wake = false;
    return wake;
}

bool
store_is_quiet(void)
{
    for (int i = 0; i < SERVICES; i++) {
        const struct state *state = &databases[i].state;

        if (databases[i].outbox_count > 0 || state->parked_count > 0)
            return false;
        for (int n = 0; n < SERVICES; n++)
            if (state->cursors[n].there &&
                (state->cursors[n].sequence != databases[n].state.sequence ||
                 strcmp(state->cursors[n].hash, databases[n].state.hash) != 0))
                return false;
    }
    return true;
}
