/* SPDX-License-Identifier: Apache-2.0
 * Events for the tests of events and streams; in the arena of the fixtures. */
#ifndef ESCARCELLE_EVENT_SAMPLES_H
#define ESCARCELLE_EVENT_SAMPLES_H

#include "events.h"
#include "fixtures.h"

enum { EVENTS = 10 };

/* A copy, as a protobuf field. */
ProtobufCBinaryData bytes(const void *data, size_t length);
/* A message as it travels. */
ProtobufCBinaryData packed(const ProtobufCMessage *message);
/* A stream's events 1..EVENTS of epoch 1, chained; applied, or one of it, may be NULL. */
void make_chain(Wire__Event *events, const char *producer, const char *const *applied);

#endif
