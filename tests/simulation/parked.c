/* SPDX-License-Identifier: Apache-2.0
 * The queue of parked events: its statements, and what administrators do. */
#include "database.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Whether something of this project, or of this client without a project, is parked before a position. */
static bool
chained(const struct state *state, const char *project, const char *client, int64_t before)
{
    for (size_t i = 0; i < state->parked_count; i++) {
        const struct parked *parked = &state->parked[i];

        if (parked->position < before &&
            (texts_same(parked->project, project) ||
             (parked->project == NULL && texts_same(parked->client, client))))
            return true;
    }
    return false;
}

PGresult *
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

/* Only what would fail again; three deaths of a courier may be anybody's. */
static void
check_reason(int service, const char *event_id, const char *reason)
{
    const struct fate *fate = &fates[event_number(event_id)];

    if ((!fate->fails[service] || fate->mended) && strstr(reason, "killed the process") == NULL)
        broken("%s is parked in %s although nothing is wrong with it: %s", event_id,
               service_names[service], reason);
}

PGresult *
park_event(struct db *db, struct state *state, const char *const *values)
{
    struct database *database = &databases[db->service];

    assert(state->parked_count < PARKED_MAX);
    if (strcmp(values[10], "failed") == 0)
        check_reason(db->service, values[3], values[11]);
    state->parked[state->parked_count++] = (struct parked){
        .position = database->next_parked++,
        .attempts = atoll(values[12]),
        .event_id = text_copy(values[3]),
        .client = text_copy(values[5]),
        .project = text_copy(values[6]),
        .event = text_copy(values[7]),
        .status = (char *)(strcmp(values[10], "behind") == 0 ? "behind" : "failed"),
    };
    return NULL;
}

PGresult *
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

PGresult *
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

PGresult *
park_again(struct db *db, struct state *state, const char *const *values)
{
    struct parked *parked = parked_at(state, atoll(values[0]));

    if (parked != NULL) {
        check_reason(db->service, parked->event_id, values[1]);
        parked->status = (char *)"failed";
        parked->attempts++;
    }
    return NULL;
}

/* ---- administrators */

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

/* One of those that an administrator may do something about; NULL: there is none. */
static struct parked *
any_failed(struct state *state)
{
    struct parked *found = NULL;
    uint32_t count = 0;

    for (size_t i = 0; i < state->parked_count; i++) {
        struct parked *parked = &state->parked[i];

        if (strcmp(parked->status, "failed") == 0 &&
            !chained(state, parked->project, parked->client, parked->position) &&
            chance(++count) == 0)
            found = parked;
    }
    return found;
}

void
store_tend_parked(int service, bool skip)
{
    struct database *database = &databases[service];
    struct state *state = &database->state;
    struct parked *parked;

    if (database->writer != NULL)
        return;
    parked = any_failed(state);
    if (parked == NULL)
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
