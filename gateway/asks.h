/* SPDX-License-Identifier: Apache-2.0
 * Questions to services that are under way: each gets exactly one answer, at its deadline at the
 * latest. */
#ifndef ESCARCELLE_GATEWAY_ASKS_H
#define ESCARCELLE_GATEWAY_ASKS_H

#include "arena.h"
#include "wire.h"
#include "wire.pb-c.h"

enum ask_outcome {
    ASK_ANSWERED,
    ASK_UNAVAILABLE, /* nothing happened */
    ASK_EXPIRED,     /* nobody knows what happened */
    ASK_GARBLED      /* the reply's header is not one */
};

struct answer {
    enum ask_outcome outcome;
    const Wire__ReplyHeader *header; /* of ASK_ANSWERED; header and body are gone after the call */
    const uint8_t *body;
    size_t body_bytes;
};

typedef void ask_done(void *owner, const struct answer *answer);

/* When a question is sent once more by itself, to the next broker or the next run of the only one. */
enum ask_repeat {
    ASK_ONCE,
    ASK_UNTIL_TAKEN, /* as long as it is known that nothing happened */
    ASK_UNTIL_DONE   /* also when that is not known: asking twice does the same as asking once */
};

struct question {
    const char *service; /* "accounts.leaf" */
    Wire__RequestHeader *header;
    const uint8_t *body;
    size_t body_bytes;
    int64_t timeout_ms;
    enum ask_repeat repeat; /* unless ASK_ONCE, service, body and arena live until done */
    ask_done *done;
    void *owner;
};

/* Nothing is under way yet; exits when there is no socket to be had. */
struct asks *asks_open(struct wire *wire);
/* Forgets what is under way: no done is called any more. */
void asks_close(struct asks *asks);
/* Sends a question, packed in `arena`, or keeps it until a broker takes it; done is called later, from
 * asks_receive or asks_expire. False: it can't be sent, nothing happened, done is not called. */
bool asks_send(struct asks *asks, struct arena *arena, const struct question *question);
/* Fills items to poll for reading; returns how many. */
size_t asks_items(struct asks *asks, zmq_pollitem_t *items, size_t items_max);
/* Hands out the replies that are there. */
void asks_receive(struct asks *asks);
/* Ends what is past its deadline at now_ms; sends again what a broker has lost or not taken. */
void asks_expire(struct asks *asks, int64_t now_ms);
/* Milliseconds to the next deadline, at most LOOP_MS_MAX. */
int asks_timeout_ms(const struct asks *asks, int64_t now_ms);
/* Whether at least one broker answers. */
bool asks_connected(const struct asks *asks);

#endif
