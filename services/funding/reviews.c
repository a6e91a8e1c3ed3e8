/* SPDX-License-Identifier: Apache-2.0
 * What the client sees and answers behind the secret link of a funding call's mail (FUN-4, ACC-8).
 * */
#include "decisions.h"
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

void
funding_check_decide_funding_review(struct call *call, const DecideFundingReviewRequest *request)
{
    decision_check(call, request->decision, request->has_granted_cents);
}

enum rpc_status
funding_decide_funding_review(struct call *call, const DecideFundingReviewRequest *request,
                              FundingReview *reply)
{
    FundingCall answer = FUNDING__FUNDING_CALL__INIT;
    Id id = COMMON__ID__INIT;

    TRY(open_token(call, request->token, &id));
    answer.id = id.id;
    SET(&answer, decision, request->decision);
    answer.has_granted_cents = request->has_granted_cents;
    answer.granted_cents = request->granted_cents;
    answer.decision_comment = request->comment;
    TRY(decision_take(call, &answer, NULL, NEW(call, FundingCall)));
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
