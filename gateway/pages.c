/* SPDX-License-Identifier: Apache-2.0
 * The gateway's own pages: plain, self-contained, without script. */
#include "pages.h"

#include "health.h"
#include "log.h"
#include "metrics.h"
#include "problems.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES_BYTES_MAX = 64 << 20 };

#define HTML "text/html; charset=utf-8"

struct pages {
    struct arena *arena;
    struct buffer docs;
    const char *policy, *form_policy, *flows_policy; /* Content-Security-Policy */
};

struct page {
    const char *path;
    void (*answer)(struct exchange *exchange);
};

/* A style of ours by its hash, and nothing else. */
static const char *
make_policy(struct arena *arena, const char *style, size_t style_bytes, const char *form_action)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof hash, sodium_base64_VARIANT_ORIGINAL)];

    crypto_hash_sha256(hash, (const unsigned char *)style, style_bytes);
    sodium_bin2base64(text, sizeof text, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    return arena_printf(arena,
                        "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
                        "form-action %s; frame-ancestors 'none'",
                        text, form_action);
}

/* The page of flows is drawn when the program is built, and brings its own. */
static const char *
make_flows_policy(struct arena *arena)
{
    static const char start[] = "<style>";
    const char *style = strstr(flows_html, start), *end = strstr(flows_html, "</style>");

    if (style == NULL || end == NULL)
        fatal("the page of flows has no style");
    style += strlen(start);
    return make_policy(arena, style, (size_t)(end - style), "'none'");
}

struct pages *
pages_new(void)
{
    struct pages *pages = calloc(1, sizeof *pages);
    if (pages == NULL)
        fatal("no memory for the pages");
    pages->arena = arena_new(PAGES_BYTES_MAX);
    pages->policy = make_policy(pages->arena, page_css, page_css_bytes, "'none'");
    pages->form_policy = make_policy(pages->arena, page_css, page_css_bytes, "'self'");
    pages->flows_policy = make_flows_policy(pages->arena);
    buffer_init(&pages->docs, pages->arena);
    docs_write(&pages->docs, openapi_json, openapi_json_bytes);
    return pages;
}

void
pages_free(struct pages *pages)
{
    arena_free(pages->arena);
    free(pages);
}

/* ---- HTML */

void
page_text(struct buffer *out, const char *text)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "&<>\"'");
        buffer_append(out, text, plain);
        text += plain;
        if (*text != '\0')
            buffer_printf(out, "&#%d;", *text++);
    }
}

void
page_print(struct buffer *out, const char *html, ...)
{
    va_list arguments;

    va_start(arguments, html);
    for (const char *place; (place = strstr(html, "%s")) != NULL; html = place + 2) {
        buffer_append(out, html, (size_t)(place - html));
        page_text(out, va_arg(arguments, const char *));
    }
    va_end(arguments);
    buffer_text(out, html);
}

static void
write_head(struct buffer *out, const char *language, const char *title, const char *more)
{
    buffer_printf(out,
                  "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "%s<title>",
                  language, more);
    page_text(out, title);
    buffer_printf(out, "</title>\n<style>%s</style>\n</head>\n", page_css);
}

void
page_start(struct buffer *out, const char *title)
{
    write_head(out, "en", title, "");
    buffer_text(out, "<body>\n<main>\n<h1>");
    page_text(out, title);
    buffer_text(out, "</h1>\n");
}

void
page_start_visit(struct buffer *out, const char *language, const char *title)
{
    write_head(out, language, title, "<meta name=\"robots\" content=\"noindex\">\n");
    buffer_text(out, "<body class=\"visit\">\n<main>\n");
}

void
page_end(struct buffer *out)
{
    buffer_text(out, "</main>\n</body>\n</html>\n");
}

void
page_answer(struct exchange *exchange, int status, const struct buffer *out, bool form)
{
    const struct pages *pages = exchange->gateway->pages;

    exchange->reply.policy = form ? pages->form_policy : pages->policy;
    exchange_answer(exchange, status, HTML, out->bytes, out->length);
}

/* ---- the pages */

static void
answer_root(struct exchange *exchange)
{
    struct buffer out;
    buffer_init(&out, exchange->arena);
    page_start(&out, "Escarcelle");
    buffer_text(&out, "<p>Training projects, their budgets, funding calls and invoices.</p>\n<ul>\n"
                      "<li><a href=\"/docs\">Reference of the API</a></li>\n"
                      "<li><a href=\"/docs/flows\">Who may do what, states, scenarios, "
                      "events, tables</a></li>\n"
                      "<li><a href=\"/openapi.json\">The same as OpenAPI 3.1</a></li>\n"
                      "<li><a href=\"/readyz\">Whether everything is there</a></li>\n</ul>\n");
    page_end(&out);
    page_answer(exchange, 200, &out, false);
}

static void
answer_docs(struct exchange *exchange)
{
    exchange->reply.cacheable = true;
    page_answer(exchange, 200, &exchange->gateway->pages->docs, false);
}

static void
answer_flows(struct exchange *exchange)
{
    exchange->reply.cacheable = true;
    exchange->reply.policy = exchange->gateway->pages->flows_policy;
    exchange_answer(exchange, 200, HTML, flows_html, flows_html_bytes);
}

static void
answer_openapi(struct exchange *exchange)
{
    exchange->reply.cacheable = true;
    exchange_answer(exchange, 200, "application/json", openapi_json, openapi_json_bytes);
}

static void
answer_problem_list(struct exchange *exchange)
{
    struct buffer out;
    buffer_init(&out, exchange->arena);
    page_start(&out, "Problems");
    buffer_text(&out, "<table>\n");
    for (size_t i = 0; i < problem_codes_count; i++) {
        buffer_printf(&out, "<tr><td><a href=\"/problems/%s\"><code>%s</code></a></td><td>",
                      problem_codes[i].code, problem_codes[i].code);
        page_text(&out, problem_codes[i].title);
        buffer_text(&out, "</td></tr>\n");
    }
    buffer_text(&out, "</table>\n");
    page_end(&out);
    page_answer(exchange, 200, &out, false);
}

static void
answer_problem_page(struct exchange *exchange)
{
    const char *code = exchange->target.segments[1];
    const struct problem_code *known = problem_find(code);
    struct buffer out;
    if (!problem_is_code(code)) {
        problem_refuse(exchange, 404, rpc_status_code(RPC_NOT_FOUND), "There is no such problem.");
        return;
    }
    buffer_init(&out, exchange->arena);
    page_start(&out, known != NULL ? known->title : code);
    buffer_printf(&out, "<p>Code: <code>%s</code></p>\n<p>", code);
    page_text(&out,
              known != NULL
                  ? known->meaning
                  : "This problem has no text of its own: the problem's detail and errors say "
                    "what is wrong with which value.");
    buffer_text(&out, "</p>\n<p><a href=\"/problems\">All problems</a></p>\n");
    page_end(&out);
    page_answer(exchange, known != NULL ? 200 : 404, &out, false);
}

/* ---- finding them */

static const struct page pages[] = {
    {"docs", answer_docs},
    {"livez", health_answer_live},
    {"metrics", metrics_answer},
    {"openapi.json", answer_openapi},
    {"problems", answer_problem_list},
    {"readyz", health_answer_ready},
};

static const struct page *
find_page(const struct target *target)
{
    static const struct page root = {"", answer_root}, flows = {"docs", answer_flows},
                             problem = {"problems", answer_problem_page};
    if (target->segments_count == 0)
        return &root;
    if (target->segments_count == 2 && strcmp(target->segments[0], problem.path) == 0)
        return &problem;
    if (target->segments_count == 2 && strcmp(target->segments[0], flows.path) == 0 &&
        strcmp(target->segments[1], "flows") == 0)
        return &flows;
    for (size_t i = 0; target->segments_count == 1 && i < sizeof pages / sizeof *pages; i++)
        if (strcmp(pages[i].path, target->segments[0]) == 0)
            return &pages[i];
    return NULL;
}

bool
pages_know(struct exchange *exchange)
{
    return find_page(&exchange->target) != NULL;
}

void
pages_answer(struct exchange *exchange)
{
    find_page(&exchange->target)->answer(exchange);
}
