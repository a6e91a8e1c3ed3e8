/* SPDX-License-Identifier: Apache-2.0
 * Any text as page_token: a list takes the token of a row that it can have, written as it writes them, and refuses
 * all else. There is no database: a list that takes its token finds it away. */
#include "accounts.pb-c.h"
#include "checks.h"
#include "input.h"
#include "service.h"
#include "sql_compile.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { SEQUENCE_DIGITS = 18, VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

SQL(by_uuid, accounts__list_clients_request_, accounts__list_clients_reply_,
    "select id from client where true :page");
SQL(by_number, accounts__list_audit_entries_request_, accounts__list_audit_entries_reply_,
    "select sequence from audit_entry where true :page(sequence)");

static bool
is_key(const char *text, bool number)
{
    size_t digits = strspn(text, "0123456789");

    return number ? digits > 0 && digits <= SEQUENCE_DIGITS && text[digits] == '\0'
                  : check_uuid(text);
}

static const char *
encoded(struct arena *arena, const char *key)
{
    size_t length = strlen(key), size = sodium_base64_encoded_len(length, VARIANT);

    return sodium_bin2base64(arena_alloc(arena, size), size, (const uint8_t *)key, length, VARIANT);
}

/* Whether the list takes this token. */
static bool
taken(struct arena *arena, struct db *db, const char *token, bool number)
{
    static const struct rpc_service rpc = {.name = "accounts"};
    static const struct service service = {.rpc = &rpc};
    Accounts__ListClientsRequest clients = ACCOUNTS__LIST_CLIENTS_REQUEST__INIT;
    Accounts__ListClientsReply page = ACCOUNTS__LIST_CLIENTS_REPLY__INIT;
    Accounts__ListAuditEntriesRequest entries = ACCOUNTS__LIST_AUDIT_ENTRIES_REQUEST__INIT;
    Accounts__ListAuditEntriesReply log = ACCOUNTS__LIST_AUDIT_ENTRIES_REPLY__INIT;
    struct call call;
    enum rpc_status status;

    call_start(&call, arena, db, NULL, &service);
    clients.page_token = entries.page_token = (char *)token;
    status = number ? sql_page(&call, &by_number, &entries, &log)
                    : sql_page(&call, &by_uuid, &clients, &page);
    assert(status == RPC_UNAVAILABLE || status == RPC_INVALID);
    assert((status == RPC_INVALID) == call_violates(&call, "/page_token"));
    return status == RPC_UNAVAILABLE;
}

static struct db *
no_database(void)
{
    static struct arena *statements; /* as long as the process */
    static struct db *db;

    if (statements == NULL) {
        statements = arena_new(INPUT_ARENA_BYTES_MAX);
        db = db_new("accounts", false);
        assert(sql_compile(statements, &by_uuid) == NULL);
        assert(sql_compile(statements, &by_number) == NULL);
    }
    return db;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    bool number = input_byte(&input) % 2 == 1;
    const char *text = input_text(&input, arena);

    if (taken(arena, no_database(), text, number)) {
        const char *key = sql_page_key(arena, text);

        assert(key != NULL && is_key(key, number));
        input_expect_same(encoded(arena, key), text);
    }
    assert(taken(arena, no_database(), encoded(arena, text), number) == is_key(text, number));
    return 0;
}
