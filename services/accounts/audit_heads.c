/* SPDX-License-Identifier: Apache-2.0
 * Keeps signed heads of the audit chain outside the database, and holds a restored log against them. */
#include "audit_heads.h"

#include "accounts.rpc.h"
#include "audit.h"
#include "config.h"
#include "db.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct db_statement read_head = {.name = "read_audit_head",
                                              .text = "select sequence, hash from audit_head"};
DB_PROVED(read_head);

static const struct db_statement read_hash = {
    .name = "read_audit_hash",
    .parameters = 1,
    .text = "select encode(hash, 'hex') from audit_entry where sequence = $1"};
DB_PROVED(read_hash);

/* ---- the key */

/* The Ed25519 key pair of the seed in config.audit_key_file. */
static void
signing_keys(uint8_t public_key[crypto_sign_PUBLICKEYBYTES],
             uint8_t secret_key[crypto_sign_SECRETKEYBYTES])
{
    char *seed_text = config_secret("ESCARCELLE_AUDIT_KEY_FILE", config.audit_key_file);
    uint8_t seed[crypto_sign_SEEDBYTES];
    size_t length;

    if (sodium_hex2bin(seed, sizeof seed, seed_text, strlen(seed_text), NULL, &length, NULL) != 0 ||
        length != sizeof seed)
        fatal("ESCARCELLE_AUDIT_KEY_FILE must hold 64 hexadecimal digits");
    config_secret_free(seed_text);
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    sodium_memzero(seed, sizeof seed);
}

void
audit_heads_key(uint8_t public_key[crypto_sign_PUBLICKEYBYTES])
{
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];

    signing_keys(public_key, secret_key);
    sodium_memzero(secret_key, sizeof secret_key);
}

static void
close_file(void *file)
{
    fclose(file);
}

FILE *
audit_heads_open(struct call *call, const char *name, const char *mode)
{
    FILE *file = fopen(arena_printf(call->arena, "%s/%s", config.audit_dir, name), mode);

    if (file != NULL)
        arena_defer(call->arena, close_file, file);
    return file;
}

/* ---- the file */

bool
audit_head_next(FILE *file, struct kept_head *head)
{
    return fscanf(file, "%lld %64s %128s", &head->sequence, head->hash, head->signature) == 3;
}

bool
audit_head_is_ours(const struct kept_head *head,
                   const uint8_t public_key[crypto_sign_PUBLICKEYBYTES])
{
    uint8_t signature[crypto_sign_BYTES];
    size_t signature_bytes;
    char text[128];
    int length = snprintf(text, sizeof text, "%lld %s", head->sequence, head->hash);

    return sodium_hex2bin(signature, sizeof signature, head->signature, strlen(head->signature),
                          NULL, &signature_bytes, NULL) == 0 &&
           signature_bytes == sizeof signature &&
           crypto_sign_verify_detached(signature, (const uint8_t *)text, (unsigned long long)length,
                                       public_key) == 0;
}

/* ---- keeping */

/* Appends the head, signed, and makes it durable before it is said. */
static void
keep_head(struct call *call, long long sequence, const char *hash)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    uint8_t signature[crypto_sign_BYTES];
    char text[128], signature_text[AUDIT_SIGNATURE_TEXT_BYTES];
    int length = snprintf(text, sizeof text, "%lld %s", sequence, hash);
    FILE *file = audit_heads_open(call, "heads", "ae");

    signing_keys(public_key, secret_key);
    crypto_sign_detached(signature, NULL, (const uint8_t *)text, (unsigned long long)length,
                         secret_key);
    sodium_bin2hex(signature_text, sizeof signature_text, signature, sizeof signature);
    if (file == NULL || fprintf(file, "%s %s\n", text, signature_text) < 0 || fflush(file) != 0 ||
        fdatasync(fileno(file)) != 0)
        log_error("the audit head could not be kept in %s: %s", config.audit_dir, strerror(errno));
}

bool
audit_keep_moved_head(struct call *call)
{
    static long long kept; /* of this process; keeping one twice does no harm */
    PGresult *head = db_query(call->db, call->arena, &read_head, NULL);

    if (head == NULL || db_integer(head, 0, 0) == kept)
        return false;
    kept = db_integer(head, 0, 0);
    keep_head(call, kept, PQgetvalue(head, 0, 1) + 2);
    return false;
}

/* ---- after a restore */

/* The kept heads, parted at the log's end. */
struct parted {
    FILE *heads, *kept, *lost;
    struct kept_head last; /* at or before the log's end */
    long long lost_through;
};

static enum rpc_status
broken(struct call *call, long long sequence, const char *what)
{
    return call_fail(call, RPC_INVALID, NULL, "head %lld in %s/heads: %s", sequence,
                     config.audit_dir, what);
}

static enum rpc_status
open_parts(struct call *call, int64_t epoch, struct parted *parted)
{
    const char *lost = arena_printf(call->arena, "heads.lost-%lld", (long long)epoch);
    struct kept_head head;
    FILE *before = audit_heads_open(call, lost, "re"); /* of a run that was cut off */

    while (before != NULL && audit_head_next(before, &head))
        parted->lost_through = head.sequence;
    parted->kept = audit_heads_open(call, "heads.new", "we");
    parted->lost = audit_heads_open(call, lost, "ae");
    if (parted->kept == NULL || parted->lost == NULL)
        return call_fail(call, RPC_INVALID, NULL, "%s can't be written", config.audit_dir);
    return RPC_OK;
}

static enum rpc_status
part_heads(struct call *call, long long end, struct parted *parted)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    struct kept_head head;

    audit_heads_key(public_key);
    while (audit_head_next(parted->heads, &head)) {
        bool is_lost = head.sequence > end;

        if (!audit_head_is_ours(&head, public_key))
            return broken(call, head.sequence, "its signature is not ours");
        fprintf(is_lost ? parted->lost : parted->kept, "%lld %s %s\n", head.sequence, head.hash,
                head.signature);
        if (is_lost && head.sequence > parted->lost_through)
            parted->lost_through = head.sequence;
        if (!is_lost && head.sequence >= parted->last.sequence)
            parted->last = head;
    }
    return RPC_OK;
}

/* The last head that the log reaches stands for all before it: they are chained. */
static enum rpc_status
check_chain(struct call *call, const struct kept_head *last)
{
    const char *sequence = arena_printf(call->arena, "%lld", last->sequence);
    PGresult *row;

    if (last->sequence == 0)
        return RPC_OK;
    row = db_query(call->db, call->arena, &read_hash, &sequence);
    if (row == NULL)
        return db_fail(call);
    if (PQntuples(row) == 0 || strcmp(PQgetvalue(row, 0, 0), last->hash) != 0)
        return broken(call, last->sequence, "the restored log is not the one whose head was kept");
    return RPC_OK;
}

static bool
store_parts(struct call *call, const struct parted *parted)
{
    const char *heads = arena_printf(call->arena, "%s/heads", config.audit_dir);

    return fflush(parted->lost) == 0 && fdatasync(fileno(parted->lost)) == 0 &&
           fflush(parted->kept) == 0 && fdatasync(fileno(parted->kept)) == 0 &&
           rename(arena_printf(call->arena, "%s.new", heads), heads) == 0;
}

enum rpc_status
audit_heads_restored(struct call *call, int64_t epoch, Ops__DatabaseRestored *event)
{
    struct parted parted = {.heads = audit_heads_open(call, "heads", "re")};
    PGresult *head = db_query(call->db, call->arena, &read_head, NULL);

    if (head == NULL)
        return db_fail(call);
    SET(event, audit_sequence, db_integer(head, 0, 0));
    if (parted.heads == NULL)
        return RPC_OK;
    TRY(open_parts(call, epoch, &parted));
    TRY(part_heads(call, event->audit_sequence, &parted));
    TRY(check_chain(call, &parted.last));
    if (!store_parts(call, &parted))
        return call_fail(call, RPC_INVALID, NULL, "%s can't be written: %s", config.audit_dir,
                         strerror(errno));
    if (parted.lost_through > 0)
        SET(event, audit_lost_through, parted.lost_through);
    return RPC_OK;
}
