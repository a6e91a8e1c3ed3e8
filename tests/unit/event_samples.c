/* SPDX-License-Identifier: Apache-2.0
 * Events for the tests of events and streams. */
#include "event_samples.h"

ProtobufCBinaryData
bytes(const void *data, size_t length)
{
    return (ProtobufCBinaryData){.len = length, .data = arena_memdup(arena, data, length)};
}

ProtobufCBinaryData
packed(const ProtobufCMessage *message)
{
    ProtobufCBinaryData out = {
        .data = arena_alloc(arena, protobuf_c_message_get_packed_size(message) + 1)};

    out.len = protobuf_c_message_pack(message, out.data);
    return out;
}

void
make_chain(Wire__Event *events, const char *producer, const char *const *applied)
{
    uint8_t hash[32] = {0};

    for (int i = 0; i < EVENTS; i++) {
        Wire__Event *event = &events[i];

        wire__event__init(event);
        event->producer = (char *)producer;
        SET(event, epoch, 1);
        SET(event, sequence, i + 1);
        event->event_id = (char *)"0193a0b4-0000-7000-8000-000000000002";
        event->type = (char *)"accounts.ClientCreated";
        event->occurred_at = (char *)"2026-11-22T18:19:00.123456Z";
        event->applied = (char *)(applied == NULL || applied[i] == NULL ? "" : applied[i]);
        SET(event, actor, bytes("", 0));
        SET(event, payload, bytes("payload", 7));
        SET(event, previous_hash, bytes(hash, sizeof hash));
        events_hash(event, hash);
        SET(event, hash, bytes(hash, sizeof hash));
    }
}
