/* SPDX-License-Identifier: Apache-2.0
 * Idempotency-Key (IETF draft, api.md): the key is taken first and the reply kept last, in the call's own
 * transaction, so that only what was committed is remembered. */
#include "db.h"
#include "dispatch.h"
#include "events.h"

#include <string.h>

static const struct db_statement take_key = {
    .name = "take_idempotency_key",
    .parameters = 4,
    .text = "select taken.ok, k.body_hash = $4::bytea, k.reply_header, k.reply "
            "from (select pg_try_advisory_xact_lock(hashtextextended($1::text || chr(10) || $2::text || chr(10) || "
            "$3::text, 0)) as ok) taken "
            "left join idempotency_key k on k.caller = $1 and k.key = $2 and k.path = $3",
};

static const struct db_statement keep_reply = {
    .name = "keep_idempotency_reply",
    .parameters = 7,
    .text = "insert into idempotency_key (caller, key, path, body_hash, reply_header, reply, client) "
            "values ($1, $2, $3, $4, $5, $6, $7)",
};

/* The caller's own name space of keys. */
static const char *
caller_key(struct call *call)
{
    const Wire__Caller *caller = call->header->caller;

    if (caller == NULL || caller->kind == NULL)
        return "anonymous:";
    return arena_printf(call->arena, "%s:%s", caller->kind,
                        caller->id != NULL ? caller->id : caller->address != NULL ? caller->address : "");
}

static const char *
hash_text(struct call *call)
{
    return db_bytes(call->arena, call->header->body_hash.data, call->header->body_hash.len);
}

static const char *
path_key(const struct call *call)
{
    return call->header->path == NULL ? call->method->name : call->header->path;
}

enum idempotency
idempotency_take(struct call *call, struct dispatched *replay)
{
    PGresult *row = db_query(call->db, call->arena, &take_key,
                             (const char *const[]){caller_key(call), call->header->idempotency_key, path_key(call),
                                                   hash_text(call)});

    if (row == NULL) {
        db_fail(call);
        return IDEMPOTENCY_REFUSED;
    }
    if (strcmp(PQgetvalue(row, 0, 0), "t") != 0) {
        call_fail_code(call, RPC_CONFLICT, "idempotency_key_in_use", NULL,
                       "a request with this Idempotency-Key is still running; try again in a second");
        call->problem.has_retry_after_s = 1;
        call->problem.retry_after_s = 1;
        return IDEMPOTENCY_REFUSED;
    }
    if (db_value(row, 0, 1) == NULL)
        return IDEMPOTENCY_NEW;
    if (strcmp(PQgetvalue(row, 0, 1), "t") != 0) {
        call_fail_code(call, RPC_INVALID, "idempotency_key_reused", NULL,
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

void
idempotency_keep(struct call *call, const struct dispatched *reply)
{
    /* An operation that shows a secret keeps that it was answered, not what. */
    size_t body_bytes = call->method->shows_secret ? 0 : reply->body_bytes;
    const char *client = call->emitted == NULL ? NULL : call->emitted->client;

    db_queue(call->db, &keep_reply,
             (const char *const[]){caller_key(call), call->header->idempotency_key, path_key(call), hash_text(call),
                                   db_bytes(call->arena, reply->header, reply->header_bytes),
                                   db_bytes(call->arena, reply->body, body_bytes), client});
}

bool
idempotency_lost(const struct call *call)
{
    const struct db_error *error = db_error(call->db);

    return strcmp(error->sqlstate, "23505") == 0 && strcmp(error->constraint, "idempotency_key_pkey") == 0;
}
