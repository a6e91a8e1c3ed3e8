/* SPDX-License-Identifier: Apache-2.0
 * The history of projects: one entry per event, written by reactions. */
#ifndef ESCARCELLE_HISTORY_H
#define ESCARCELLE_HISTORY_H

#include "call.h"

/* In place of an amount, for what is about none. */
#define HISTORY_NO_AMOUNT INT64_MIN

/* Notes the event being handled in its project's history, in one English sentence without personal
 * data; the second time it has no effect. */
enum rpc_status history_note(struct call *call, int64_t amount_cents, const char *sentence, ...)
    __attribute__((format(printf, 3, 4))) RPC_CHECKED;
/* The same in another project's history, for an event that names none. */
enum rpc_status history_note_in(struct call *call, const char *project_id, int64_t amount_cents,
                                const char *sentence, ...)
    __attribute__((format(printf, 4, 5))) RPC_CHECKED;
/* An amount as history and alerts say it. */
const char *history_money(struct call *call, int64_t cents);

#endif
