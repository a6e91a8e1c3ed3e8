/* SPDX-License-Identifier: Apache-2.0
 * An event that was told before its client was erased may arrive after the erasure: what it says of people is
 * forgotten before anything sees it. */
#include "courier.h"

#include <assert.h>

static const struct db_statement find_erased = {
    .name = "find_erased",
    .text =
        "select ordinal from unnest($1::text[]) with ordinality as e (client, ordinal)"
        " where exists (select from erased_client c where c.client = nullif(e.client, '')::uuid)",
    .parameters = 1,
};

bool
events_forget_erased(struct db *db, struct arena *arena, Wire__Event **events, size_t count)
{
    const char *clients[BATCH_MAX];
    size_t personal = 0;
    PGresult *rows;

    assert(count <= BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        bool names_people = events[i]->has_personal && events[i]->client != NULL;

        clients[i] = names_people ? events[i]->client : "";
        personal += names_people;
    }
    if (personal == 0)
        return true;
    rows =
        db_query(db, arena, &find_erased, (const char *const[]){db_array(arena, clients, count)});
    if (rows == NULL)
        return false;
    for (int row = 0; row < PQntuples(rows); row++) {
        Wire__Event *event = events[db_integer(rows, row, 0) - 1];

        event->has_personal = event->has_personal_salt = 0;
    }
    return true;
}
