/* SPDX-License-Identifier: Apache-2.0
 * A request's path, query and body as the message of its route: what is read is text and survives protobuf; what
 * is refused is answered with a problem in JSON, or with a page to whom a page was sent; and nothing that is
 * typed into a form becomes part of its page's markup. */
#include "forms.h"

#include "accounts.pb-c.h"
#include "call.h"
#include "fields.h"
#include "funding.pb-c.h"
#include "gateway.h"
#include "input.h"
#include "json_tree.h"
#include "pages.h"
#include "visits.h"

#include <assert.h>
#include <string.h>

static const struct visit_page *const pages[] = {&review_page, &password_page};

static void
read_target(struct exchange *exchange, const char *verb)
{
    if (exchange->target_fault != TARGET_BAD_PATH &&
        routes_match(exchange->arena, http_routes, http_routes_count, verb, &exchange->target,
                     &exchange->match))
        exchange->route = exchange->match.route;
}

/* As requests.c does for a browser's form. */
static void
visit(struct exchange *exchange, const char *language)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strcmp(pages[i]->path, exchange->route->path) == 0 && exchange->route->writes) {
            exchange->visit = arena_alloc(exchange->arena, sizeof *exchange->visit);
            exchange->visit->page = pages[i];
            exchange->visit->language = language;
            exchange->visit->status = 200;
        }
}

static void
check_message(struct arena *arena, const struct http_route *route, const ProtobufCMessage *message)
{
    struct buffer before, after;
    size_t length;
    const uint8_t *packed = message_pack(arena, message, &length);
    const ProtobufCMessage *again = protobuf_c_message_unpack(
        route->request->descriptor, arena_allocator(arena), length, packed);

    assert(again != NULL);
    buffer_init(&before, arena);
    buffer_init(&after, arena);
    json_write_plain(&before, message);
    json_write_plain(&after, again);
    input_expect_text(before.bytes);
    input_expect_same(before.bytes, after.bytes);
}

static size_t
count(const char *text, char character)
{
    size_t found = 0;

    for (; (text = strchr(text, character)) != NULL; text++)
        found++;
    return found;
}

/* What was read before the page was shown. */
static const ProtobufCMessage *
answer(const struct exchange *exchange)
{
    static const Funding__FundingReview no_review = FUNDING__FUNDING_REVIEW__INIT;
    static const Accounts__PasswordReset no_reset = ACCOUNTS__PASSWORD_RESET__INIT;
    Funding__FundingReview *review = arena_memdup(exchange->arena, &no_review, sizeof no_review);
    Accounts__PasswordReset *reset = arena_memdup(exchange->arena, &no_reset, sizeof no_reset);

    reset->email = (char *)"ada@client.example";
    review->call_date = (char *)"2026-12-01";
    review->expires_at = reset->expires_at = (char *)"2026-12-31T11:00:00Z";
    SET(review, status, FUNDING__FUNDING_CALL_STATUS__FUNDING_CALL_STATUS_SENT);
    return exchange->visit->page == &review_page ? &review->base : &reset->base;
}

/* The page of a form that was typed, and of the same with plain words instead: the same tags. */
static void
check_page(struct exchange *exchange)
{
    struct visit *visit = exchange->visit;
    const ProtobufCMessage *read = answer(exchange);
    const char *shown;

    visit->page->show(exchange, read);
    shown = arena_strndup(exchange->arena, exchange->reply.body, exchange->reply.body_bytes);
    input_expect_text(shown);
    for (size_t i = 0; i < visit->typed.parameters_count; i++)
        if (strcmp(visit->typed.parameters[i].name, "decision") != 0)
            visit->typed.parameters[i].value = "plain";
    exchange->reply = (struct reply){0};
    visit->page->show(exchange, read);
    const char *plain =
        arena_strndup(exchange->arena, exchange->reply.body, exchange->reply.body_bytes);
    assert(count(shown, '<') == count(plain, '<') && count(shown, '"') == count(plain, '"'));
}

static void
check_refusal(const struct exchange *exchange)
{
    const struct reply *reply = &exchange->reply;
    struct json_problem problem = {0};
    const char *body = arena_strndup(exchange->arena, reply->body, reply->body_bytes);

    assert(exchange->stage == EXCHANGE_ANSWERED && reply->status >= 400 && reply->status < 500);
    input_expect_text(body);
    if (exchange->visit == NULL)
        assert(json_tree_parse(exchange->arena, body, reply->body_bytes, &problem) != NULL);
}

static void
check(struct exchange *exchange)
{
    struct form form;

    if (!form_read(exchange, &form)) {
        check_refusal(exchange);
        return;
    }
    check_message(exchange->arena, exchange->route, form.message);
    if (exchange->visit != NULL)
        check_page(exchange);
}

/* What a page needs of the gateway. */
static struct gateway *
gateway_of_pages(void)
{
    static struct gateway gateway;

    if (gateway.pages == NULL)
        gateway.pages = pages_new();
    return &gateway;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const verbs[] = {"POST", "GET", "PATCH", "PUT", "DELETE"};
    struct arena *arena = input_arena();
    struct input input = {data, size};
    uint8_t choice = input_byte(&input);
    const char *target = input_text(&input, arena);
    struct exchange *exchange = exchange_new(gateway_of_pages(), arena, target);

    read_target(exchange, verbs[choice % 5]);
    if (exchange->route == NULL)
        return 0;
    exchange->verb = exchange->route->verb;
    if (choice & 0x80)
        visit(exchange, choice & 0x40 ? "en" : "fr");
    buffer_append(&exchange->body, input.at, input.left);
    check(exchange);
    return 0;
}
