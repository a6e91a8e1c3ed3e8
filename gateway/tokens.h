/* SPDX-License-Identifier: Apache-2.0
 * Whose an access token is: asked of accounts, remembered for a second at most. */
#ifndef ESCARCELLE_GATEWAY_TOKENS_H
#define ESCARCELLE_GATEWAY_TOKENS_H

#include "exchange.h"

/* An empty cache of answers about tokens. */
struct tokens *tokens_new(struct gateway *gateway);
/* Frees the cache. */
void tokens_free(struct tokens *tokens);
/* Finds out whose the token is: sets the exchange's verdict and caller and goes on with
 * request_judge, at once or, with the exchange suspended meanwhile, when accounts has answered. */
void tokens_check(struct tokens *tokens, struct exchange *exchange, const char *token);
/* The same for a ticket, which is good once and for this path: never remembered. */
void tokens_check_ticket(struct tokens *tokens, struct exchange *exchange, const char *ticket);
/* A token ended somewhere: nothing that was remembered or is being asked counts any more. */
void tokens_forget(struct tokens *tokens);

#endif
