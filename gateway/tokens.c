/* SPDX-License-Identifier: Apache-2.0
 * A bounded cache of token checks, good and bad ones. Only hashes of tokens are kept. It must not
 * decide what a caller may do. */
#include "tokens.h"

#include "accounts.pb-c.h"
#include "asks.h"
#include "dates.h"
#include "http.h"
#include "log.h"
#include "requests.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_BYTES = crypto_hash_sha256_BYTES, CALLER_BYTES_MAX = 512, ANSWER_BYTES_MAX = 1 << 20 };

/* What accounts said of a token: a packed wire.Caller, nothing when the token is not good. */
struct entry {
    uint8_t hash[HASH_BYTES];
    uint64_t era;
    int64_t until_ms;
    size_t caller_bytes;
    uint8_t caller[CALLER_BYTES_MAX];
    struct check *check; /* under way for this hash */
};

/* One question, and the exchanges that wait for its answer. It lies in the memory of the one that
 * asked, which goes on in the same turn as the others. */
struct check {
    struct tokens *tokens;
    uint8_t hash[HASH_BYTES];
    uint64_t era;
    struct exchange *waiting;
};

struct tokens {
    struct gateway *gateway;
    uint64_t era; /* what is of another one is forgotten */
    struct entry entries[TOKENS_CACHED_MAX];
};

struct tokens *
tokens_new(struct gateway *gateway)
{
    struct tokens *tokens = calloc(1, sizeof *tokens);
    if (tokens == NULL)
        fatal("no memory for the tokens");
    tokens->gateway = gateway;
    tokens->era = 1;
    return tokens;
}

void
tokens_free(struct tokens *tokens)
{
    free(tokens);
}

void
tokens_forget(struct tokens *tokens)
{
    tokens->era++;
}

static struct entry *
entry_of(struct tokens *tokens, const uint8_t hash[HASH_BYTES])
{
    uint32_t place;
    memcpy(&place, hash, sizeof place);
    return &tokens->entries[place % TOKENS_CACHED_MAX];
}

/* What the exchange learns: no bytes, no caller. */
static void
tell(struct exchange *exchange, const uint8_t *bytes, size_t count)
{
    Wire__Caller *caller = NULL;
    if (count > 0)
        caller = wire__caller__unpack(arena_allocator(exchange->arena), count, bytes);
    exchange->verdict = caller == NULL ? TOKEN_BAD : TOKEN_GOOD;
    if (caller != NULL)
        exchange->caller = *caller;
}

/* ---- the answer */

static void
remember(struct check *check, const uint8_t *caller, size_t caller_bytes)
{
    struct entry *entry = entry_of(check->tokens, check->hash);
    bool other_under_way = entry->check != NULL && entry->check != check;
    if (other_under_way || check->era != check->tokens->era || caller_bytes > CALLER_BYTES_MAX)
        return;
    memcpy(entry->hash, check->hash, HASH_BYTES);
    memcpy(entry->caller, caller, caller_bytes);
    entry->caller_bytes = caller_bytes;
    entry->era = check->era;
    entry->until_ms = clock_ms() + TOKEN_CACHE_MS;
}

/* The packed caller of a good answer; false when accounts did not say. */
static bool
read_answer(struct arena *arena, const struct answer *answer, uint8_t **caller,
            size_t *caller_bytes)
{
    static uint8_t nobody[1];
    if (answer->outcome != ASK_ANSWERED || answer->header->status != RPC_OK)
        return false;
    Accounts__CheckTokenReply *reply = accounts__check_token_reply__unpack(
        arena_allocator(arena), answer->body_bytes, answer->body);
    if (reply == NULL)
        return false;
    *caller = nobody;
    *caller_bytes = 0;
    if (reply->caller == NULL)
        return true;
    *caller_bytes = wire__caller__get_packed_size(reply->caller);
    *caller = arena_alloc(arena, *caller_bytes);
    wire__caller__pack(reply->caller, *caller);
    return true;
}

static void
token_checked(void *owner, const struct answer *answer)
{
    struct check *check = owner;
    struct exchange *exchange = check->waiting;
    struct entry *entry = entry_of(check->tokens, check->hash);
    uint8_t *caller = NULL;
    size_t caller_bytes = 0;
    struct arena *arena = arena_new(ANSWER_BYTES_MAX);
    bool known = read_answer(arena, answer, &caller, &caller_bytes);
    if (known)
        remember(check, caller, caller_bytes);
    if (entry->check == check)
        entry->check = NULL;
    while (exchange != NULL) {
        struct exchange *next = exchange->next_waiting;
        if (known)
            tell(exchange, caller, caller_bytes);
        exchange_run(exchange, request_judge);
        http_resume(exchange);
        exchange = next;
    }
    arena_free(arena);
}

/* ---- the question */

static bool
ask(struct tokens *tokens, struct exchange *exchange, const char *method,
    const ProtobufCMessage *request, enum ask_repeat repeat, ask_done *done, void *owner)
{
    Wire__RequestHeader header;
    Wire__Caller caller;
    wire__request_header__init(&header);
    wire__caller__init(&caller);
    caller.kind = arena_strdup(exchange->arena, "service");
    caller.id = caller.name = arena_strdup(exchange->arena, "gateway");
    caller.address = exchange->caller.address;
    header.method = arena_strdup(exchange->arena, method);
    header.request_id = arena_strdup(exchange->arena, exchange->request_id);
    header.caller = &caller;
    size_t bytes = protobuf_c_message_get_packed_size(request);
    uint8_t *body = arena_alloc(exchange->arena, bytes);
    protobuf_c_message_pack(request, body);
    return asks_send(tokens->gateway->asks, exchange->arena,
                     &(struct question){
                         .service = "accounts.leaf",
                         .header = &header,
                         .body = body,
                         .body_bytes = bytes,
                         .timeout_ms = TOKEN_CHECK_MS_MAX,
                         .repeat = repeat,
                         .done = done,
                         .owner = owner,
                     });
}

static bool
ask_token(struct tokens *tokens, struct exchange *exchange, struct check *check)
{
    Accounts__CheckTokenRequest request;
    accounts__check_token_request__init(&request);
    request.has_token_hash = 1;
    request.token_hash = (ProtobufCBinaryData){HASH_BYTES, check->hash};
    return ask(tokens, exchange, "accounts.CheckToken", &request.base, ASK_UNTIL_DONE,
               token_checked, check);
}

/* Suspends the exchange; it goes on in token_checked. */
static void
await_check(struct exchange *exchange, struct check *check)
{
    exchange->stage = EXCHANGE_CHECKING;
    exchange->next_waiting = check->waiting;
    check->waiting = exchange;
    http_suspend(exchange);
}

void
tokens_check(struct tokens *tokens, struct exchange *exchange, const char *token)
{
    uint8_t hash[HASH_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)token, strlen(token));
    struct entry *entry = entry_of(tokens, hash);
    bool same = memcmp(entry->hash, hash, HASH_BYTES) == 0;
    if (same && entry->era == tokens->era && entry->until_ms > clock_ms()) {
        tell(exchange, entry->caller, entry->caller_bytes);
        request_judge(exchange);
        return;
    }
    if (entry->check != NULL && memcmp(entry->check->hash, hash, HASH_BYTES) == 0 &&
        entry->check->era == tokens->era) {
        await_check(exchange, entry->check);
        return;
    }
    struct check *check = arena_alloc(exchange->arena, sizeof *check);
    check->tokens = tokens;
    check->era = tokens->era;
    memcpy(check->hash, hash, HASH_BYTES);
    if (!ask_token(tokens, exchange, check)) {
        request_judge(exchange);
        return;
    }
    if (entry->check == NULL)
        entry->check = check;
    await_check(exchange, check);
}

/* ---- tickets */

static void
ticket_checked(void *owner, const struct answer *answer)
{
    struct exchange *exchange = owner;
    uint8_t *caller = NULL;
    size_t caller_bytes = 0;
    struct arena *arena = arena_new(ANSWER_BYTES_MAX);
    if (read_answer(arena, answer, &caller, &caller_bytes))
        tell(exchange, caller, caller_bytes);
    exchange_run(exchange, request_judge);
    http_resume(exchange);
    arena_free(arena);
}

void
tokens_check_ticket(struct tokens *tokens, struct exchange *exchange, const char *ticket)
{
    uint8_t hash[HASH_BYTES];
    Accounts__UseTicketRequest request;
    crypto_hash_sha256(hash, (const uint8_t *)ticket, strlen(ticket));
    accounts__use_ticket_request__init(&request);
    request.has_ticket_hash = 1;
    request.ticket_hash = (ProtobufCBinaryData){HASH_BYTES, hash};
    request.path = arena_strdup(exchange->arena, exchange->target.path);
    if (!ask(tokens, exchange, "accounts.UseTicket", &request.base, ASK_UNTIL_TAKEN, ticket_checked,
             exchange)) {
        request_judge(exchange);
        return;
    }
    exchange->stage = EXCHANGE_CHECKING;
    http_suspend(exchange);
}
