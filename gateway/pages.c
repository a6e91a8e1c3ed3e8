/* SPDX-License-Identifier: Apache-2.0
 * The gateway's own pages: plain, self-contained, without script. */
#include "pages.h"

#include "health.h"
#include "log.h"
#include "metrics.h"
#include "problems.h"

#include <stdlib.h>
#include <string.h>

enum { PAGES_BYTES_MAX = 64 << 20 };

#define HTML "text/html; charset=utf-8"

struct pages {
    struct arena *arena;
    struct buffer docs;
};

struct page {
    const char *path;
    void (*answer)(struct exchange *exchange);
};

struct pages *
pages_new(void)
{
    struct pages *pages = calloc(1, sizeof *pages);
    if (pages == NULL)
        fatal("no memory for the pages");
    pages->arena = arena_new(PAGES_BYTES_MAX);
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
page_start(struct buffer *out, const char *title)
{
    buffer_text(
        out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    page_text(out, title);
    buffer_text(out,
                "</title>\n<style>\n"
                "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
                "padding:0 1rem;color:#1c2430;background:#fff}\n"
                "h1,h2,h3{line-height:1.25}h2{margin-top:3rem}h3{margin-top:2rem}\n"
                "code{font:.92em ui-monospace,monospace;background:#eef1f5;padding:.1em .3em;"
                "border-radius:3px}\n"
                "table{border-collapse:collapse;width:100%}td,th{text-align:left;"
                "vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #dde2ea}\n"
                "a{color:#0b57a4}.verb{display:inline-block;min-width:4.5em;font-weight:600}\n"
                "</style>\n</head>\n<body>\n<h1>");
    page_text(out, title);
    buffer_text(out, "</h1>\n");
}

void
page_end(struct buffer *out)
{
    buffer_text(out, "</body>\n</html>\n");
}

static void
answer_page(struct exchange *exchange, int status, const struct buffer *out)
{
    exchange->reply.page = true;
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
                      "<li><a href=\"/openapi.json\">The same as OpenAPI 3.1</a></li>\n"
                      "<li><a href=\"/readyz\">Whether everything is there</a></li>\n</ul>\n");
    page_end(&out);
    answer_page(exchange, 200, &out);
}

static void
answer_docs(struct exchange *exchange)
{
    exchange->reply.cacheable = true;
    answer_page(exchange, 200, &exchange->gateway->pages->docs);
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
    answer_page(exchange, 200, &out);
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
    answer_page(exchange, known != NULL ? 200 : 404, &out);
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
    static const struct page root = {"", answer_root}, problem = {"problems", answer_problem_page};
    if (target->segments_count == 0)
        return &root;
    if (target->segments_count == 2 && strcmp(target->segments[0], problem.path) == 0)
        return &problem;
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
