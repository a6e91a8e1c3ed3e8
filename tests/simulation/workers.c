/* SPDX-License-Identifier: Apache-2.0
 * The transactions of the services' workers, which fill the outboxes. */
#include "database.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

struct row *
outbox_new(int service, const struct state *state, const char *const texts[7])
{
    struct row *row = calloc(1, sizeof *row);
    char occurred_at[40];

    snprintf(occurred_at, sizeof occurred_at,
             "2026-11-22T18:%02" PRId64 ":%02" PRId64 ".%06" PRId64 "Z", clock_us / 60000000 % 60,
             clock_us / 1000000 % 60, clock_us % 1000000);
    row->position = databases[service].next_position++;
    for (size_t i = 0; i < 5; i++)
        row->text[i] = text_copy(texts[i]);
    row->text[5] = strdup(occurred_at);
    row->text[6] = applied_text(state);
    row->text[7] = text_copy(texts[5]);
    row->text[8] = text_copy(texts[6]);
    return row;
}

/* A worker's transaction puts an event into the outbox; it ends later, in any order, well or not. */
void
store_worker_acts(int service)
{
    struct database *database = &databases[service];
    size_t slot = chance(OPEN_MAX);
    struct row *row = database->open[slot];
    char id[37], type[40], project[37], client[37];

    if (now_ms() < database->away_until_ms)
        return;
    if (row != NULL) {
        database->open[slot] = NULL;
        if (once_in(10)) {
            row_free(row);
            return;
        }
        fates[event_number(row->text[0])].stored = true;
        rows_append(&database->outbox, &database->outbox_count, &database->outbox_size, row);
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
                   (const char *const[7]){id, type, project, client, once_in(6) ? NULL : project,
                                          "\\x", "\\x"});
}

void
store_cursor(struct db *db, int producer, int64_t *epoch, int64_t *sequence)
{
    const struct place_row *cursor = &seen_by(db)->cursors[producer];

    *epoch = cursor->there ? cursor->epoch : INT64_MAX;
    *sequence = cursor->sequence;
}
