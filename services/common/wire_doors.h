/* SPDX-License-Identifier: Apache-2.0
 * What both ends of a connection to a broker must agree on: addresses, keys, limits of sockets. */
#ifndef ESCARCELLE_WIRE_DOORS_H
#define ESCARCELLE_WIRE_DOORS_H

#include "wire.h"

enum door { DOOR_CLIENTS, DOOR_WORKERS, DOOR_PUBLISH, DOOR_SUBSCRIBE };

enum {
    ADDRESS_BYTES_MAX = 256,
    IPC_PATH_BYTES_MAX = 107, /* sun_path */
    KEY_TEXT_BYTES = 41,      /* Z85 of 32 bytes, NUL */
    DOOR_MESSAGES_MAX = 10000,
    DOOR_PUBLICATIONS_MAX =
        500, /* each may hold a page of events; what is lost beyond them is asked for */
};

struct key_pair {
    char public_key[KEY_TEXT_BYTES], secret_key[KEY_TEXT_BYTES];
};

/* The address of one of the broker's four sockets: "ipc:///run/broker-1" gives
 * "ipc:///run/broker-1-workers", "tcp://host:7000" gives port 7001. False when malformed or too
 * long. */
bool door_address(const char *base, enum door door, char out[ADDRESS_BYTES_MAX]);

/* Z85 text of one key; false with errno when there is none. */
bool key_read_file(const char *path, char out[KEY_TEXT_BYTES]);
/* `<keys_dir>/<program>.public`, Z85; fatal when unreadable. */
void key_read_public(const char *program, char out[KEY_TEXT_BYTES]);
/* Both halves; fatal when unreadable. */
void key_read_pair(const char *program, struct key_pair *keys);

/* Limits, by the type of the socket, and time-outs, before bind or connect. */
void door_limit(void *socket, const char *address);

/* ---- for wire_*.c: a process's end. */
struct wire {
    void *context;
    const char *program;
    struct key_pair keys;
    char broker_key[KEY_TEXT_BYTES];
    char brokers[WIRE_BROKERS_MAX][ADDRESS_BYTES_MAX];
    size_t brokers_count;
    struct wire_asker *askers; /* open ones, linked, so that an idle worker keeps them fresh */
};

/* A socket with this program's keys, not connected; dies when out of descriptors. */
void *wire_socket(struct wire *wire, int type);
/* Connects to one broker. */
void wire_connect(struct wire *wire, void *socket, size_t broker, enum door door);
/* [control][header][body] without waiting; header NULL: control alone. False: nothing was sent. */
bool wire_send(void *socket, const uint8_t *control, size_t control_bytes, const uint8_t *header,
               size_t header_bytes, const uint8_t *body, size_t body_bytes);
/* What to wait for on a socket. `drained`: it was read until nothing was there, and nothing was sent or asked of it
 * since; then its descriptor tells all that is new. */
zmq_pollitem_t wire_item(void *socket, bool drained);
/* ZMQ_POLLIN and ZMQ_POLLOUT; with ZMQ_IMMEDIATE the latter means "connected". */
int wire_state(void *socket);
/* How often to ask a broker for a sign of life. With only one there is nowhere to move to, a lost
 * connection is seen without asking, and an idle process sleeps better. */
int64_t wire_beat_ms(const struct wire *wire);
/* Pings due brokers and takes in what they say; replies that nobody waits for are dropped. */
void wire_asker_refresh(struct wire *wire);

#endif
