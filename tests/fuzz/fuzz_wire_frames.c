/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as control frame and topic: what is accepted is written back the same. */
#include "wire_frames.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char topic[TOPIC_BYTES_MAX + 1], kind;
    struct control control;
    uint8_t again[CONTROL_BYTES_MAX];
    topic_split(data, size, topic, &kind);
    if (!control_decode(data, size, &control))
        return 0;
    size_t length =
        control_encode(again, control.command, control.number, control.argument, control.text);
    assert(length == size && memcmp(again, data, size) == 0);
    return 0;
}
