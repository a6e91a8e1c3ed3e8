/* SPDX-License-Identifier: Apache-2.0
 * The places in other streams that an event names: read, and compared with how far its consumer has come. Pure: see
 * event_stream.h. */
#include "event_stream.h"

#include <string.h>

static bool
read_number(const char **text, char end, int64_t *number)
{
    const char *digit = *text;

    *number = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, *digit - '0', number))
            return false;
    if (digit == *text || (*digit != end && !(end == ',' && *digit == '\0')))
        return false;
    *text = digit + (*digit != '\0');
    return true;
}

bool
applied_next(const char **text, struct applied *place)
{
    const char *at = *text;
    const char *colon = strchr(at, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - at);

    if (length == 0 || length >= sizeof place->producer)
        return false;
    memcpy(place->producer, at, length);
    place->producer[length] = '\0';
    at = colon + 1;
    if (!read_number(&at, ':', &place->epoch) || !read_number(&at, ',', &place->sequence))
        return false;
    *text = at;
    return true;
}

bool
stream_epoch_end(const struct stream *stream, int64_t epoch, int64_t *end)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < stream->epochs_count; i++)
        if (stream->epochs[i].epoch > epoch && stream->epochs[i].first < first)
            first = stream->epochs[i].first;
    *end = first - 1;
    return first != INT64_MAX;
}

/* Where the epoch of the place is over, its end will do: what was beyond never comes. Until the producer has named
 * its epochs, a place of an older one than the cursor's is waited for. */
bool
stream_reached(const struct stream *stream, const struct applied *place)
{
    const struct place *cursor = &stream->cursor;
    int64_t end;

    if (place->epoch == cursor->epoch && place->sequence <= cursor->sequence)
        return true;
    if (!stream_epoch_end(stream, place->epoch, &end))
        return false;
    return cursor->sequence >= (place->sequence < end ? place->sequence : end);
}

static const struct stream *
find_stream(const char *consumer, const char *producer, const struct stream *streams, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(streams[i].producer, producer) == 0 &&
            strcmp(streams[i].consumer, consumer) == 0)
            return &streams[i];
    return NULL;
}

/* The first place an event names that its consumer has not come to; streams not followed don't count. */
bool
stream_must_wait(const char *consumer, const Wire__Event *event, const struct stream *streams,
                 size_t count, struct applied *place)
{
    const char *text = event->applied == NULL ? "" : event->applied;

    while (applied_next(&text, place)) {
        const struct stream *stream = find_stream(consumer, place->producer, streams, count);

        if (stream != NULL && !stream_reached(stream, place))
            return true;
    }
    return false;
}

bool
stream_names_lost(const char *consumer, const Wire__Event *event, const struct stream *streams,
                  size_t count, struct applied *place)
{
    const char *text = event->applied == NULL ? "" : event->applied;
    int64_t end;

    while (applied_next(&text, place)) {
        const struct stream *stream = find_stream(consumer, place->producer, streams, count);

        if (stream != NULL && stream_epoch_end(stream, place->epoch, &end) && place->sequence > end)
            return true;
    }
    return false;
}
