/* SPDX-License-Identifier: Apache-2.0
 * Reads the audit log and verifies its chain. */
#include "accounts.rpc.h"
#include "audit.h"
#include "audit_heads.h"
#include "dates.h"
#include "db.h"
#include "events.h"
#include "hashing.h"
#include "sql.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { VERIFY_PAGE = 5000 };

SQL(list_audit_entries, ListAuditEntriesRequest, ListAuditEntriesReply,
    "select id, sequence, occurred_at, recorded_at, type, actor_kind as \"actor.kind\", actor_id as \"actor.id\", "
    "actor_name as \"actor.name\", actor_role as \"actor.role\", actor_address as \"actor.address\", subject_id, "
    "request_id, changes, hash from (select e.id, e.sequence, e.occurred_at, e.recorded_at, e.type, e.actor_kind, "
    "e.actor_id, a.payload::jsonb ->> 'name' as actor_name, e.actor_role, "
    "a.payload::jsonb ->> 'address' as actor_address, e.subject_id, e.request_id, "
    "e.changes::jsonb || coalesce(p.payload::jsonb, '[]') as changes, encode(e.hash, 'hex') as hash, "
    "(e.occurred_at at time zone 'Europe/Paris')::date as day "
    "from audit_entry e left join audit_personal p using (sequence) left join audit_actor a using (sequence)) entry "
    "where true :filter(actor_id, subject_id, type) :between(day, from, to) :page(sequence)");

static const struct db_statement read_chain = {
    .name = "read_audit_chain",
    .parameters = 2,
    .text =
        "select e.sequence, e.id, e.producer, e.epoch, e.stream_sequence, e.type, "
        "to_char(e.occurred_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
        "to_char(e.recorded_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), e.actor_kind, e.actor_id, e.actor_role, "
        "e.subject_id, e.client_id, e.project_id, e.request_id, e.caused_by, e.changes, "
        "encode(e.personal_hash, 'hex'), encode(e.actor_hash, 'hex'), encode(e.event_hash, 'hex'), "
        "e.previous_hash, e.hash, p.salt, p.payload, a.salt, a.payload "
        "from audit_entry e left join audit_personal p using (sequence) "
        "left join audit_actor a using (sequence) where e.sequence > $1 "
        "order by e.sequence limit $2"};
DB_PROVED(read_chain);

enum rpc_status
accounts_list_audit_entries(struct call *call, const ListAuditEntriesRequest *request,
                            ListAuditEntriesReply *reply)
{
    return sql_page(call, &list_audit_entries, request, reply);
}

/* ---- the chain */

void
audit_hash(const uint8_t previous[32], const struct audit_row *row, uint8_t out[32])
{
#define TEXT(name) row->name,
    const char *const texts[] = {"escarcelle.audit.1", AUDIT_TEXTS(TEXT) AUDIT_HASHES(TEXT)};
#undef TEXT
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, previous, 32);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        hash_text(&state, texts[i]);
    crypto_hash_sha256_final(&state, out);
}

/* A walk along the chain. */
struct walk {
    struct call *call;
    AuditVerification *reply;
    uint8_t hash[32];
    int64_t sequence;
};

static bool
breaks(struct walk *walk, int64_t sequence, const char *detail)
{
    SET(walk->reply, verified, false);
    SET(walk->reply, first_broken, sequence);
    walk->reply->detail = (char *)detail;
    return false;
}

/* Columns of read_chain; a salt and its payload stand side by side. */
#define COLUMN(name) COLUMN_##name,
enum {
    AUDIT_TEXTS(COLUMN) AUDIT_HASHES(COLUMN) PREVIOUS_HASH,
    HASH,
    PERSONAL,
    PERSONAL_PAYLOAD,
    ACTOR
};
#undef COLUMN

/* What lies beside the chain (salt and payload from `column` on) must, while it is there, be what was hashed. */
static bool
beside_fits(struct walk *walk, const PGresult *rows, int row, int column, const char *kept)
{
    const char *payload = db_value(rows, row, column + 1);
    uint8_t hash[32], *salt;
    char text[65];
    size_t length;

    if (payload == NULL)
        return true;
    salt = db_unbytes(walk->call->arena, db_value(rows, row, column), &length);
    if (length != 16)
        return false;
    events_personal_hash(salt, (const uint8_t *)payload, strlen(payload), hash);
    sodium_bin2hex(text, sizeof text, hash, sizeof hash);
    return kept != NULL && strcmp(text, kept) == 0;
}

static bool
step(struct walk *walk, const PGresult *rows, int row)
{
#define VALUE(name) .name = db_value(rows, row, COLUMN_##name),
    const struct audit_row entry = {AUDIT_TEXTS(VALUE) AUDIT_HASHES(VALUE)};
#undef VALUE
    uint8_t expected[32], *stored, *previous;
    size_t previous_bytes, stored_bytes;

    walk->sequence++;
    if (db_integer(rows, row, 0) != walk->sequence)
        return breaks(walk, walk->sequence, "an entry is missing or was inserted here");
    previous = db_unbytes(walk->call->arena, db_value(rows, row, PREVIOUS_HASH), &previous_bytes);
    stored = db_unbytes(walk->call->arena, db_value(rows, row, HASH), &stored_bytes);
    audit_hash(walk->hash, &entry, expected);
    if (previous_bytes != 32 || stored_bytes != 32 || memcmp(previous, walk->hash, 32) != 0 ||
        memcmp(stored, expected, 32) != 0)
        return breaks(walk, walk->sequence, "this entry is not what was recorded");
    if (!beside_fits(walk, rows, row, PERSONAL, entry.personal_hash) ||
        !beside_fits(walk, rows, row, ACTOR, entry.actor_hash))
        return breaks(walk, walk->sequence,
                      "this entry's personal values are not what was recorded");
    memcpy(walk->hash, expected, 32);
    return true;
}

/* ---- against the kept heads */

/* The kept heads at or below the walk's place must be on the chain, and be followed by a head or by none. */
static bool
heads_fit(struct walk *walk, FILE *heads, struct kept_head *head, enum head_line *line,
          const uint8_t *public_key)
{
    char text[65];

    sodium_bin2hex(text, sizeof text, walk->hash, 32);
    while (*line == HEAD_LINE_READ && head->sequence <= walk->sequence) {
        if (!audit_head_is_ours(head, public_key))
            return breaks(walk, head->sequence, "a kept head's signature is not ours");
        if (head->sequence == walk->sequence && strcmp(head->hash, text) != 0)
            return breaks(walk, head->sequence, "the chain is not the one whose head was kept");
        *line = audit_head_next(heads, head);
    }
    return *line != HEAD_LINE_BROKEN ||
           breaks(walk, head->sequence + 1, audit_head_fault(walk->call, head, "heads"));
}

static enum rpc_status
walk_chain(struct walk *walk, FILE *heads, const uint8_t *public_key)
{
    struct kept_head head = {0};
    enum head_line line = heads == NULL ? HEAD_LINE_NONE : audit_head_next(heads, &head);
    int rows_read;

    if (!heads_fit(walk, heads, &head, &line, public_key))
        return RPC_OK;
    do {
        const char *after = arena_printf(walk->call->arena, "%lld", (long long)walk->sequence);
        const char *limit = arena_printf(walk->call->arena, "%d", VERIFY_PAGE);
        PGresult *rows = db_query(walk->call->db, walk->call->arena, &read_chain,
                                  (const char *const[]){after, limit});

        if (rows == NULL)
            return db_fail(walk->call);
        rows_read = PQntuples(rows);
        for (int row = 0; row < rows_read; row++)
            if (!step(walk, rows, row) || !heads_fit(walk, heads, &head, &line, public_key))
                return RPC_OK;
    } while (rows_read == VERIFY_PAGE);
    if (line == HEAD_LINE_READ)
        breaks(walk, walk->sequence + 1, "entries up to the last kept head are missing");
    return RPC_OK;
}

enum rpc_status
accounts_verify_audit(struct call *call, const VerifyAuditRequest *request,
                      AuditVerification *reply)
{
    struct walk walk = {.call = call, .reply = reply};
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    FILE *heads = audit_heads_open(call, "heads", "re");
    char now[25];

    (void)request;
    audit_heads_key(public_key);
    SET(reply, verified, true);
    TRY(walk_chain(&walk, heads, public_key));
    instant_now(now);
    reply->verified_at = arena_strdup(call->arena, now);
    SET(reply, entries, walk.sequence);
    reply->head_hash = arena_alloc(call->arena, 65);
    sodium_bin2hex(reply->head_hash, 65, walk.hash, 32);
    return RPC_OK;
}
