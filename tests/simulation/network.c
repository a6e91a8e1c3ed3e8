/* SPDX-License-Identifier: Apache-2.0
 * wire.h in the simulation: publications and answers come late, doubled, in another order, or not at all. */
#include "simulation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES_MAX = 4096, DELAY_MS_MAX = 40, LATE_MS_MAX = 3000, TOPICS_MAX = 16 };

enum message_kind { PUBLICATION, QUESTION, ANSWER };

struct message {
    enum message_kind kind;
    int64_t due_ms;
    uint64_t generation, tag;
    struct host *host; /* who gets it; of a question, who asked */
    char topic[32], publication;
    uint8_t *bytes;
    size_t length;
};

struct wire_subscriber {
    struct host *host;
};
struct wire_asker {
    struct host *host;
};

static struct message messages[MESSAGES_MAX];
static size_t messages_count;
int64_t network_fails_until_ms;
bool network_kind;

void
network_reset(void)
{
    while (messages_count > 0)
        free(messages[--messages_count].bytes);
}

static void
send(struct message message, const uint8_t *bytes, size_t length)
{
    int64_t delay = once_in(50) ? chance(LATE_MS_MAX) : chance(DELAY_MS_MAX);

    if (messages_count == MESSAGES_MAX ||
        (!network_kind && (now_ms() < network_fails_until_ms || once_in(40))))
        return;
    message.due_ms = now_ms() + delay;
    message.bytes = malloc(length + 1);
    memcpy(message.bytes, bytes, length);
    message.length = length;
    messages[messages_count++] = message;
}

static struct message
take(size_t i)
{
    struct message message = messages[i];

    messages[i] = messages[--messages_count];
    return message;
}

/* What has arrived for a courier: whichever, so that nothing keeps its order. */
static bool
receive(struct host *host, enum message_kind kind, struct message *message)
{
    size_t found = 0;

    for (size_t i = 0; i < messages_count; i++)
        if (messages[i].kind == kind && messages[i].host == host &&
            messages[i].due_ms <= now_ms() && messages[i].generation == host->generation &&
            chance((uint32_t)++found) == 0)
            *message = messages[i];
    if (found == 0)
        return false;
    for (size_t i = 0; i < messages_count; i++)
        if (messages[i].bytes == message->bytes)
            take(i);
    return true;
}

bool
network_has_for(const struct host *host, bool asking)
{
    for (size_t i = 0; i < messages_count; i++)
        if (messages[i].host == host &&
            (messages[i].kind == PUBLICATION || (messages[i].kind == ANSWER && asking)) &&
            messages[i].due_ms <= now_ms() && messages[i].generation == host->generation)
            return true;
    return false;
}

int64_t
network_next_ms(void)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < messages_count; i++)
        if (messages[i].due_ms > now_ms() && messages[i].due_ms < next)
            next = messages[i].due_ms;
    return next;
}

/* ---- questions are answered by the other service's workers, of which there are always some */

static void
answer(const struct message *question)
{
    struct arena *arena = arena_new(64 << 20);
    Wire__ListEventsRequest *request = wire__list_events_request__unpack(
        arena_allocator(arena), question->length, question->bytes);
    Wire__Events page = WIRE__EVENTS__INIT;
    struct db *db = db_new(question->topic, false);
    size_t length;
    const uint8_t *bytes;

    if (log_read(db, arena, question->topic, request->after, 1 + chance(60), &page)) {
        bytes = message_pack(arena, &page.base, &length);
        for (int copies = once_in(60) ? 2 : 1; copies > 0; copies--)
            send((struct message){.kind = ANSWER,
                                  .host = question->host,
                                  .generation = question->generation,
                                  .tag = question->tag},
                 bytes, length);
    }
    db_free(db);
    arena_free(arena);
}

void
network_deliver(void)
{
    for (size_t i = 0; i < messages_count;) {
        struct message message = messages[i];

        if (message.due_ms > now_ms() ||
            (message.generation == message.host->generation && message.kind != QUESTION)) {
            i++;
            continue;
        }
        take(i);
        if (message.kind == QUESTION && message.generation == message.host->generation)
            answer(&message);
        free(message.bytes);
    }
}

/* ---- wire.h */

struct wire *
wire_open(const char *program)
{
    (void)program;
    return NULL;
}

void
wire_close(struct wire *wire)
{
    (void)wire;
}

struct wire_asker *
wire_asker_open(struct wire *wire)
{
    struct wire_asker *asker = malloc(sizeof *asker);

    (void)wire;
    asker->host = acting;
    return asker;
}

bool
wire_asker_send(struct wire_asker *asker, const char *service, uint64_t tag, int64_t remaining_ms,
                const uint8_t *header, size_t header_bytes, const uint8_t *body, size_t body_bytes)
{
    struct message question = {.kind = QUESTION, .host = asker->host, .tag = tag};

    (void)remaining_ms, (void)header, (void)header_bytes;
    question.generation = asker->host->generation;
    snprintf(question.topic, sizeof question.topic, "%.*s", (int)strcspn(service, "."), service);
    send(question, body, body_bytes);
    return true;
}

size_t
wire_asker_items(struct wire_asker *asker, zmq_pollitem_t *items, size_t items_max)
{
    (void)asker, (void)items, (void)items_max;
    return 0;
}

bool
wire_asker_receive(struct wire_asker *asker, struct arena *arena, struct wire_reply *reply)
{
    Wire__ReplyHeader header = WIRE__REPLY_HEADER__INIT;
    struct message message;

    if (!receive(asker->host, ANSWER, &message))
        return false;
    *reply = (struct wire_reply){.tag = message.tag};
    if (!network_kind && once_in(30))
        reply->outcome = once_in(2) ? WIRE_LOST : WIRE_UNAVAILABLE;
    SET(&header, status, RPC_OK);
    reply->header = message_pack(arena, &header.base, &reply->header_bytes);
    reply->body = arena_memdup(arena, message.bytes, message.length);
    reply->body_bytes = message.length;
    free(message.bytes);
    return true;
}

bool
wire_asker_connected(struct wire_asker *asker)
{
    (void)asker;
    return true;
}

void
wire_asker_close(struct wire_asker *asker)
{
    free(asker);
}

struct wire_publisher *
wire_publisher_open(struct wire *wire)
{
    (void)wire;
    return NULL;
}

/* What is told is stored. */
static void
check_publication(const char *producer, char kind, const uint8_t *body, size_t body_bytes)
{
    struct arena *arena = arena_new(64 << 20);
    Wire__Events *events;

    if (kind == 'H') {
        store_check_published(producer,
                              wire__position__unpack(arena_allocator(arena), body_bytes, body));
    } else {
        events = wire__events__unpack(arena_allocator(arena), body_bytes, body);
        for (size_t i = 0; i < events->n_events; i++) {
            Wire__Position place = WIRE__POSITION__INIT;

            place.sequence = events->events[i]->sequence;
            place.hash = events->events[i]->hash;
            store_check_published(producer, &place);
        }
    }
    arena_free(arena);
}

void
wire_publish(struct wire_publisher *publisher, const char *topic, char kind, const uint8_t *body,
             size_t body_bytes)
{
    (void)publisher;
    check_publication(topic, kind, body, body_bytes);
    give_way();
    for (size_t i = 0; i < HOSTS; i++)
        for (int copies = !hosts[i].subscribed ? 0 : once_in(30) ? 2 : 1; copies > 0; copies--) {
            struct message message = {.kind = PUBLICATION,
                                      .host = &hosts[i],
                                      .generation = hosts[i].generation,
                                      .publication = kind};

            snprintf(message.topic, sizeof message.topic, "%s", topic);
            send(message, body, body_bytes);
        }
    give_way();
}

void
wire_publisher_close(struct wire_publisher *publisher)
{
    (void)publisher;
}

struct wire_subscriber *
wire_subscriber_open(struct wire *wire, const char *const *topics)
{
    struct wire_subscriber *subscriber = malloc(sizeof *subscriber);

    (void)wire, (void)topics; /* the courier filters by itself */
    subscriber->host = acting;
    acting->subscribed = true;
    return subscriber;
}

size_t
wire_subscriber_items(struct wire_subscriber *subscriber, zmq_pollitem_t *items, size_t items_max)
{
    (void)subscriber, (void)items, (void)items_max;
    return 0;
}

bool
wire_subscriber_receive(struct wire_subscriber *subscriber, struct arena *arena,
                        struct wire_publication *publication)
{
    struct message message;

    if (!receive(subscriber->host, PUBLICATION, &message))
        return false;
    *publication =
        (struct wire_publication){.topic = arena_strdup(arena, message.topic),
                                  .kind = message.publication,
                                  .body = arena_memdup(arena, message.bytes, message.length),
                                  .body_bytes = message.length};
    free(message.bytes);
    return true;
}

void
wire_subscriber_close(struct wire_subscriber *subscriber)
{
    free(subscriber);
}
