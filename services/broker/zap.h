/* SPDX-License-Identifier: Apache-2.0
 * Who is at the other end: answers ZeroMQ's question (RFC 27) whose public key it is. */
#ifndef ESCARCELLE_ZAP_H
#define ESCARCELLE_ZAP_H

#include "refusals.h"

#define ZAP_DOMAIN "escarcelle"

struct zap;

/* Reads <keys_dir>/<program>.public of all programs; must come before the first bind. Fatal when
 * the same key is there twice. */
struct zap *zap_open(void *context, struct refusals *refusals);
/* The socket to poll for reading. */
void *zap_socket(struct zap *zap);
/* Answers what is asked: the program's name becomes the User-Id of all its messages. */
void zap_answer(struct zap *zap);
/* Nobody new is admitted any more. */
void zap_close(struct zap *zap);

#endif
