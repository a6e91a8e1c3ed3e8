/* SPDX-License-Identifier: Apache-2.0
 * Composes application/problem+json. The codes and their meanings are in problem_codes.c. */
#include "problems.h"

#include "json.h"
#include "visits.h"

#include <stdarg.h>
#include <string.h>

#define PROBLEM_JSON "application/problem+json"

const struct problem_code *
problem_find(const char *code)
{
    for (size_t i = 0; i < problem_codes_count; i++)
        if (strcmp(problem_codes[i].code, code) == 0)
            return &problem_codes[i];
    return NULL;
}

bool
problem_is_code(const char *code)
{
    size_t length = strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return length > 0 && length <= 64 && code[length] == '\0';
}

static const char *
status_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

static void
write_member(struct buffer *out, const char *name, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    buffer_printf(out, ",\"%s\":", name);
    json_string(out, text);
}

static void
write_errors(struct buffer *out, const Wire__Problem *problem)
{
    if (problem->n_errors == 0)
        return;
    buffer_text(out, ",\"errors\":[");
    for (size_t i = 0; i < problem->n_errors; i++) {
        const Wire__Violation *error = problem->errors[i];
        buffer_text(out, i == 0 ? "{\"pointer\":" : ",{\"pointer\":");
        json_string(out, error->pointer == NULL ? "" : error->pointer);
        write_member(out, "code", error->code);
        write_member(out, "detail", error->detail);
        buffer_text(out, "}");
    }
    buffer_text(out, "]");
}

static void
add_retry_after(struct exchange *exchange, int status, const Wire__Problem *problem)
{
    int seconds = problem->has_retry_after_s ? problem->retry_after_s : status == 503 ? 1 : 0;
    if (seconds > 0)
        exchange_header(exchange, "Retry-After", arena_printf(exchange->arena, "%d", seconds));
}

void
problem_answer(struct exchange *exchange, int status, const Wire__Problem *problem)
{
    const struct problem_code *known = problem_find(problem->code);
    struct buffer out;
    add_retry_after(exchange, status, problem);
    if (exchange->visit != NULL) {
        visit_refuse(exchange, status);
        return;
    }
    buffer_init(&out, exchange->arena);
    buffer_text(&out, "{\"type\":");
    json_string(&out, arena_printf(exchange->arena, "/problems/%s", problem->code));
    write_member(&out, "title", known != NULL ? known->title : status_title(status));
    buffer_printf(&out, ",\"status\":%d", status);
    write_member(&out, "detail", problem->detail);
    write_member(&out, "instance", exchange->request_id);
    write_member(&out, "code", problem->code);
    write_errors(&out, problem);
    buffer_text(&out, "}");
    if (status == 401)
        exchange_header(exchange, "WWW-Authenticate", "Bearer realm=\"escarcelle\"");
    exchange_answer(exchange, status, PROBLEM_JSON, out.bytes, out.length);
}

void
problem_refuse(struct exchange *exchange, int status, const char *code, const char *detail, ...)
{
    Wire__Problem problem;
    wire__problem__init(&problem);
    va_list arguments;
    va_start(arguments, detail);
    problem.code = arena_strdup(exchange->arena, code);
    problem.detail = arena_vprintf(exchange->arena, detail, arguments);
    va_end(arguments);
    problem_answer(exchange, status, &problem);
}

/* "/billing_contact/email" → "billing_contact.email" */
static const char *
culprit(struct arena *arena, const char *pointer)
{
    if (*pointer == '\0')
        return "The body";
    char *name = arena_strdup(arena, *pointer == '/' ? pointer + 1 : pointer);
    for (char *slash = name; (slash = strchr(slash, '/')) != NULL;)
        *slash = '.';
    return name;
}

void
problem_blame(struct exchange *exchange, int status, const char *code, const char *pointer,
              const char *sentence)
{
    struct arena *arena = exchange->arena;
    Wire__Problem problem;
    Wire__Violation violation, *violations[] = {&violation};
    wire__problem__init(&problem);
    wire__violation__init(&violation);
    violation.pointer = arena_strdup(arena, pointer);
    violation.code = arena_strdup(arena, code);
    violation.detail = arena_strdup(arena, sentence);
    problem.code = arena_strdup(arena, status == 422 ? rpc_status_code(RPC_INVALID) : code);
    problem.detail = arena_printf(arena, "%s %s", culprit(arena, pointer), sentence);
    problem.errors = violations;
    problem.n_errors = 1;
    problem_answer(exchange, status, &problem);
}

void
problem_unavailable(struct exchange *exchange, const char *detail)
{
    problem_refuse(exchange, 503, rpc_status_code(RPC_UNAVAILABLE), "%s", detail);
}
