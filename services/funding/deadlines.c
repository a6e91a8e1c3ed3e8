/* SPDX-License-Identifier: Apache-2.0
 * What time does to sent funding calls (FUN-5): reminders after the days that the settings name,
 * word to operators when the last one stays unanswered, expiry. Each statement claims one call, so
 * that jobs on several machines share the work and none is done twice. */
#include "deadlines.h"

#include "funding_calls.h"
#include "sql.h"

enum { DEADLINE_PERIOD_MS = 1000 };

#define SENT_BEFORE(days) "sent_at + make_interval(days => (" days ")::int) <= now()"
#define FIRST_TO_EXPIRE " order by f.expires_at limit 1 for update of f skip locked) "

/* Who was away on several days of the schedule reminds once. */
SQL(claim_reminder, Empty, FundingCall,
    "update funding_call set reminded_at = now(), reminders = reminders + 1, reminded_day = "
    "(select max(day) from settings, unnest(reminder_days) day where " SENT_BEFORE("day") "), "
    "updated_at = now(), version = version + 1 where id = (select f.id from funding_call f, settings s "
    "where f.status = 'sent' and f.expires_at > now() and exists (select from unnest(s.reminder_days) day "
    "where day > f.reminded_day and " SENT_BEFORE("day") ")" FIRST_TO_EXPIRE
    "returning " FUNDING_CALL_COLUMNS);

/* Told when as many days have passed since the last reminder as between the last two. */
SQL(claim_unanswered, Empty, FundingCall,
    "update funding_call set unanswered_told = true where id = (select f.id from funding_call f, settings s, "
    "cardinality(s.reminder_days) last where f.status = 'sent' and f.expires_at > now() "
    "and not f.unanswered_told and f.reminded_day >= s.reminder_days[last] "
    "and " SENT_BEFORE("2 * s.reminder_days[last] - coalesce(s.reminder_days[last - 1], 0)") FIRST_TO_EXPIRE
    "returning " FUNDING_CALL_COLUMNS);

SQL(claim_expired, Empty, FundingCall,
    "update funding_call set status = :call.to, updated_at = now(), version = version + 1 "
    "where id = (select f.id from funding_call f where f.status = any(:call.from) and f.expires_at <= now()"
    FIRST_TO_EXPIRE "returning " FUNDING_CALL_COLUMNS);

/* One kind of deadline: what claims a call that has reached it, and what is then told. */
struct deadline {
    struct sql_statement *claim;
    enum rpc_status (*tell)(struct call *call, const FundingCall *funding_call);
    bool found;
};

static enum rpc_status
heed_one(struct call *call, void *state)
{
    struct deadline *deadline = state;
    FundingCall *funding_call = NEW(call, FundingCall);

    TRY(sql_maybe(call, deadline->claim, NEW(call, Empty), funding_call, &deadline->found));
    return deadline->found ? deadline->tell(call, funding_call) : RPC_OK;
}

static bool
heed(struct call *call, struct deadline deadline)
{
    return job_transaction(call, heed_one, &deadline) == RPC_OK && deadline.found;
}

static bool
heed_deadlines(struct call *call)
{
    return heed(call, (struct deadline){&claim_reminder, emit_funding_call_reminded, false}) ||
           heed(call, (struct deadline){&claim_unanswered, emit_funding_call_unanswered, false}) ||
           heed(call, (struct deadline){&claim_expired, emit_funding_call_expired, false});
}

const struct job deadline_jobs[] = {
    {"heed_deadlines", heed_deadlines, DEADLINE_PERIOD_MS, JOB_TIMED},
    {.name = NULL},
};
