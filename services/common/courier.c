/* SPDX-License-Identifier: Apache-2.0
 * The courier's loop: numbers the outbox and publishes, receives and asks for other services' events, has them
 * applied. It blocks nowhere but in its one wait, in the database, and where a reaction must ask an owner. */
#include "courier.h"

#include "config.h"
#include "dates.h"
#include "log.h"
#include "migrate.h"
#include "services.h"
#include "sql_compile.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    TURN_MESSAGES_MAX = 1000, /* received in one turn, of each kind */
    TURN_BYTES_MAX = 256 << 20,
    RECEIVED_BYTES_MAX = 64 << 20, /* in one turn; the rest waits in the socket */
    AWAY_MS = 200,                 /* the database is */
    START_JITTER_MS = 50
};

#define NAME(service) service,

static const char *const services[SERVICES_COUNT] = {EACH_SERVICE(NAME)};

/* ---- start */

static void
follow(struct courier *courier, const char *consumer, const char *producer, bool causal)
{
    struct stream *stream = &courier->streams[courier->streams_count];

    for (size_t i = 0; i < courier->streams_count; i++)
        if (strcmp(courier->streams[i].consumer, consumer) == 0 &&
            strcmp(courier->streams[i].producer, producer) == 0)
            return;
    assert(courier->streams_count < COURIER_STREAMS_MAX);
    *stream = (struct stream){.consumer = consumer, .producer = producer, .causal = causal};
    stream->gather_ms = courier->service->prompt ? 0 : GATHER_MS;
    stream->random = randombytes_random();
    stream->ask_at = clock_ms() + randombytes_uniform(START_JITTER_MS);
    courier->streams_count++;
}

static void
follow_all(struct courier *courier)
{
    const struct rpc_service *rpc = courier->service->rpc;

    for (size_t i = 0; i < rpc->subscriptions_count; i++)
        follow(courier, EVENTS_MAIN, rpc->subscriptions[i].producer, true);
    /* The audit log takes every stream, and every service has one. */
    for (size_t i = 0; courier->service->audit != NULL && i < SERVICES_COUNT; i++)
        follow(courier, EVENTS_AUDIT, services[i], false);
}

static struct wire_subscriber *
subscribe(struct courier *courier)
{
    const char *topics[COURIER_STREAMS_MAX + 1] = {NULL};
    size_t count = 0;

    for (size_t i = 0; i < courier->streams_count; i++) {
        size_t n = 0;

        while (n < count && strcmp(topics[n], courier->streams[i].producer) != 0)
            n++;
        if (n == count)
            topics[count++] = courier->streams[i].producer;
    }
    return count == 0 ? NULL : wire_subscriber_open(courier->wire, topics);
}

static void
start(struct courier *courier, const struct service *service, const struct inherited *inherited)
{
    *courier = (struct courier){.service = service, .inherited = inherited};
    courier->arena = arena_new(TURN_BYTES_MAX);
    courier->call_arena = arena_new((size_t)config.arena_bytes_max);
    courier->db = service_database(service);
    courier->wire = wire_open(service->rpc->name);
    courier->asker = wire_asker_open(courier->wire);
    courier->call_asker = wire_asker_open(courier->wire);
    courier->publisher = wire_publisher_open(courier->wire);
    follow_all(courier);
    courier->subscriber = subscribe(courier);
    poison_note(courier);
}

/* ---- receiving */

static void
take_head(struct courier *courier, const struct wire_publication *publication, int64_t now)
{
    Wire__Position *head = wire__position__unpack(arena_allocator(courier->arena),
                                                  publication->body_bytes, publication->body);

    for (size_t i = 0; head != NULL && i < courier->streams_count; i++)
        if (strcmp(courier->streams[i].producer, publication->topic) == 0)
            stream_heard(&courier->streams[i], head, now);
}

static bool
has_room(const struct courier *courier)
{
    return arena_used(courier->arena) < RECEIVED_BYTES_MAX;
}

static void
take_publications(struct courier *courier, int64_t now)
{
    struct wire_publication publication;

    for (int n = 0; courier->subscriber != NULL && n < TURN_MESSAGES_MAX && has_room(courier);
         n++) {
        if (!wire_subscriber_receive(courier->subscriber, courier->arena, &publication))
            return;
        if (publication.kind == 'H')
            take_head(courier, &publication, now);
        for (size_t i = 0; publication.kind == 'E' && i < courier->streams_count; i++)
            if (strcmp(courier->streams[i].producer, publication.topic) == 0)
                stream_receive(&courier->streams[i], publication.body, publication.body_bytes, now);
    }
}

static void
take_answer(struct courier *courier, struct stream *stream, const struct wire_reply *reply,
            int64_t now)
{
    Wire__ReplyHeader *header = NULL;

    if (reply->outcome == WIRE_ANSWERED)
        header = wire__reply_header__unpack(arena_allocator(courier->arena), reply->header_bytes,
                                            reply->header);
    if (header != NULL && header->status == RPC_OK)
        stream_answered(stream, reply->body, reply->body_bytes, now);
    else
        stream_unanswered(stream, now);
}

/* An asker that expects nothing is left alone: it would only be woken by what keeps it warm. */
static bool
is_asking(const struct courier *courier)
{
    for (size_t i = 0; i < courier->streams_count; i++)
        if (courier->streams[i].asking)
            return true;
    return false;
}

static void
take_answers(struct courier *courier, int64_t now)
{
    struct wire_reply reply;

    for (int n = 0; n < TURN_MESSAGES_MAX && is_asking(courier) && has_room(courier); n++) {
        if (!wire_asker_receive(courier->asker, courier->arena, &reply))
            return;
        for (size_t i = 0; i < courier->streams_count; i++)
            if (courier->streams[i].asking && courier->streams[i].ask_tag == reply.tag)
                take_answer(courier, &courier->streams[i], &reply, now);
    }
}

/* ---- asking */

static bool
send_question(struct courier *courier, const struct stream *stream, uint64_t tag)
{
    Wire__RequestHeader *header = call_own_header(courier->arena, courier->service);
    Wire__ListEventsRequest request = WIRE__LIST_EVENTS_REQUEST__INIT;
    size_t header_bytes, body_bytes;
    const uint8_t *packed_header, *body;

    header->method = arena_printf(courier->arena, "%s.ListEvents", stream->producer);
    SET(&request, after, stream->tail.sequence);
    SET(&request, limit, EVENTS_PAGE_MAX);
    packed_header = message_pack(courier->arena, &header->base, &header_bytes);
    body = message_pack(courier->arena, &request.base, &body_bytes);
    return wire_asker_send(courier->asker,
                           arena_printf(courier->arena, "%s.leaf", stream->producer), tag,
                           LIST_EVENTS_TIMEOUT_MS, packed_header, header_bytes, body, body_bytes);
}

/* The audit log's service follows itself too; nobody may ask itself through the broker. */
static void
read_own(struct courier *courier, struct stream *stream, int64_t now)
{
    Wire__Events page = WIRE__EVENTS__INIT;
    const uint8_t *packed;
    size_t length;

    if (!log_read(courier->db, courier->arena, stream->producer, stream->tail.sequence,
                  EVENTS_PAGE_MAX, &page)) {
        stream_unanswered(stream, now);
        return;
    }
    packed = message_pack(courier->arena, &page.base, &length);
    stream_answered(stream, packed, length, now);
}

static void
ask(struct courier *courier, struct stream *stream, int64_t now)
{
    if (stream->asking && now >= stream->ask_deadline)
        stream_unanswered(stream, now);
    if (!stream_wants(stream, now))
        return;
    stream_asked(stream, ++courier->last_tag, now + LIST_EVENTS_TIMEOUT_MS);
    log_debug("asking %s for its events behind %" PRId64 " (%s)", stream->producer,
              stream->tail.sequence, stream->consumer);
    if (strcmp(stream->producer, courier->service->rpc->name) == 0)
        read_own(courier, stream, now);
    else if (!send_question(courier, stream, courier->last_tag))
        stream_unanswered(stream, now);
}

/* ---- working */

/* What the database refused, not more often than the other alarms. */
static void
note_failure(struct courier *courier, int64_t now)
{
    const char *message = db_error(courier->db)->message;

    if (now < courier->failure_alarm_at || message == NULL)
        return;
    courier->failure_alarm_at = now + ALARM_MS;
    log_error("the courier's database work failed: %s", message);
}

static int64_t
numbering_due(const struct courier *courier)
{
    return courier->number_at > courier->number_retry_at ? courier->number_at
                                                         : courier->number_retry_at;
}

/* Whether there is more to do at once. */
static bool
work(struct courier *courier, int64_t now)
{
    bool busy = false;

    if (courier->outbox && now >= numbering_due(courier)) {
        if (outbox_number(courier)) {
            courier->numbered_at = now;
            busy = courier->outbox;
        } else {
            courier->number_retry_at = now + AWAY_MS;
            note_failure(courier, now);
        }
    }
    if (courier->parked && now >= courier->release_at)
        busy = parked_release(courier, now) || busy;
    for (size_t i = 0; i < courier->streams_count && courier->cursors_loaded; i++)
        busy = stream_apply(courier, &courier->streams[i], now) || busy;
    return busy;
}

static bool
lasts(int64_t since, int64_t now)
{
    return since != 0 && now - since >= config.wait_alarm_ms;
}

/* At once, then again as long as it lasts. */
static void
sound_alarm(struct stream *stream, const char *self, int64_t now)
{
    bool waits = lasts(stream->waiting_since, now), fails = lasts(stream->failing_since, now);

    if (now < stream->alarm_at || (stream->stopped == NULL && !waits && !fails))
        return;
    stream->alarm_at = now + ALARM_MS;
    if (stream->stopped != NULL)
        log_error("the stream of %s (%s) is stopped behind %" PRId64 ": %s. " STREAM_REMEDY,
                  stream->producer, stream->consumer, stream->tail.sequence, stream->stopped, self);
    else if (waits)
        log_error("the stream of %s waits behind %" PRId64 " for %s:%" PRId64 ":%" PRId64,
                  stream->producer, stream->cursor.sequence, stream->waits_for.producer,
                  stream->waits_for.epoch, stream->waits_for.sequence);
    else
        log_error("the stream of %s (%s) stands still behind %" PRId64 ": %s", stream->producer,
                  stream->consumer, stream->cursor.sequence, stream->reason);
}

/* ---- waiting */

static int64_t
sooner(int64_t due, int64_t other)
{
    return other < due ? other : due;
}

/* When something is to be done although nothing arrives. */
static int64_t
next_due(const struct courier *courier, int64_t now)
{
    int64_t due = sooner(courier->tell_at, courier->lease.renew_at);

    if (!courier->lease.held)
        return due;
    if (courier->outbox)
        due = sooner(due, numbering_due(courier));
    if (courier->parked)
        due = sooner(due, courier->release_at);
    for (size_t i = 0; i < courier->streams_count; i++) {
        const struct stream *stream = &courier->streams[i];

        if (stream->asking)
            due = sooner(due, stream->ask_deadline);
        else if (stream->ask_at > now || stream_wants(stream, now))
            due = sooner(due, stream->ask_at);
        due = sooner(due, stream_due(stream, now));
    }
    return due;
}

static void
wait_until(struct courier *courier, int64_t due)
{
    zmq_pollitem_t items[1 + 2 * WIRE_BROKERS_MAX];
    int64_t left = due - clock_ms();
    size_t count = 1;

    items[0] = (zmq_pollitem_t){.fd = courier->inherited->wake_courier_read, .events = ZMQ_POLLIN};
    if (is_asking(courier))
        count += wire_asker_items(courier->asker, items + count, WIRE_BROKERS_MAX);
    if (courier->subscriber != NULL)
        count += wire_subscriber_items(courier->subscriber, items + count, WIRE_BROKERS_MAX);
    if (zmq_poll(items, (int)count, left < 0 ? 0 : (long)left) <= 0 ||
        (items[0].revents & ZMQ_POLLIN) == 0)
        return;
    wake_clear(courier->inherited->wake_courier_read);
    outbox_due(courier, clock_ms() + LINGER_MS);
    courier->release_at = 0; /* an administrator may have retried or skipped one */
}

static void
turn(struct courier *courier)
{
    int64_t now = clock_ms();
    bool there, busy = false;

    arena_reset(courier->arena);
    take_publications(courier, now);
    take_answers(courier, now);
    there = db_ready(courier->db) && lease_keep(courier, now);
    if (there && courier->lease.held && !courier->cursors_loaded)
        there = cursors_load(courier);
    if (there && courier->lease.held && courier->cursors_loaded) {
        busy = work(courier, now);
        for (size_t i = 0; i < courier->streams_count; i++)
            ask(courier, &courier->streams[i], clock_ms());
    }
    if (there)
        instance_tell(courier, now);
    else
        note_failure(courier, now);
    for (size_t i = 0; i < courier->streams_count; i++)
        sound_alarm(&courier->streams[i], courier->service->rpc->name, now);
    wait_until(courier, busy ? 0 : there ? next_due(courier, now) : clock_ms() + AWAY_MS);
}

static void
end(struct courier *courier)
{
    if (db_ready(courier->db)) {
        instance_end(courier, clock_ms());
        lease_release(courier);
    }
    for (size_t i = 0; i < courier->streams_count; i++)
        stream_end(&courier->streams[i]);
    if (courier->subscriber != NULL)
        wire_subscriber_close(courier->subscriber);
    wire_publisher_close(courier->publisher);
    wire_asker_close(courier->call_asker);
    wire_asker_close(courier->asker);
    wire_close(courier->wire);
    arena_free(courier->call_arena);
    arena_free(courier->arena);
    db_free(courier->db);
    free(courier);
}

int
events_courier(const struct service *service, const struct inherited *inherited)
{
    struct courier *courier = calloc(1, sizeof *courier);

    if (courier == NULL)
        fatal("no memory for the courier");
    start(courier, service, inherited);
    while (!stopping)
        turn(courier);
    end(courier);
    return 0;
}
