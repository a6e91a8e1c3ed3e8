/* SPDX-License-Identifier: Apache-2.0
 * Addresses, keys and limits of the sockets between programs and brokers. */
#include "wire_doors.h"

#include "config.h"
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HANDSHAKE_MS = 5000,
    HEARTBEAT_MS = 2000,
    HEARTBEAT_LOST_MS = 6000,
    RECONNECT_MS = 50,
    RECONNECT_MS_MAX = 400,
    FRAME_OVERHEAD_BYTES = 256, /* CURVE's nonce and box, the control frame */
    SUBSCRIPTION_BYTES_MAX =
        4096, /* or the greeting of who subscribes; a PUB takes in nothing else */
};

static const char *const suffixes[] = {"-clients", "-workers", "-publish", "-subscribe"};

static bool
ipc_address(const char *base, enum door door, char out[ADDRESS_BYTES_MAX])
{
    int length = snprintf(out, ADDRESS_BYTES_MAX, "%s%s", base, suffixes[door]);
    return length > 0 && length <= (int)strlen("ipc://") + IPC_PATH_BYTES_MAX;
}

static bool
tcp_address(const char *base, enum door door, char out[ADDRESS_BYTES_MAX])
{
    const char *colon = strrchr(base, ':');
    char *end;
    long port = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port < 1 || port > 65535 - (long)door)
        return false;
    int length =
        snprintf(out, ADDRESS_BYTES_MAX, "%.*s:%ld", (int)(colon - base), base, port + (long)door);
    return length > 0 && length < ADDRESS_BYTES_MAX;
}

bool
door_address(const char *base, enum door door, char out[ADDRESS_BYTES_MAX])
{
    if (strncmp(base, "ipc://", 6) == 0 && base[6] != '\0')
        return ipc_address(base, door, out);
    if (strncmp(base, "tcp://", 6) == 0)
        return tcp_address(base, door, out);
    return false;
}

bool
key_read_file(const char *path, char out[KEY_TEXT_BYTES])
{
    uint8_t key[32];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t length = read(file, out, KEY_TEXT_BYTES - 1);
    close(file);
    out[KEY_TEXT_BYTES - 1] = '\0';
    errno = EINVAL;
    bool valid = length == KEY_TEXT_BYTES - 1 && strlen(out) == KEY_TEXT_BYTES - 1 &&
                 zmq_z85_decode(key, out);
    memset(key, 0, sizeof key);
    return valid;
}

static void
read_key(const char *program, const char *kind, char out[KEY_TEXT_BYTES])
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s.%s", config.keys_dir, program, kind);
    if (!key_read_file(path, out))
        fatal("ESCARCELLE_KEYS_DIR: cannot read a CURVE key from %s: %s", path, strerror(errno));
}

void
key_read_public(const char *program, char out[KEY_TEXT_BYTES])
{
    read_key(program, "public", out);
}

void
key_read_pair(const char *program, struct key_pair *keys)
{
    read_key(program, "public", keys->public_key);
    read_key(program, "secret", keys->secret_key);
}

static void
set_number(void *socket, int option, int value)
{
    int failed = zmq_setsockopt(socket, option, &value, sizeof value);
    assert(!failed);
}

static int
type_of(void *socket)
{
    int type;
    size_t size = sizeof type;
    int failed = zmq_getsockopt(socket, ZMQ_TYPE, &type, &size);
    assert(!failed);
    return type;
}

void
door_limit(void *socket, const char *address)
{
    int type = type_of(socket);
    int64_t message_bytes_max =
        type == ZMQ_PUB ? SUBSCRIPTION_BYTES_MAX : WIRE_FRAME_BYTES_MAX + FRAME_OVERHEAD_BYTES;
    int messages_max =
        type == ZMQ_PUB || type == ZMQ_SUB ? DOOR_PUBLICATIONS_MAX : DOOR_MESSAGES_MAX;
    int failed =
        zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof message_bytes_max);
    assert(!failed);
    set_number(socket, ZMQ_LINGER, 0);
    set_number(socket, ZMQ_SNDHWM, messages_max);
    set_number(socket, ZMQ_RCVHWM, messages_max);
    set_number(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    set_number(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_number(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX);
    /* On one host the kernel says at once that a peer is gone; pings would only keep it awake. */
    if (strncmp(address, "tcp://", 6) != 0)
        return;
    set_number(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_number(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_LOST_MS);
    set_number(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_LOST_MS);
}
