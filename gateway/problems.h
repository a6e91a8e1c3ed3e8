/* SPDX-License-Identifier: Apache-2.0
 * Problems of RFC 9457: their codes with what they mean, and the replies that carry them. */
#ifndef ESCARCELLE_GATEWAY_PROBLEMS_H
#define ESCARCELLE_GATEWAY_PROBLEMS_H

#include "exchange.h"

struct problem_code {
    const char *code, *title, *meaning; /* meaning: what happened and what to do */
};

/* All codes that have a text of their own, by code. */
extern const struct problem_code problem_codes[];
extern const size_t problem_codes_count;

/* NULL when the code is not known. */
const struct problem_code *problem_find(const char *code);
/* Whether a code may name a page: lower-case words and underscores. */
bool problem_is_code(const char *code);

/* Answers with a problem; detail may be NULL. errors belong to problem. */
void problem_answer(struct exchange *exchange, int status, const Wire__Problem *problem);
/* The same for a refusal of the gateway itself. */
void problem_refuse(struct exchange *exchange, int status, const char *code, const char *detail,
                    ...) __attribute__((format(printf, 4, 5)));
/* The same with one culprit, by its JSON pointer in the request ("" is the body as a whole);
 * sentence follows its name. */
void problem_blame(struct exchange *exchange, int status, const char *code, const char *pointer,
                   const char *sentence);
/* 503 with Retry-After: nothing happened, try again. */
void problem_unavailable(struct exchange *exchange, const char *detail);

#endif
