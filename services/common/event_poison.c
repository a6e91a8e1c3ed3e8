/* SPDX-License-Identifier: Apache-2.0
 * An event that kills its process, again and again, is found out: what is being handled is said in shared memory,
 * where only a successor finds it still said. */
#include "courier.h"

#include "dates.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
name_event(const Wire__Event *event, char out[64])
{
    snprintf(out, 64, "%s:%" PRId64, event->producer, event->sequence);
}

/* Said in shared memory before the event is touched; only a successor finds it still said. While one is
 * suspected, others don't take its place. */
void
poison_handling(struct courier *courier, const Wire__Event *event)
{
    struct counters *counters = courier->inherited->counters;
    char key[64];

    name_event(event, key);
    if (strcmp(courier->handling, key) == 0)
        return;
    memcpy(courier->handling, key, sizeof key);
    if (courier->suspect[0] != '\0' && strcmp(courier->suspect, key) != 0)
        return;
    if (strcmp(counters->poison_key, key) == 0) {
        atomic_fetch_add(&counters->poison_count, 1);
        return;
    }
    atomic_store(&counters->poison_count, 1);
    memcpy(counters->poison_key, key, sizeof key);
}

void
poison_note(struct courier *courier)
{
    struct counters *counters = courier->inherited->counters;

    memcpy(courier->suspect, counters->poison_key, sizeof courier->suspect);
    courier->suspect[sizeof courier->suspect - 1] = '\0';
    courier->suspect_count = atomic_load(&counters->poison_count);
    courier->suspect_until = clock_ms() + SUSPECT_MS;
    if (courier->suspect[0] != '\0')
        log_warning("the courier died while it handled %s, %u times so far", courier->suspect,
                    courier->suspect_count);
}

static void
clear_suspicion(struct courier *courier)
{
    courier->suspect[0] = courier->handling[0] = '\0';
    courier->inherited->counters->poison_key[0] = '\0';
    atomic_store(&courier->inherited->counters->poison_count, 0);
}

void
poison_handled(struct courier *courier, const Wire__Event *event)
{
    char key[64];

    name_event(event, key);
    if (courier->suspect[0] == '\0' || strcmp(courier->suspect, key) == 0)
        clear_suspicion(courier);
}

/* While an event is suspected of having killed the courier, its stream goes first, one by one. */
bool
poison_holds_back(struct courier *courier, struct stream *stream, int64_t now)
{
    size_t length = strlen(stream->producer);
    int64_t sequence;

    if (courier->suspect[0] == '\0' || !stream->causal)
        return false;
    if (now >= courier->suspect_until) {
        clear_suspicion(courier);
        return false;
    }
    if (strncmp(courier->suspect, stream->producer, length) != 0 || courier->suspect[length] != ':')
        return true;
    sequence = strtoll(courier->suspect + length + 1, NULL, 10);
    if (stream->cursor.sequence >= sequence)
        clear_suspicion(courier);
    else
        stream->singly_until = sequence;
    return false;
}

bool
poison_is_deadly(const struct courier *courier, const Wire__Event *event)
{
    char key[64];

    name_event(event, key);
    return strcmp(courier->suspect, key) == 0 && courier->suspect_count >= APPLY_ATTEMPTS_MAX;
}
