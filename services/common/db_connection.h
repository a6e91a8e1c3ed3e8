/* SPDX-License-Identifier: Apache-2.0
 * What a connection remembers; db.c and db_session.c alone look into it. */
#ifndef ESCARCELLE_DB_CONNECTION_H
#define ESCARCELLE_DB_CONNECTION_H

#include "db.h"

enum {
    PREPARED_SLOTS = 1024, /* open addressing; at most half full */
    QUEUE_MAX = 1024,
    QUEUE_RESERVE = 8 /* what belongs to one more statement: begin, its preparation, the end */
};

/* Where the caller's transaction stands; BROKEN: an error or a loss has ended it at the server, and
 * whatever the caller still tries within it fails until it is told so. */
enum transaction { TRANSACTION_NONE, TRANSACTION_WANTED, TRANSACTION_OPEN, TRANSACTION_BROKEN };

/* A command that was sent: its name for errors, and what it prepares, if it does. */
struct queued {
    const char *name;
    const struct db_statement *prepares;
};

struct db {
    PGconn *connection;
    const char *service;
    bool owner;
    enum transaction transaction;
    bool read_only;
    bool commit_sent, outcome_unknown;
    const struct db_statement *prepared[PREPARED_SLOTS];
    size_t prepared_count;
    struct queued queued[QUEUE_MAX]; /* sent since the last sync */
    size_t queued_count;
    struct db_error error;
    char message[512], table[64], constraint[128];
};

/* Closes the connection, if there is one; a transaction that was under way is broken. */
void db_disconnect(struct db *db);

#endif
