/* SPDX-License-Identifier: Apache-2.0
 * Any text as an event's `applied`: read to its end exactly where another reading of its grammar takes it, and the
 * same when its places are written again; an event waits for the first place that its consumer has not come to. */
#include "event_stream.h"

#include "input.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES_MAX = 64, STREAMS = 2 };

static bool
is_number(const char *text, size_t length)
{
    static const char largest[] = "9223372036854775807";

    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    for (; length > 1 && *text == '0'; text++)
        length--;
    return length > 0 && (length < 19 || (length == 19 && strncmp(text, largest, 19) <= 0));
}

/* "producer:epoch:sequence", of this many bytes. */
static bool
is_place(const char *text, size_t length)
{
    const char *epoch = memchr(text, ':', length);
    const char *end = text + length;
    const char *sequence = epoch == NULL ? NULL : memchr(epoch + 1, ':', (size_t)(end - epoch - 1));

    return sequence != NULL && epoch > text && epoch - text < 32 &&
           is_number(epoch + 1, (size_t)(sequence - epoch - 1)) &&
           is_number(sequence + 1, (size_t)(end - sequence - 1));
}

/* Places with a comma behind each; behind the last one it may be missing. */
static bool
is_well_formed(const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, ",");

        /* A producer's name is not looked into. */
        for (const char *comma = text + length; *comma == ',' && !is_place(text, length);)
            length = (size_t)((comma = comma + 1 + strcspn(comma + 1, ",")) - text);
        if (!is_place(text, length))
            return false;
        text += length + (text[length] == ',');
    }
    return true;
}

static size_t
read_places(const char *text, struct applied *places, bool *whole)
{
    size_t count = 0;

    while (count < PLACES_MAX && applied_next(&text, &places[count]))
        count++;
    *whole = *text == '\0';
    return count;
}

static void
check_written(struct arena *arena, const struct applied *places, size_t count)
{
    struct applied again[PLACES_MAX];
    struct buffer text;
    bool whole;

    buffer_init(&text, arena);
    buffer_text(&text, "");
    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%s%s:%" PRId64 ":%" PRId64, i == 0 ? "" : ",", places[i].producer,
                      places[i].epoch, places[i].sequence);
    assert(read_places(text.bytes, again, &whole) == count && whole);
    for (size_t i = 0; i < count; i++) {
        input_expect_same(again[i].producer, places[i].producer);
        assert(again[i].epoch == places[i].epoch && again[i].sequence == places[i].sequence);
    }
}

/* A stream somewhere in its epochs, which the producer has named or not. */
static struct stream
read_stream(struct input *input, const char *producer)
{
    struct stream stream = {.consumer = EVENTS_MAIN, .producer = producer};

    stream.cursor.epoch = input_byte(input) % 4;
    stream.cursor.sequence = input_byte(input);
    stream.epochs_count = input_byte(input) % 4;
    for (size_t i = 0; i < stream.epochs_count; i++)
        stream.epochs[i] = (struct epoch_start){input_byte(input) % 5, input_byte(input)};
    return stream;
}

static bool
is_reached(const struct stream *streams, const struct applied *place)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (strcmp(streams[i].producer, place->producer) == 0)
            return stream_reached(&streams[i], place);
    return true;
}

static void
check_waiting(char *text, const struct stream *streams, const struct applied *places, size_t count)
{
    Wire__Event event = WIRE__EVENT__INIT;
    struct applied place;
    size_t first = 0;

    event.applied = text;
    while (first < count && is_reached(streams, &places[first]))
        first++;
    assert(stream_must_wait(EVENTS_MAIN, &event, streams, STREAMS, &place) == (first < count));
    if (first < count) {
        input_expect_same(place.producer, places[first].producer);
        assert(place.epoch == places[first].epoch && place.sequence == places[first].sequence);
    }
    if (stream_names_lost(EVENTS_MAIN, &event, streams, STREAMS, &place)) {
        for (first = 0; first < count && strcmp(places[first].producer, place.producer) != 0;)
            first++;
        assert(first < count);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    struct stream streams[STREAMS] = {read_stream(&input, "accounts"),
                                      read_stream(&input, "funding")};
    char *text = input_text(&input, arena);
    struct applied places[PLACES_MAX];
    bool whole;
    size_t count = read_places(text, places, &whole);

    if (count == PLACES_MAX)
        return 0;
    assert(whole == is_well_formed(text));
    check_written(arena, places, count);
    check_waiting(text, streams, places, count);
    return 0;
}
