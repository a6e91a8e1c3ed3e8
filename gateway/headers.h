/* SPDX-License-Identifier: Apache-2.0
 * What the values of request headers say. Pure. */
#ifndef ESCARCELLE_GATEWAY_HEADERS_H
#define ESCARCELLE_GATEWAY_HEADERS_H

#include "arena.h"

#include <stdbool.h>
#include <stdint.h>

enum { REQUEST_ID_BYTES_MAX = 128, IDEMPOTENCY_KEY_BYTES_MAX = 255 };

/* Whether a Content-Type is this media type, whatever its parameters, in UTF-8 if it names a
 * charset. */
bool header_is_media_type(const char *value, const char *type);
/* Whether an Accept admits this media type (RFC 9110, 12.5.1); absent admits all. */
bool header_accepts(const char *value, const char *type);
/* Whether an Accept asks for the one media type rather than for the other; absent it asks for
 * none. */
bool header_prefers(const char *value, const char *type, const char *other);
/* Whether an Accept-Language asks for this language ("en") rather than for the other; absent it
 * asks for none. */
bool header_prefers_language(const char *value, const char *language, const char *other);
/* Whether a comma-separated list holds this token, without regard to case and parameters. */
bool header_lists(const char *value, const char *token);
/* Reads one entity tag of ours, "<version>.<revision>" with its quotes; the revision may be left
 * out. */
bool header_entity_tag(const char *value, int64_t *version);
/* Whether If-None-Match names this entity tag or all; compares weakly (RFC 9110, 13.1.2). */
bool header_none_match(const char *value, const char *entity_tag);
/* The key, without quotes if it has them; NULL when it is none: 1 to 255 visible characters, in
 * quotes blanks too (an RFC 8941 string). */
const char *header_idempotency_key(struct arena *arena, const char *value);
/* 1 to 128 letters, digits and . _ - : of a request id from outside. */
bool header_is_request_id(const char *value);
/* W3C Trace Context, version 00. */
bool header_is_traceparent(const char *value);
/* The token of `Bearer <token>`; NULL when it is none. */
const char *header_bearer(const char *value);

#endif
