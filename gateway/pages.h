/* SPDX-License-Identifier: Apache-2.0
 * What the gateway answers itself: health, metrics, the contract and its reference, pages of
 * problems. */
#ifndef ESCARCELLE_GATEWAY_PAGES_H
#define ESCARCELLE_GATEWAY_PAGES_H

#include "exchange.h"

/* The contract as OpenAPI 3.1, embedded when the program is built. */
extern const char openapi_json[];
extern const size_t openapi_json_bytes;
/* Use cases, states, scenarios, events and tables, drawn by scripts/flows when it is built. */
extern const char flows_html[];
extern const size_t flows_html_bytes;

/* The style of every page, embedded when the program is built. */
extern const char page_css[];
extern const size_t page_css_bytes;

/* Builds the reference page and the policy that allows our style and nothing else. */
struct pages *pages_new(void);
/* Frees what pages_new gave. */
void pages_free(struct pages *pages);
/* Whether the path of the exchange is one of these pages. */
bool pages_know(struct exchange *exchange);
/* Answers GET of such a path. */
void pages_answer(struct exchange *exchange);

/* docs.c: appends the reference page of the contract. */
void docs_write(struct buffer *out, const char *openapi, size_t openapi_bytes);
/* Appends text with what HTML gives a meaning escaped. */
void page_text(struct buffer *out, const char *text);
/* Appends HTML in which each %s stands for text to be escaped; it knows no other conversion. */
void page_print(struct buffer *out, const char *html, ...) __attribute__((format(printf, 2, 3)));
/* Appends the start of an English page with its heading, and the end of any page. */
void page_start(struct buffer *out, const char *title);
void page_end(struct buffer *out);
/* The same start of a page for somebody who came by a link, without the heading. */
void page_start_visit(struct buffer *out, const char *language, const char *title);
/* Answers with a page; only a page with a form may send one. */
void page_answer(struct exchange *exchange, int status, const struct buffer *out, bool form);

#endif
