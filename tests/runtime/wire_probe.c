/* SPDX-License-Identifier: Apache-2.0
 * One end of the wire under a test's control: serves, asks, publishes or subscribes as the program it
 * is told to be, and says on stdout what happened, one line each. It must not judge.
 *
 *   wire_probe <program> worker <service.lane> <credit>   stdin: a line to drain
 *       "sleep N" as body makes the handler take N ms, after it has said "sleeps"; the answer is
 *       "<pid> <sender> <body>"
 *   wire_probe <program> asker      stdin: "<service.lane> <remaining ms> <body>"
 *       a body "bytes N" is sent as N bytes of 'x'; says "reply TAG BODY", "unavailable TAG" or
 *       "unsent TAG"; tags count from 1
 *   wire_probe <program> publisher  stdin: "<topic> <kind> <body>"
 *   wire_probe <program> subscriber <topic>...
 *   wire_probe <program> bench <service.lane> <count> <under way>
 * All say "ready" first and end with stdin. */
#include "config.h"
#include "dates.h"
#include "log.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 4096, WAIT_MS = 250, ARENA_BYTES_MAX = 32 << 20 };

struct input {
    char bytes[LINE_BYTES_MAX];
    size_t length;
    bool ended;
};

static void
say(const char *text)
{
    puts(text);
    fflush(stdout);
}

/* One line from stdin that is there, without its end; waiting is the caller's. */
static bool
read_line(struct input *input, char line[LINE_BYTES_MAX])
{
    char *end = memchr(input->bytes, '\n', input->length);
    if (!end && !input->ended) {
        ssize_t got =
            read(STDIN_FILENO, input->bytes + input->length, sizeof input->bytes - input->length);
        input->ended = got == 0;
        input->length += got > 0 ? (size_t)got : 0;
        end = memchr(input->bytes, '\n', input->length);
    }
    if (!end)
        return false;
    size_t length = (size_t)(end - input->bytes);
    memcpy(line, input->bytes, length);
    line[length] = '\0';
    input->length -= length + 1;
    memmove(input->bytes, end + 1, input->length);
    return true;
}

static void
serve_one(struct wire_worker *worker, struct arena *arena, const struct wire_request *request)
{
    char answer[LINE_BYTES_MAX];
    int length;
    char *body = arena_strndup(arena, (const char *)request->body, request->body_bytes);
    if (strncmp(body, "sleep ", 6) == 0) {
        say("sleeps");
        poll(NULL, 0, atoi(body + 6));
    }
    if (request->remaining_ms <= 0)
        say("late");
    if (request->body_bytes > LINE_BYTES_MAX / 2)
        length = snprintf(answer, sizeof answer, "%d %s %zu bytes", (int)getpid(), request->sender,
                          request->body_bytes);
    else
        length = snprintf(answer, sizeof answer, "%d %s %s", (int)getpid(), request->sender, body);
    wire_worker_reply(worker, request, request->header, request->header_bytes,
                      (const uint8_t *)answer, (size_t)length);
}

static void
serve(struct wire *wire, const char *name, int credit)
{
    struct wire_worker *worker = wire_worker_open(wire, name, credit, (unsigned)getpid());
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    struct input input = {0};
    struct wire_request request;
    char line[LINE_BYTES_MAX];
    bool draining = false;
    say("ready");
    while (!input.ended && !(draining && wire_worker_drained(worker))) {
        zmq_pollitem_t typed = {.fd = STDIN_FILENO, .events = ZMQ_POLLIN};
        wire_worker_wait(worker, &typed, 1);
        wire_worker_tick(worker);
        if (typed.revents && read_line(&input, line)) {
            wire_worker_drain(worker);
            draining = true;
        }
        while (wire_worker_receive(worker, arena, &request)) {
            serve_one(worker, arena, &request);
            arena_reset(arena);
        }
    }
    wire_worker_close(worker);
    arena_free(arena);
}

static void
ask_one(struct wire_asker *asker, const char *line, uint64_t tag)
{
    static char large[WIRE_FRAME_BYTES_MAX];
    char service[64], body[LINE_BYTES_MAX] = "", said[64];
    int64_t remaining_ms;
    size_t bytes;
    if (sscanf(line, "%63s %" SCNd64 " %4000[^\n]", service, &remaining_ms, body) < 2)
        return;
    const char *sent = body;
    size_t sent_bytes = strlen(body);
    if (sscanf(body, "bytes %zu", &bytes) == 1 && bytes <= sizeof large) {
        sent = memset(large, 'x', bytes);
        sent_bytes = bytes;
    }
    if (!wire_asker_send(asker, service, tag, remaining_ms, (const uint8_t *)"header", 6,
                         (const uint8_t *)sent, sent_bytes)) {
        snprintf(said, sizeof said, "unsent %" PRIu64, tag);
        say(said);
    }
}

static void
say_reply(struct arena *arena, const struct wire_reply *reply)
{
    if (reply->outcome != WIRE_ANSWERED)
        say(arena_printf(arena, "%s %" PRIu64,
                         reply->outcome == WIRE_LOST        ? "lost"
                         : reply->outcome == WIRE_ELSEWHERE ? "elsewhere"
                                                            : "unavailable",
                         reply->tag));
    else
        say(arena_printf(arena, "reply %" PRIu64 " %.*s", reply->tag, (int)reply->body_bytes,
                         (const char *)reply->body));
}

static void
ask(struct wire *wire)
{
    struct wire_asker *asker = wire_asker_open(wire);
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    struct input input = {0};
    struct wire_reply reply;
    char line[LINE_BYTES_MAX];
    uint64_t tag = 0;
    bool greeted = false;
    while (!input.ended) {
        zmq_pollitem_t items[1 + WIRE_BROKERS_MAX] = {{.fd = STDIN_FILENO, .events = ZMQ_POLLIN}};
        size_t count = wire_asker_items(asker, items + 1, WIRE_BROKERS_MAX);
        zmq_poll(items, 1 + (int)count, greeted ? WAIT_MS : 10);
        while (wire_asker_receive(asker, arena, &reply)) {
            say_reply(arena, &reply);
            arena_reset(arena);
        }
        if (!greeted && (greeted = wire_asker_connected(asker)))
            say("ready");
        if (greeted && items[0].revents)
            while (read_line(&input, line))
                ask_one(asker, line, ++tag);
        arena_reset(arena);
    }
    wire_asker_close(asker);
    arena_free(arena);
}

static void
publish(struct wire *wire)
{
    struct wire_publisher *publisher = wire_publisher_open(wire);
    struct input input = {0};
    char line[LINE_BYTES_MAX], topic[64], kind, body[LINE_BYTES_MAX];
    say("ready");
    while (!input.ended) {
        struct pollfd item = {.fd = STDIN_FILENO, .events = POLLIN};
        poll(&item, 1, WAIT_MS);
        while (read_line(&input, line))
            if (sscanf(line, "%63s %c %4000[^\n]", topic, &kind, body) == 3)
                wire_publish(publisher, topic, kind, (const uint8_t *)body, strlen(body));
    }
    wire_publisher_close(publisher);
}

static void
subscribe(struct wire *wire, const char *const *topics)
{
    struct wire_subscriber *subscriber = wire_subscriber_open(wire, topics);
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    struct input input = {0};
    struct wire_publication publication;
    char line[LINE_BYTES_MAX];
    say("ready");
    while (!input.ended) {
        zmq_pollitem_t items[2] = {{.fd = STDIN_FILENO, .events = ZMQ_POLLIN}};
        zmq_poll(items, 1 + (int)wire_subscriber_items(subscriber, items + 1, 1), WAIT_MS);
        while (wire_subscriber_receive(subscriber, arena, &publication))
            say(arena_printf(arena, "%s %c %.*s", publication.topic, publication.kind,
                             (int)publication.body_bytes, (const char *)publication.body));
        if (items[0].revents)
            read_line(&input, line);
        arena_reset(arena);
    }
    wire_subscriber_close(subscriber);
    arena_free(arena);
}

static void
bench(struct wire *wire, const char *service, long count, long under_way_max)
{
    struct wire_asker *asker = wire_asker_open(wire);
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    struct wire_reply reply;
    long sent = 0, received = 0, unavailable = 0;
    while (!wire_asker_connected(asker))
        poll(NULL, 0, 10);
    int64_t start_ms = clock_ms();
    while (received < count) {
        while (sent < count && sent - received < under_way_max &&
               wire_asker_send(asker, service, (uint64_t)sent, 10000, (const uint8_t *)"header", 6,
                               (const uint8_t *)"body", 4))
            sent++;
        zmq_pollitem_t items[WIRE_BROKERS_MAX];
        zmq_poll(items, (int)wire_asker_items(asker, items, WIRE_BROKERS_MAX), WAIT_MS);
        while (wire_asker_receive(asker, arena, &reply)) {
            received++;
            unavailable += reply.outcome == WIRE_UNAVAILABLE;
            arena_reset(arena);
        }
    }
    int64_t took_ms = clock_ms() - start_ms;
    printf("%ld requests, %ld unavailable, %" PRId64 " ms\n", count, unavailable, took_ms);
    wire_asker_close(asker);
    arena_free(arena);
}

int
main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    config_load();
    log_open(argv[1], argv[2], config.log_level);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    struct wire *wire = wire_open(argv[1]);
    if (strcmp(argv[2], "worker") == 0 && argc == 5)
        serve(wire, argv[3], atoi(argv[4]));
    else if (strcmp(argv[2], "asker") == 0)
        ask(wire);
    else if (strcmp(argv[2], "publisher") == 0)
        publish(wire);
    else if (strcmp(argv[2], "subscriber") == 0)
        subscribe(wire, (const char *const *)argv + 3);
    else if (strcmp(argv[2], "bench") == 0 && argc == 6)
        bench(wire, argv[3], atol(argv[4]), atol(argv[5]));
    wire_close(wire);
    return EXIT_SUCCESS;
}
