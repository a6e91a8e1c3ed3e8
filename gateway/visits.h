/* SPDX-License-Identifier: Apache-2.0
 * Visits of people who came by a mailed link: pages instead of JSON, a browser's form instead of a
 * JSON body. The service is asked the same; what is wrong stands beside the fields. */
#ifndef ESCARCELLE_GATEWAY_VISITS_H
#define ESCARCELLE_GATEWAY_VISITS_H

#include "exchange.h"

/* 5000 characters of a comment fit, however they are escaped. */
enum { VISIT_BODY_BYTES_MAX = 64 << 10, VISIT_FAULTS_MAX = 8 };

/* What is wrong with a field that was typed; the field "" is the form as a whole. */
struct visit_fault {
    const char *field, *code;
};

/* The same in words; code NULL is whatever else can be wrong with the field. */
struct visit_fault_words {
    const char *field, *code, *french, *english;
};

/* A page with a form: GET and POST of one path. */
struct visit_page {
    const char *path;
    const struct visit_fault_words *faults; /* ended by field NULL */
    const char *gone_french, *gone_english; /* what to do when the link has ended */
    /* Answers with the page of what GET read, and with what was typed and is wrong. */
    void (*show)(struct exchange *exchange, const ProtobufCMessage *read);
    void (*done)(struct exchange *exchange); /* after POST; NULL: shows it anew */
};

struct visit {
    const struct visit_page *page;
    const char *language; /* "fr" or "en" */
    struct target typed;  /* its parameters are the form's fields */
    struct visit_fault faults[VISIT_FAULTS_MAX];
    size_t faults_count;
    int status; /* of the page that shows them */
};

extern const struct visit_page review_page, password_page;

/* Makes the exchange a visit when its path has a page and it comes from a browser: GET that
 * prefers text/html, POST of a form. */
void visit_consider(struct exchange *exchange);
/* Notes what is wrong with a field; the page will be shown with this status. */
void visit_blame(struct visit *visit, int status, const char *field, const char *code);
/* Notes what the service refused if the page can show it; false when it can't. */
bool visit_keep(struct exchange *exchange, int status, const Wire__Problem *problem);
/* Answers with the page of a success. */
void visit_answer(struct exchange *exchange, const ProtobufCMessage *message);
/* Answers with a page that says what is wrong and what to do. */
void visit_refuse(struct exchange *exchange, int status);

/* What was typed into a field; "" for nothing. */
const char *visit_typed(const struct visit *visit, const char *field);
/* One of two sentences in the visitor's language, with its typography. */
const char *visit_words(struct exchange *exchange, const char *french, const char *english, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
/* Appends the start of a page up to its heading, with all that is wrong if anything is. */
void visit_start(struct exchange *exchange, struct buffer *out, const char *seller,
                 const char *title);
/* Appends what is wrong with a field; nothing when nothing is. */
void visit_write_fault(struct exchange *exchange, struct buffer *out, const char *field);
/* Appends the attributes that tie a field to its help and to what is wrong with it. */
void visit_write_ties(struct exchange *exchange, struct buffer *out, const char *field,
                      bool helped);

#endif
