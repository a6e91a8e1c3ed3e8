/* SPDX-License-Identifier: Apache-2.0
 * A fixed table of connections, and beside it one of the addresses that they come from. A connection is
 * ended by shutting its socket down: the library sees the end and closes it. */
#include "connections.h"

#include "dates.h"
#include "log.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    SWEEP_PERIOD_MS = 1000,
    SPARE_SHARE = 16, /* of the table is kept free, so that whoever is new is served at once */
    ORIGIN_LISTS = 1024
};

static const int64_t phase_ms_max[] = {
    [PHASE_GREETING] = GREETING_MS_MAX, [PHASE_HEADER] = HEADER_MS_MAX, [PHASE_BODY] = BODY_MS_MAX,
    [PHASE_SERVICE] = REPLY_MS_MAX,     [PHASE_REPLY] = REPLY_MS_MAX,
};

struct connection {
    struct connections *home;
    struct connection *next_free;
    bool open, ended;
    int descriptor;
    enum phase phase;
    int64_t since_ms;
    struct origin *origin;
    char address[INET6_ADDRSTRLEN];
};

struct connections {
    size_t max, count, greetings; /* open and not ended; of them, without a request so far */
    int64_t swept_ms;
    struct connection *free, table[CONNECTIONS_MAX];
    struct origin *origins_free, origins[CONNECTIONS_MAX], *lists[ORIGIN_LISTS];
};

struct connections *
connections_new(size_t max)
{
    assert(max <= CONNECTIONS_MAX);
    struct connections *connections = calloc(1, sizeof *connections);
    if (connections == NULL)
        fatal("no memory for the connections");
    connections->max = max;
    for (size_t i = CONNECTIONS_MAX; i-- > 0;) {
        connections->table[i].next_free = connections->free;
        connections->free = &connections->table[i];
        connections->origins[i].next = connections->origins_free;
        connections->origins_free = &connections->origins[i];
    }
    return connections;
}

void
connections_free(struct connections *connections)
{
    free(connections);
}

/* ---- where they come from */

static void
read_address(const struct sockaddr *peer, char text[INET6_ADDRSTRLEN], uint8_t key[ORIGIN_BYTES])
{
    memset(key, 0, ORIGIN_BYTES);
    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;
        inet_ntop(AF_INET, &in->sin_addr, text, INET6_ADDRSTRLEN);
        memcpy(key, &in->sin_addr, sizeof in->sin_addr);
        return;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)peer;
    if (peer->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
        memcpy(key, &in6->sin6_addr.s6_addr[12], sizeof(struct in_addr));
    } else if (peer->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, text, INET6_ADDRSTRLEN);
        memcpy(key, &in6->sin6_addr, ORIGIN_BYTES); /* whoever has one of a /64 has all of it */
    }
}

static struct origin **
list_of(struct connections *connections, const uint8_t key[ORIGIN_BYTES])
{
    uint64_t number;
    static_assert(sizeof number == ORIGIN_BYTES, "a key is a number");
    memcpy(&number, key, sizeof number);
    return &connections->lists[number * 0x9e3779b97f4a7c15u >> 54];
}

static struct origin *
enter_origin(struct connections *connections, const uint8_t key[ORIGIN_BYTES])
{
    struct origin **list = list_of(connections, key), *origin = *list;
    while (origin != NULL && memcmp(origin->key, key, ORIGIN_BYTES) != 0)
        origin = origin->next;
    if (origin == NULL) {
        origin = connections->origins_free;
        assert(origin != NULL); /* there are as many as connections */
        connections->origins_free = origin->next;
        memset(origin, 0, sizeof *origin);
        memcpy(origin->key, key, ORIGIN_BYTES);
        origin->next = *list;
        *list = origin;
    }
    origin->connections++;
    return origin;
}

static void
leave_origin(struct connections *connections, struct origin *origin)
{
    struct origin **place = list_of(connections, origin->key);
    if (--origin->connections > 0)
        return;
    assert(origin->in_flight == 0);
    while (*place != origin)
        place = &(*place)->next;
    *place = origin->next;
    origin->next = connections->origins_free;
    connections->origins_free = origin;
}

/* ---- too many */

static void
discount(struct connections *connections, const struct connection *connection)
{
    if (connection->ended)
        return;
    connections->count--;
    connections->greetings -= connection->phase == PHASE_GREETING;
}

static void
end(struct connections *connections, struct connection *connection)
{
    (void)shutdown(connection->descriptor, SHUT_RDWR);
    discount(connections, connection);
    connection->ended = true;
}

static bool
goes_before(const struct connection *one, const struct connection *other)
{
    if (other == NULL || one->origin->connections != other->origin->connections)
        return other == NULL || one->origin->connections > other->origin->connections;
    return one->since_ms < other->since_ms;
}

static void
make_room(struct connections *connections, bool among_greetings)
{
    struct connection *victim = NULL;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &connections->table[i];
        bool eligible = among_greetings ? connection->phase == PHASE_GREETING
                                        : connection->phase != PHASE_SERVICE;
        if (connection->open && !connection->ended && eligible && goes_before(connection, victim))
            victim = connection;
    }
    if (victim != NULL)
        end(connections, victim);
}

struct connection *
connections_enter(struct connections *connections, const struct sockaddr *peer, int descriptor)
{
    uint8_t key[ORIGIN_BYTES];
    if (connections->count >= connections->max - connections->max / SPARE_SHARE)
        make_room(connections, false);
    if (connections->greetings >= GREETINGS_MAX)
        make_room(connections, true);
    struct connection *connection = connections->free;
    assert(connection != NULL); /* there are as many as the library admits */
    connections->free = connection->next_free;
    memset(connection, 0, sizeof *connection);
    connection->home = connections;
    connection->open = true;
    connection->descriptor = descriptor;
    read_address(peer, connection->address, key);
    connection->origin = enter_origin(connections, key);
    connection->phase = PHASE_GREETING;
    connection->since_ms = clock_ms();
    connections->count++;
    connections->greetings++;
    return connection;
}

void
connections_leave(struct connections *connections, struct connection *connection)
{
    leave_origin(connections, connection->origin);
    discount(connections, connection);
    connection->open = false;
    connection->next_free = connections->free;
    connections->free = connection;
}

void
connection_enter_phase(struct connection *connection, enum phase phase)
{
    if (connection->phase == PHASE_GREETING && !connection->ended)
        connection->home->greetings--;
    connection->phase = phase;
    connection->since_ms = clock_ms();
}

const char *
connection_address(const struct connection *connection)
{
    return connection->address;
}

struct origin *
connection_origin(const struct connection *connection)
{
    return connection->origin;
}

/* ---- with time */

void
connections_sweep(struct connections *connections)
{
    int64_t now_ms = clock_ms();
    if (now_ms - connections->swept_ms < SWEEP_PERIOD_MS)
        return;
    connections->swept_ms = now_ms;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &connections->table[i];
        if (connection->open && now_ms - connection->since_ms > phase_ms_max[connection->phase])
            end(connections, connection);
    }
}

static bool
wants_answer(const struct connection *connection)
{
    int bytes = 0;
    if (!connection->open || connection->ended)
        return false;
    if (connection->phase == PHASE_GREETING)
        return true;
    return connection->phase == PHASE_HEADER &&
           ioctl(connection->descriptor, FIONREAD, &bytes) == 0 && bytes > 0;
}

bool
connections_want_answers(const struct connections *connections)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (wants_answer(&connections->table[i]))
            return true;
    return false;
}

void
connections_cut(struct connections *connections)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (connections->table[i].open)
            end(connections, &connections->table[i]);
}
