/* SPDX-License-Identifier: Apache-2.0
 * What the gateway answers itself: health, metrics, the contract and its reference, pages of
 * problems. */
#ifndef ESCARCELLE_GATEWAY_PAGES_H
#define ESCARCELLE_GATEWAY_PAGES_H

#include "exchange.h"

/* The contract as OpenAPI 3.1, embedded when the program is built. */
extern const char openapi_json[];
extern const size_t openapi_json_bytes;

/* Builds the reference page. */
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
/* Appends the start of a page up to its first heading, and its end. */
void page_start(struct buffer *out, const char *title);
void page_end(struct buffer *out);

#endif
