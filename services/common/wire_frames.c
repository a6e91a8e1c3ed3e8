/* SPDX-License-Identifier: Apache-2.0
 * Encodes, decodes and receives frames; knows no peer and keeps nothing. */
#include "wire_frames.h"

#include <assert.h>
#include <string.h>

static const uint8_t magic[4] = {'E', 'S', 'C', '1'};

static void
put_number(uint8_t *out, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
}

static uint64_t
get_number(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++)
        number = number << 8 | bytes[i];
    return number;
}

size_t
control_encode(uint8_t *out, enum command command, uint64_t number, uint32_t argument,
               const char *text)
{
    size_t length = CONTROL_HEAD_BYTES;
    memcpy(out, magic, sizeof magic);
    out[4] = (uint8_t)command;
    put_number(out + 5, number, 8);
    put_number(out + 13, argument, 4);
    for (const char *rest = text ? text : ""; *rest != '\0'; rest++) {
        assert(length < CONTROL_BYTES_MAX);
        out[length++] = (uint8_t)*rest;
    }
    return length;
}

static bool
known_command(uint8_t byte)
{
    return (byte >= COMMAND_REQUEST && byte <= COMMAND_LOST) ||
           (byte >= COMMAND_READY && byte <= COMMAND_LEAVE);
}

bool
control_decode(const void *bytes, size_t length, struct control *control)
{
    const uint8_t *in = bytes;
    if (length < CONTROL_HEAD_BYTES || length > CONTROL_BYTES_MAX)
        return false;
    if (memcmp(in, magic, sizeof magic) != 0 || !known_command(in[4]))
        return false;
    size_t text_bytes = length - CONTROL_HEAD_BYTES;
    for (size_t i = 0; i < text_bytes; i++)
        if (in[CONTROL_HEAD_BYTES + i] < ' ' || in[CONTROL_HEAD_BYTES + i] > '~')
            return false;
    control->command = (enum command)in[4];
    control->number = get_number(in + 5, 8);
    control->argument = (uint32_t)get_number(in + 13, 4);
    memcpy(control->text, in + CONTROL_HEAD_BYTES, text_bytes);
    control->text[text_bytes] = '\0';
    return true;
}

uint64_t
stay_number(uint32_t registration, uint32_t count)
{
    return (uint64_t)registration << 32 | count;
}

uint32_t
stay_registration(uint64_t number)
{
    return (uint32_t)(number >> 32);
}

uint32_t
stay_count(uint64_t number)
{
    return (uint32_t)number;
}

bool
topic_split(const void *bytes, size_t length, char topic[TOPIC_BYTES_MAX + 1], char *kind)
{
    const char *text = bytes;
    if (length < 3 || length > TOPIC_BYTES_MAX + 2 || text[length - 2] != ':')
        return false;
    *kind = text[length - 1];
    size_t topic_bytes = length - 2;
    for (size_t i = 0; i < topic_bytes; i++)
        if (text[i] < 'a' || text[i] > 'z')
            return false;
    memcpy(topic, text, topic_bytes);
    topic[topic_bytes] = '\0';
    return *kind == 'E' || *kind == 'H';
}

bool
frames_receive(void *socket, struct frames *frames)
{
    frames->kept = frames->count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        /* Only the first frame can be missing: ZeroMQ delivers whole messages. */
        if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&frame);
            frames_close(frames);
            return false;
        }
        more = zmq_msg_more(&frame) != 0;
        frames->count++;
        if (frames->kept < FRAMES_MAX) {
            zmq_msg_t *kept = &frames->frames[frames->kept++];
            zmq_msg_init(kept);
            zmq_msg_move(kept, &frame);
        }
        zmq_msg_close(&frame);
    }
    return true;
}

void
frames_close(struct frames *frames)
{
    for (size_t i = 0; i < frames->kept; i++)
        zmq_msg_close(&frames->frames[i]);
    frames->kept = 0;
}

const char *
frames_sender(struct frames *frames)
{
    /* The last frame: a ROUTER's first one is its own. */
    if (frames->kept == 0)
        return "";
    const char *sender = zmq_msg_gets(&frames->frames[frames->kept - 1], "User-Id");
    return sender ? sender : "";
}
