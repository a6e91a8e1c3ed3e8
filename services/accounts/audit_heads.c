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

static const char *
head_line(const struct kept_head *head, char line[HEAD_LINE_BYTES])
{
    snprintf(line, HEAD_LINE_BYTES, "%lld %s %s\n", head->sequence, head->hash, head->signature);
    return line;
}

enum head_line
audit_head_next(FILE *file, struct kept_head *head)
{
    char line[HEAD_LINE_BYTES], again[HEAD_LINE_BYTES];
    struct kept_head read = {.line = ++head->line};

    if (fgets(line, sizeof line, file) == NULL || strchr(line, '\n') == NULL)
        return feof(file) ? HEAD_LINE_NONE : HEAD_LINE_BROKEN;
    if (sscanf(line, "%lld %64s %128s", &read.sequence, read.hash, read.signature) != 3 ||
        strcmp(line, head_line(&read, again)) != 0)
        return HEAD_LINE_BROKEN;
    *head = read;
    return HEAD_LINE_READ;
}

const char *
audit_head_fault(struct call *call, const struct kept_head *head, const char *name)
{
    return arena_printf(
        call->arena,
        "line %ld of %s/%s is no head; find out who wrote it, then put the file back "
        "from the backup",
        head->line, config.audit_dir, name);
}

/* Behind a line that a crash cut off the next head would be part of it. */
static bool
cut_torn_line(FILE *file)
{
    long end, whole;

    if (fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0)
        return false;
    for (whole = end; whole > 0; whole--)
        if (fseek(file, whole - 1, SEEK_SET) != 0)
            return false;
        else if (getc(file) == '\n')
            break;
    return whole == end || ftruncate(fileno(file), whole) == 0;
}

/* To be read from its start and appended to; NULL when it can't be. */
static FILE *
open_whole(struct call *call, const char *name)
{
    FILE *file = audit_heads_open(call, name, "a+e");

    return file != NULL && cut_torn_line(file) && fseek(file, 0, SEEK_SET) == 0 ? file : NULL;
}

static unsigned long long
signed_text(const struct kept_head *head, char text[HEAD_LINE_BYTES])
{
    return (unsigned long long)snprintf(text, HEAD_LINE_BYTES, "%lld %s", head->sequence,
                                        head->hash);
}

bool
audit_head_is_ours(const struct kept_head *head,
                   const uint8_t public_key[crypto_sign_PUBLICKEYBYTES])
{
    uint8_t signature[crypto_sign_BYTES];
    size_t signature_bytes;
    char text[HEAD_LINE_BYTES];
    unsigned long long length = signed_text(head, text);

    return sodium_hex2bin(signature, sizeof signature, head->signature, strlen(head->signature),
                          NULL, &signature_bytes, NULL) == 0 &&
           signature_bytes == sizeof signature &&
           crypto_sign_verify_detached(signature, (const uint8_t *)text, length, public_key) == 0;
}

/* ---- keeping */

/* Appends the head, signed, and makes it durable before it is said. */
static void
keep_head(struct call *call, long long sequence, const char *hash)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    uint8_t signature[crypto_sign_BYTES];
    char text[HEAD_LINE_BYTES];
    struct kept_head head = {.sequence = sequence};
    FILE *file = open_whole(call, "heads");

    signing_keys(public_key, secret_key);
    snprintf(head.hash, sizeof head.hash, "%s", hash);
    crypto_sign_detached(signature, NULL, (const uint8_t *)text, signed_text(&head, text),
                         secret_key);
    sodium_bin2hex(head.signature, sizeof head.signature, signature, sizeof signature);
    if (file == NULL || fputs(head_line(&head, text), file) < 0 || fflush(file) != 0 ||
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
expect_end(struct call *call, enum head_line line, const struct kept_head *head, const char *name)
{
    return line == HEAD_LINE_BROKEN
               ? call_fail(call, RPC_INVALID, NULL, "%s", audit_head_fault(call, head, name))
               : RPC_OK;
}

static enum rpc_status
open_parts(struct call *call, int64_t epoch, struct parted *parted)
{
    const char *lost = arena_printf(call->arena, "heads.lost-%lld", (long long)epoch);
    struct kept_head head = {0};
    enum head_line line;

    parted->kept = audit_heads_open(call, "heads.new", "we");
    parted->lost = open_whole(call, lost);
    if (parted->kept == NULL || parted->lost == NULL)
        return call_fail(call, RPC_INVALID, NULL, "%s can't be written", config.audit_dir);
    while ((line = audit_head_next(parted->lost, &head)) == HEAD_LINE_READ)
        parted->lost_through = head.sequence; /* of a run that was cut off */
    return expect_end(call, line, &head, lost);
}

static enum rpc_status
part_heads(struct call *call, long long end, struct parted *parted)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    char text[HEAD_LINE_BYTES];
    struct kept_head head = {0};
    enum head_line line;

    audit_heads_key(public_key);
    while ((line = audit_head_next(parted->heads, &head)) == HEAD_LINE_READ) {
        bool is_lost = head.sequence > end;

        if (!audit_head_is_ours(&head, public_key))
            return broken(call, head.sequence, "its signature is not ours");
        fputs(head_line(&head, text), is_lost ? parted->lost : parted->kept);
        if (is_lost && head.sequence > parted->lost_through)
            parted->lost_through = head.sequence;
        if (!is_lost && head.sequence >= parted->last.sequence)
            parted->last = head;
    }
    return expect_end(call, line, &head, "heads");
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
