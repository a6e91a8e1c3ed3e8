/* SPDX-License-Identifier: Apache-2.0
 * What the client sees and answers behind the secret link of a funding call's mail (FUN-4, ACC-8).
 * */
#include "funding_calls.h"
#include "link.h"
#include "sql.h"

#include <time.h>

/* What the link's HMAC says it opens. */
static const char purpose[] = "funding_review";

SQL(get_review, Id, FundingReview,
    "select p.name as project_name, c.name as client_name, f.currency, f.requested_cents, f.call_date, "
    "f.expires_at, f.status, f.decision, f.granted_cents, c.locale, s.seller_name "
    "from funding_call f left join project p on p.id = f.project_id "
    "left join client c on c.id = f.client_id left join settings s on true "
    "where f.id = :id");

SQL(lock_funding_call, Id, FundingCall,
    "select " FUNDING_CALL_COLUMNS " from funding_call where id = :id for update");

SQL(decide_funding_call, FundingCall, FundingCall,
    "update funding_call set status = :status, decision = :decision, granted_cents = :granted_cents, "
    "source = :source, decision_comment = :decision_comment, decided_at = now(), updated_at = now(), "
    "version = version + 1 where id = :id returning " FUNDING_CALL_COLUMNS);

SQL(get_link, Id, StoredLink,
    "select f.id, extract(epoch from f.expires_at)::bigint as expires_s, f.expires_at, "
    "f.status = 'sent' and f.expires_at > now() as usable, "
    "coalesce(s.web_ui_url || '/funding-reviews/', s.public_url || '/v1/funding-reviews/') as page_url "
    "from funding_call f left join settings s on true where f.id = :id");

/* The call that a token names; 404 for a token that is not ours, 410 when its time is over. */
static enum rpc_status
open_token(struct call *call, const char *token, Id *id)
{
    char found[37];

    switch (link_verify(purpose, token, (int64_t)time(NULL), found)) {
    case LINK_VALID:
        id->id = arena_strdup(call->arena, found);
        return RPC_OK;
    case LINK_EXPIRED:
        return call_fail(call, RPC_GONE, NULL, "this link has expired; ask us for a new call");
    case LINK_FORGED:
        break;
    }
    return call_fail(call, RPC_NOT_FOUND, NULL,
                     "this link is not one of ours; copy it whole from the mail");
}

enum rpc_status
funding_get_funding_review(struct call *call, const GetFundingReviewRequest *request,
                           FundingReview *reply)
{
    Id id = COMMON__ID__INIT;

    TRY(open_token(call, request->token, &id));
    return sql_one(call, &get_review, &id, reply);
}

/* An adjustment names its amount; the other answers have none. */
static enum rpc_status
check_answer(struct call *call, const DecideFundingReviewRequest *request)
{
    bool adjusts = request->decision == FUNDING_DECISION_ADJUST;

    if (adjusts && !request->has_granted_cents)
        call_violation(call, "granted_cents", "required",
                       "says how much is granted; give it with adjust");
    if (!adjusts && request->has_granted_cents)
        call_violation(call, "granted_cents", "not_applicable",
                       "goes with adjust only; leave it out");
    return call_violations(call);
}

static bool
is_same_answer(const FundingCall *decided, const DecideFundingReviewRequest *request)
{
    return decided->decision == request->decision &&
           (request->decision != FUNDING_DECISION_ADJUST ||
            decided->granted_cents == request->granted_cents);
}

/* A call that is not waiting for its decision: the answer it already has, or why it takes none. */
static enum rpc_status
answer_again(struct call *call, const FundingCall *present,
             const DecideFundingReviewRequest *request)
{
    const char *status = message_text(call->arena, &present->base, "status");

    if (present->status == FUNDING_CALL_STATUS_EXPIRED)
        return call_fail(call, RPC_GONE, NULL,
                         "this funding call has expired; ask us for a new one");
    if (!present->has_decision)
        return call_fail_code(call, RPC_CONFLICT, "wrong_state", NULL,
                              "the funding call is %s and takes no decision", status);
    if (!is_same_answer(present, request))
        return call_fail_code(
            call, RPC_CONFLICT, "already_decided", NULL,
            "the funding call was decided before and is %s; write to us to change it", status);
    emit_none(call, "the same decision again");
    return RPC_OK;
}

static enum rpc_status
decide(struct call *call, const FundingCall *present, const DecideFundingReviewRequest *request)
{
    FundingCall change = FUNDING__FUNDING_CALL__INIT, *decided = NEW(call, FundingCall);
    bool declined = request->decision == FUNDING_DECISION_DECLINE;

    change.id = present->id;
    SET(&change, status, declined ? FUNDING_CALL_STATUS_DECLINED : FUNDING_CALL_STATUS_ACCEPTED);
    SET(&change, decision, request->decision);
    change.decision_comment = request->comment;
    if (!declined) {
        SET(&change, source, FUNDING_SOURCE_NEW_FUNDS);
        SET(&change, granted_cents,
            request->has_granted_cents ? request->granted_cents : present->requested_cents);
    }
    TRY(sql_one(call, &decide_funding_call, &change, decided));
    return declined ? emit_funding_call_declined(call, decided)
                    : emit_funding_call_accepted(call, decided);
}

enum rpc_status
funding_decide_funding_review(struct call *call, const DecideFundingReviewRequest *request,
                              FundingReview *reply)
{
    FundingCall *present = NEW(call, FundingCall);
    Id id = COMMON__ID__INIT;

    TRY(check_answer(call, request));
    TRY(open_token(call, request->token, &id));
    TRY(sql_one(call, &lock_funding_call, &id, present));
    if (present->status == FUNDING_CALL_STATUS_SENT)
        TRY(decide(call, present, request));
    else
        TRY(answer_again(call, present, request));
    return sql_one(call, &get_review, &id, reply);
}

enum rpc_status
funding_get_review_link(struct call *call, const Id *request, ReviewLink *reply)
{
    StoredLink *link = NEW(call, StoredLink);
    char token[LINK_TOKEN_BYTES];

    TRY(sql_one(call, &get_link, request, link));
    reply->expires_at = link->expires_at;
    if (!link->usable)
        return RPC_OK;
    if (link->page_url == NULL)
        return call_fail(call, RPC_UNAVAILABLE, NULL,
                         "the settings have not come here yet; try again");
    link_make(purpose, link->id, link->expires_s, token);
    reply->url = arena_printf(call->arena, "%s%s", link->page_url, token);
    return RPC_OK;
}
