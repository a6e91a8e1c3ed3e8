/* SPDX-License-Identifier: Apache-2.0
 * Idempotency-Key (IETF draft, api.md): the key is taken first and the reply kept last, in the call's own
 * transaction, so that only what was committed is remembered. */
#include "db.h"
#include "dispatch.h"
#include "events.h"

#include <sodium.h>
#include <string.h>

static const struct db_statement take_key = {
    .name = "take_idempotency_key",
    .parameters = 3,
    .text =
        "select taken.ok, k.body_hash = $3::bytea, k.reply_header, k.reply "
        "from (select pg_try_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex') || $2::text, 0)) "
        "as ok) taken left join idempotency_key k on k.scope = $1::bytea and k.key = $2",
};
DB_PROVED(take_key);

static const struct db_statement keep_reply = {
    .name = "keep_idempotency_reply",
    .parameters = 6,
    .text = "insert into idempotency_key (scope, key, body_hash, reply_header, reply, client) "
            "values ($1, $2, $3, $4, $5, $6)",
};
DB_PROVED(keep_reply);

/* The name space of a key: this caller on this path. Hashed, because a path may hold a secret link. */
static const char *
key_scope(struct call *call)
{
    const Wire__Caller *caller = call->header->caller;
    const char *kind = caller == NULL || caller->kind == NULL ? "anonymous" : caller->kind;
    const char *id = caller == NULL ? "" : caller->id != NULL ? caller->id : caller->address;
    const char *path = call->header->path == NULL ? call->method->name : call->header->path;
    const char *scope = arena_printf(call->arena, "%s\n%s\n%s", kind, id == NULL ? "" : id, path);
    uint8_t hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const uint8_t *)scope, strlen(scope));
    return db_bytes(call->arena, hash, sizeof hash);
}

static const char *
hash_text(struct call *call)
{
    return db_bytes(call->arena, call->header->body_hash.data, call->header->body_hash.len);
}

/* A row that was found: the reply again, or why not. */
static enum idempotency
judge(struct call *call, const PGresult *row, struct dispatched *replay)
{
    if (strcmp(PQgetvalue(row, 0, 1), "t") != 0) {
        call_fail_code(
            call, RPC_INVALID, "idempotency_key_reused", NULL,
            "this Idempotency-Key came with another body before; use a new key for a new request");
        return IDEMPOTENCY_REFUSED;
    }
    if (call->method->shows_secret) {
        call_fail_code(call, RPC_CONFLICT, "secret_shown_once", NULL,
                       "this request was answered before, with a secret that is shown once only");
        return IDEMPOTENCY_REFUSED;
    }
    replay->header = db_unbytes(call->arena, PQgetvalue(row, 0, 2), &replay->header_bytes);
    replay->body = db_unbytes(call->arena, PQgetvalue(row, 0, 3), &replay->body_bytes);
    return IDEMPOTENCY_REPLAYED;
}

enum idempotency
idempotency_take(struct call *call, struct dispatched *replay)
{
    PGresult *row = db_query(
        call->db, call->arena, &take_key,
        (const char *const[]){key_scope(call), call->header->idempotency_key, hash_text(call)});

    if (row == NULL) {
        db_fail(call);
        return IDEMPOTENCY_REFUSED;
    }
    if (strcmp(PQgetvalue(row, 0, 0), "t") != 0) {
        call_fail_code(
            call, RPC_CONFLICT, "idempotency_key_in_use", NULL,
            "a request with this Idempotency-Key is still running; try again in a second");
        SET(&call->problem, retry_after_s, 1);
        return IDEMPOTENCY_REFUSED;
    }
    return db_value(row, 0, 1) == NULL ? IDEMPOTENCY_NEW : judge(call, row, replay);
}

/* Who asks, what, under which key. */
static uint64_t
hash_key(struct call *call)
{
    const char *whole =
        arena_printf(call->arena, "%s\n%s", key_scope(call), call->header->idempotency_key);
    uint8_t hash[crypto_hash_sha256_BYTES];
    uint64_t number;

    crypto_hash_sha256(hash, (const uint8_t *)whole, strlen(whole));
    memcpy(&number, hash, sizeof number);
    return number;
}

bool
idempotency_wanted(const struct call *call)
{
    return call->header->idempotency_key != NULL && !call->header->dry_run;
}

void
idempotency_note_refusal(struct call *call, struct refused_keys *keys, enum rpc_status status)
{
    bool is_answer = status < RPC_TOO_MANY && !call->problem.has_retry_after_s;

    if (status != RPC_OK && is_answer && idempotency_wanted(call) && !db_retryable(call->db) &&
        !idempotency_lost(call))
        refused_keys_note(keys, hash_key(call), call->header->asked_ms);
}

enum rpc_status
idempotency_heed_refusals(struct call *call, const struct refused_keys *keys)
{
    if (!idempotency_wanted(call) ||
        !refused_keys_since(keys, hash_key(call), call->header->asked_ms))
        return RPC_OK;
    return call_fail(
        call, RPC_UNAVAILABLE, NULL,
        "it was refused meanwhile, or its repetition was; send it again to have it judged anew");
}

void
idempotency_keep(struct call *call, const struct dispatched *reply)
{
    /* An operation that shows a secret keeps that it was answered, not what. */
    size_t body_bytes = call->method->shows_secret ? 0 : reply->body_bytes;
    const struct emitted *told = call->emitted;
    const char *client;

    while (told != NULL && told->client == NULL)
        told = told->next;
    client = told == NULL ? NULL : told->client;

    db_queue(call->db, &keep_reply,
             (const char *const[]){key_scope(call), call->header->idempotency_key, hash_text(call),
                                   db_bytes(call->arena, reply->header, reply->header_bytes),
                                   db_bytes(call->arena, reply->body, body_bytes), client});
}

bool
idempotency_lost(const struct call *call)
{
    const struct db_error *error = db_error(call->db);

    return strcmp(error->sqlstate, "23505") == 0 &&
           strcmp(error->constraint, "idempotency_key_pkey") == 0;
}
