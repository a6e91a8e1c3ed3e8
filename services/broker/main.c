/* SPDX-License-Identifier: Apache-2.0
 * The broker's program: one loop over four sockets and the ZAP handler. It keeps nothing that would
 * be missed after a restart. */
#include "config.h"
#include "dates.h"
#include "events.h"
#include "keys.h"
#include "log.h"
#include "parent.h"
#include "requests.h"
#include "wire_doors.h"
#include "zap.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOORS = 4, STOP_MS = 8000, FAREWELL_MS = 200 };

struct broker {
    void *context;
    void *doors[DOORS];
    struct zap *zap;
    struct requests *requests;
    struct refusals refusals;
    bool published_out; /* no publication waits */
};

static const char usage[] =
    "usage: broker [--help | --config | --keys FOLDER]\n"
    "Forwards requests, replies and events between the programs of Escarcelle.\n"
    "  --keys FOLDER  makes the missing key pairs of all programs there\n"
    "  --config       prints the configuration\n\n";

static void
set_number(void *socket, int option, int value)
{
    int failed = zmq_setsockopt(socket, option, &value, sizeof value);
    assert(!failed);
}

static void *
open_door(void *context, enum door door, int type, const struct key_pair *keys)
{
    char address[ADDRESS_BYTES_MAX];
    if (!door_address(config.bind, door, address))
        fatal("ESCARCELLE_BIND: \"%s\" is no ipc:// or tcp:// address, or is too long",
              config.bind);
    void *socket = zmq_socket(context, type);
    if (!socket)
        fatal("no ZeroMQ socket: %s", zmq_strerror(errno));
    door_limit(socket, address);
    set_number(socket, ZMQ_CURVE_SERVER, 1);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, KEY_TEXT_BYTES - 1);
    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN));
    if (type == ZMQ_ROUTER)
        set_number(socket, ZMQ_ROUTER_MANDATORY, 1);
    if (type == ZMQ_SUB)
        zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    if (zmq_bind(socket, address) != 0)
        fatal("cannot listen on %s: %s", address, zmq_strerror(errno));
    return socket;
}

static void
open_broker(struct broker *broker, struct counters *counters)
{
    static const int types[DOORS] = {
        [DOOR_CLIENTS] = ZMQ_ROUTER,
        [DOOR_WORKERS] = ZMQ_ROUTER,
        [DOOR_PUBLISH] = ZMQ_SUB,
        [DOOR_SUBSCRIBE] = ZMQ_PUB,
    };
    struct key_pair keys;
    key_read_pair("broker", &keys);
    broker->context = zmq_ctx_new();
    if (!broker->context)
        fatal("no ZeroMQ context: %s", zmq_strerror(errno));
    broker->zap = zap_open(broker->context, &broker->refusals);
    for (int i = 0; i < DOORS; i++)
        broker->doors[i] = open_door(broker->context, (enum door)i, types[i], &keys);
    broker->requests = requests_open(broker->doors[DOOR_CLIENTS], broker->doors[DOOR_WORKERS],
                                     &broker->refusals, counters);
    explicit_bzero(&keys, sizeof keys);
}

static void
close_broker(struct broker *broker)
{
    requests_close(broker->requests);
    for (int i = 0; i < DOORS; i++) {
        set_number(broker->doors[i], ZMQ_LINGER, FAREWELL_MS);
        zmq_close(broker->doors[i]);
    }
    zap_close(broker->zap);
    while (zmq_ctx_term(broker->context) != 0 && errno == EINTR)
        ;
}

static void
turn(struct broker *broker, long timeout_ms)
{
    zmq_pollitem_t items[] = {
        wire_item(broker->doors[DOOR_CLIENTS], false),
        wire_item(broker->doors[DOOR_WORKERS], false),
        wire_item(broker->doors[DOOR_PUBLISH], broker->published_out),
        wire_item(zap_socket(broker->zap), true),
    };
    if (wire_wait(items, 4, timeout_ms) <= 0)
        return;
    if (items[1].revents)
        requests_from_workers(broker->requests);
    if (items[0].revents)
        requests_from_clients(broker->requests);
    if (items[2].revents)
        broker->published_out = events_forward(broker->doors[DOOR_PUBLISH],
                                               broker->doors[DOOR_SUBSCRIBE], &broker->refusals);
    if (items[3].revents)
        zap_answer(broker->zap);
}

/* What is not read, or not taken by its asker, is lost when the connection ends. So the broker goes only
 * when its askers have heard that it stops, send no more and have had time to read the last reply. */
static void
stop(struct broker *broker)
{
    int64_t end_ms = clock_ms() + STOP_MS, heard_ms = clock_ms() + FAREWELL_MS;
    requests_stop(broker->requests);
    while (clock_ms() < end_ms && (requests_busy(broker->requests) || clock_ms() < heard_ms ||
                                   requests_quiet_ms(broker->requests) < FAREWELL_MS)) {
        long due_ms = requests_tick(broker->requests);
        turn(broker, due_ms < FAREWELL_MS / 4 ? due_ms : FAREWELL_MS / 4);
    }
}

static int
run_child(const char *role, const struct inherited *inherited, const void *state)
{
    struct broker broker = {0};
    (void)role, (void)state;
    open_broker(&broker, inherited->counters);
    log_info("listening on %s", config.bind);
    while (!stopping)
        turn(&broker, requests_tick(broker.requests));
    stop(&broker);
    close_broker(&broker);
    return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    static const struct parent_child children[] = {{"broker", 1}, {NULL, 0}};
    if (argc == 3 && strcmp(argv[1], "--keys") == 0)
        return keys_create(argv[2]) ? EXIT_SUCCESS : EXIT_FAILURE;
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    bool print = argc == 2 && strcmp(argv[1], "--config") == 0;
    if (argc != 1 && !help && !print) {
        fputs(usage, stderr);
        return 2;
    }
    if (help)
        fputs(usage, stdout);
    config_load();
    if (help || print) {
        config_print();
        return EXIT_SUCCESS;
    }
    log_open("broker", "parent", config.log_level);
    return parent_run("broker", argv, children, -1, run_child, NULL);
}
