/* SPDX-License-Identifier: Apache-2.0
 * HTTP/1.1 and TLS through libmicrohttpd, and nothing else knows it: an external loop runs it in
 * turns; exchanges are suspended while services work. */
#ifndef ESCARCELLE_GATEWAY_HTTP_H
#define ESCARCELLE_GATEWAY_HTTP_H

#include "exchange.h"

/* Serves connections of the listening socket; TLS when a certificate is configured. Fatal when the
 * certificate or the key can't be used. */
struct http *http_open(struct gateway *gateway, int listen);
/* Only when http_exchanges is 0. */
void http_close(struct http *http);

/* Becomes readable when there is something to do. */
int http_descriptor(const struct http *http);
/* How long the loop may wait before http_run. */
int http_timeout_ms(struct http *http);
/* One turn; readable: the descriptor was. Serves what was resumed before it. */
void http_run(struct http *http, bool readable);
/* No new connections; the open ones are served until they close. */
void http_quiesce(struct http *http);
/* Ends the connections that are still open; their exchanges are over a turn later. */
void http_cut(struct http *http);
/* Whether a request is under way or has arrived, or a new connection has not come to its first one. */
bool http_busy(const struct http *http);
/* Requests between their first line and the last byte of their reply. */
size_t http_exchanges(const struct http *http);

/* A request header, NULL when absent. Names without regard to case. */
const char *http_header(const struct exchange *exchange, const char *name);
/* Whether a request header comes more than once. */
bool http_header_repeats(const struct exchange *exchange, const char *name);
/* Nothing happens to the exchange until it is resumed; the loop resumes it after a deadline at
 * most. */
void http_suspend(struct exchange *exchange);
/* Goes on with a suspended exchange. */
void http_resume(struct exchange *exchange);

#endif
