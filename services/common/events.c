/* SPDX-License-Identifier: Apache-2.0
 * What an event is: its type, its personal part and the rest, its bytes, its hash, its row in the outbox. It
 * knows no stream: numbering is in event_log.c, applying in event_apply.c. */
#include "events.h"

#include "db.h"
#include "hashing.h"
#include "uuid.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const struct db_statement insert_outbox = {
    .name = "insert_outbox",
    .text =
        "insert into outbox (event_id, type, subject, client, project, applied, actor, payload,"
        " personal_salt, personal, actor_salt, actor_personal, keep_until)"
        " values ($1::uuid, $2, $3::uuid, $4::uuid, $5::uuid,"
        " coalesce((select string_agg(producer || ':' || epoch || ':' || sequence, ','"
        " order by producer collate \"C\") from (select producer, epoch, sequence from stream_cursor"
        " where consumer = 'main' union all select s.producer, s.epoch, s.sequence from stream_seen s"
        " where not exists (select from stream_cursor c"
        " where c.consumer = 'main' and c.producer = s.producer)) place), ''),"
        " $6::bytea, $7::bytea, $8::bytea, $9::bytea, $10::bytea, $11::bytea,"
        " now() + $12::int * interval '1 month')",
    .parameters = 12,
};
DB_PROVED(insert_outbox);

/* The outbox first: an event numbered meanwhile has its personal part where the next statement finds it. */
static const struct db_statement erase_outbox = {
    .name = "erase_outbox",
    .text = "update outbox set personal_salt = null, personal = null"
            " where client = $1::uuid and personal is not null",
    .parameters = 1,
};
DB_PROVED(erase_outbox);
static const struct db_statement erase_personal = {
    .name = "erase_personal",
    .text = "delete from event_personal where client = $1::uuid",
    .parameters = 1,
};
DB_PROVED(erase_personal);
static const struct db_statement erase_parked = {
    .name = "erase_parked",
    .text = "update parked_event set personal_salt = null, personal = null"
            " where client = $1::uuid and personal is not null",
    .parameters = 1,
};
DB_PROVED(erase_parked);
static const struct db_statement note_erased = {
    .name = "note_erased",
    .text = "insert into erased_client (client) values ($1::uuid) on conflict do nothing",
    .parameters = 1,
};
DB_PROVED(note_erased);
static const struct db_statement erase_replies = {
    .name = "erase_replies",
    .text = "delete from idempotency_key where client = $1::uuid",
    .parameters = 1,
};
DB_PROVED(erase_replies);

const struct event_type *
events_find(const char *name)
{
    for (const struct event_type *type = rpc_event_types; type->name != NULL; type++)
        if (name != NULL && strcmp(type->name, name) == 0)
            return type;
    return NULL;
}

/* ---- parting */

static bool
is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)message;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)(base + field->quantifier_offset) > 0;
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(const void *const *)(base + field->offset) != NULL;
    return *(const protobuf_c_boolean *)(base + field->quantifier_offset) != 0;
}

static size_t
member_size(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return sizeof(void *);
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    }
    assert(false); /* protobuf-c has no other type */
    return 0;
}

static void
move_field(const ProtobufCFieldDescriptor *field, ProtobufCMessage *from, ProtobufCMessage *to)
{
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    bool pointer = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
    size_t quantifier_size = repeated ? sizeof(size_t) : sizeof(protobuf_c_boolean);

    memcpy((char *)to + field->offset, (char *)from + field->offset, member_size(field));
    memset((char *)from + field->offset, 0, member_size(field));
    if (pointer && !repeated)
        return;
    memcpy((char *)to + field->quantifier_offset, (char *)from + field->quantifier_offset,
           quantifier_size);
    memset((char *)from + field->quantifier_offset, 0, quantifier_size);
}

/* Whether something in this type of message is personal. */
static bool
may_be_personal(const struct message_rules *rules, int depth)
{
    assert(depth < EVENTS_NESTING_MAX);
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const struct field_rules *field = &rules->fields[i];

        if ((field->flags & RULE_PERSONAL) != 0)
            return true;
        if (field->message != NULL && may_be_personal(field->message, depth + 1))
            return true;
    }
    return false;
}

static ProtobufCMessage *
copy_message(struct arena *arena, const ProtobufCMessage *message)
{
    return arena_memdup(arena, message, message->descriptor->sizeof_message);
}

static ProtobufCMessage *
empty_message(struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);

    protobuf_c_message_init(descriptor, message);
    return message;
}

void
events_split(struct arena *arena, const struct message_rules *rules, const ProtobufCMessage *whole,
             ProtobufCMessage **rest, ProtobufCMessage **personal)
{
    *rest = copy_message(arena, whole);
    *personal = NULL;
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        const struct field_rules *rule = &rules->fields[i];
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        ProtobufCMessage **inner = (ProtobufCMessage **)((char *)*rest + field->offset);
        ProtobufCMessage *inner_personal = NULL;
        bool moves = (rule->flags & RULE_PERSONAL) != 0 ||
                     (repeated && rule->message != NULL && may_be_personal(rule->message, 0));

        if (!is_set(whole, field))
            continue;
        if (!moves && !repeated && rule->message != NULL)
            events_split(arena, rule->message, *inner, inner, &inner_personal);
        if (!moves && inner_personal == NULL)
            continue;
        if (*personal == NULL)
            *personal = empty_message(arena, rules->descriptor);
        if (moves)
            move_field(field, *rest, *personal);
        else
            *(ProtobufCMessage **)((char *)*personal + field->offset) = inner_personal;
    }
}

ProtobufCMessage *
events_unpack(struct arena *arena, const struct event_type *type, const Wire__Event *event)
{
    struct buffer whole;

    buffer_init(&whole, arena);
    if (event->has_payload)
        buffer_append(&whole, event->payload.data, event->payload.len);
    if (event->has_personal)
        buffer_append(&whole, event->personal.data, event->personal.len);
    return protobuf_c_message_unpack(type->message->descriptor, arena_allocator(arena),
                                     whole.length, (const uint8_t *)whole.bytes);
}

/* ---- hashes */

void
events_personal_hash(const uint8_t salt[16], const uint8_t *bytes, size_t length, uint8_t out[32])
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, salt, 16);
    crypto_hash_sha256_update(&state, bytes, length);
    crypto_hash_sha256_final(&state, out);
}

void
events_hash(const Wire__Event *event, uint8_t out[32])
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    hash_text(&state, "escarcelle.event.1");
    hash_bytes(&state, event->has_previous_hash, event->previous_hash.data,
               event->previous_hash.len);
    hash_text(&state, event->producer);
    hash_number(&state, event->epoch);
    hash_number(&state, event->sequence);
    hash_text(&state, event->event_id);
    hash_text(&state, event->type);
    hash_text(&state, event->subject);
    hash_text(&state, event->client);
    hash_text(&state, event->project);
    hash_text(&state, event->occurred_at);
    hash_bytes(&state, event->has_actor, event->actor.data, event->actor.len);
    hash_text(&state, event->applied == NULL ? "" : event->applied);
    hash_bytes(&state, event->has_payload, event->payload.data, event->payload.len);
    hash_bytes(&state, event->has_personal_hash, event->personal_hash.data,
               event->personal_hash.len);
    hash_bytes(&state, event->has_actor_hash, event->actor_hash.data, event->actor_hash.len);
    crypto_hash_sha256_final(&state, out);
}

/* ---- emitting */

static const char *
text_at(struct call *call, const ProtobufCMessage *message, const char *path)
{
    return path == NULL || path[0] == '\0' ? NULL : message_text(call->arena, message, path);
}

/* What an erasing event tells of the client would outlive the erasure. */
static void
pack_personal(struct call *call, struct emitted *emitted, const ProtobufCMessage *personal)
{
    if (personal == NULL || emitted->type->erases)
        return;
    emitted->personal = message_pack(call->arena, personal, &emitted->personal_bytes);
    randombytes_buf(emitted->personal_salt, sizeof emitted->personal_salt);
}

static void
pack_actor_personal(struct call *call, struct emitted *emitted)
{
    const Wire__Caller *caller = call->header->caller;
    Wire__ActorPersonal actor = WIRE__ACTOR_PERSONAL__INIT;

    if (caller == NULL || (caller->name == NULL && caller->address == NULL))
        return;
    actor.name = caller->name;
    actor.address = caller->address;
    emitted->actor_personal =
        message_pack(call->arena, &actor.base, &emitted->actor_personal_bytes);
    randombytes_buf(emitted->actor_salt, sizeof emitted->actor_salt);
}

static const char *
packed_actor(struct call *call)
{
    const Wire__Caller *caller = call->header->caller;
    Wire__Actor actor = WIRE__ACTOR__INIT;
    size_t length;
    uint8_t *bytes;

    if (caller == NULL) {
        actor.kind = (char *)"service";
        actor.id = (char *)call->service->rpc->name;
    } else {
        actor.kind = caller->kind;
        actor.id = caller->id;
        actor.role = caller->role;
    }
    actor.request_id = call->header->request_id;
    actor.traceparent = call->header->traceparent;
    if (call->event != NULL)
        actor.caused_by = call->event->event_id;
    bytes = message_pack(call->arena, &actor.base, &length);
    return db_bytes(call->arena, bytes, length);
}

struct emitted *
events_emitted(struct call *call, const struct event_type *type, const ProtobufCMessage *event)
{
    struct emitted *emitted = arena_alloc(call->arena, sizeof *emitted);
    ProtobufCMessage *rest, *personal;
    char id[37];

    uuid_new(id);
    emitted->type = type;
    emitted->event_id = arena_strdup(call->arena, id);
    emitted->subject = text_at(call, event, type->subject);
    emitted->client = text_at(call, event, type->client);
    emitted->project = text_at(call, event, type->project);
    events_split(call->arena, type->message, event, &rest, &personal);
    emitted->payload = message_pack(call->arena, rest, &emitted->payload_bytes);
    pack_personal(call, emitted, personal);
    pack_actor_personal(call, emitted);
    emitted->actor = packed_actor(call);
    emitted->caused = call->event != NULL;
    return emitted;
}

/* ---- storing */

/* Bytes that may be absent, as a parameter. */
static const char *
optional_bytes(struct call *call, const uint8_t *present, const uint8_t *bytes, size_t length)
{
    return present == NULL ? NULL : db_bytes(call->arena, bytes, length);
}

const char *
events_personal_months(struct arena *arena, const struct event_type *type)
{
    return type->personal_months == 0 ? NULL : arena_printf(arena, "%d", type->personal_months);
}

void
events_store(struct call *call)
{
    for (const struct emitted *e = call->emitted; e != NULL; e = e->next)
        db_queue(
            call->db, &insert_outbox,
            (const char *const[]){
                e->event_id, e->type->name, e->subject, e->client, e->project, e->actor,
                db_bytes(call->arena, e->payload, e->payload_bytes),
                optional_bytes(call, e->personal, e->personal_salt, sizeof e->personal_salt),
                optional_bytes(call, e->personal, e->personal, e->personal_bytes),
                optional_bytes(call, e->actor_personal, e->actor_salt, sizeof e->actor_salt),
                optional_bytes(call, e->actor_personal, e->actor_personal, e->actor_personal_bytes),
                events_personal_months(call->arena, e->type)});
}

void
events_erase_client(struct call *call, const char *client_id)
{
    const char *const values[] = {client_id};

    db_queue(call->db, &note_erased, values);
    db_queue(call->db, &erase_outbox, values);
    db_queue(call->db, &erase_personal, values);
    db_queue(call->db, &erase_parked, values);
    db_queue(call->db, &erase_replies, values);
}
