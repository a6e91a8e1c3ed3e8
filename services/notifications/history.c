/* SPDX-License-Identifier: Apache-2.0
 * The history of projects, in the order of events. */
#include "history.h"

#include "notifications.rpc.h"
#include "sql.h"
#include "words.h"

#include <stdarg.h>

SQL(insert_history_entry, HistoryEntry, Empty,
    "insert into history_entry (id, project_id, occurred_at, type, subject_id, summary, "
    "amount_cents) values (:call.event_id, :project_id, :call.occurred_at, :type, :subject_id, "
    ":summary, :amount_cents) on conflict (id) do nothing");

SQL(list_history_entries, ListHistoryEntriesRequest, ListHistoryEntriesReply,
    "select id, occurred_at, type, subject_id, summary, "
    "case when amount_cents is not null then 'EUR' end as currency, amount_cents "
    "from history_entry where project_id = :project_id :page");

static enum rpc_status
note(struct call *call, const char *project_id, int64_t amount_cents, char *summary)
{
    HistoryEntry *entry = NEW(call, HistoryEntry);

    entry->summary = summary;
    entry->project_id = (char *)project_id;
    entry->type = call->event->type;
    entry->subject_id = call->event->subject;
    if (amount_cents != HISTORY_NO_AMOUNT)
        SET(entry, amount_cents, amount_cents);
    return sql_run(call, &insert_history_entry, entry, NULL);
}

enum rpc_status
history_note(struct call *call, int64_t amount_cents, const char *sentence, ...)
{
    va_list arguments;
    char *summary;

    va_start(arguments, sentence);
    summary = arena_vprintf(call->arena, sentence, arguments);
    va_end(arguments);
    return note(call, call->event->project, amount_cents, summary);
}

enum rpc_status
history_note_in(struct call *call, const char *project_id, int64_t amount_cents,
                const char *sentence, ...)
{
    va_list arguments;
    char *summary;

    va_start(arguments, sentence);
    summary = arena_vprintf(call->arena, sentence, arguments);
    va_end(arguments);
    return note(call, project_id, amount_cents, summary);
}

const char *
history_money(struct call *call, int64_t cents)
{
    return money_text(call->arena, cents, "en");
}

enum rpc_status
notifications_list_history_entries(struct call *call, const ListHistoryEntriesRequest *request,
                                   ListHistoryEntriesReply *reply)
{
    return sql_page(call, &list_history_entries, request, reply);
}
