/* SPDX-License-Identifier: Apache-2.0
 * Asks accounts and funding for secret links, invoicing for documents. */
#include "mail_enclosures.h"

#include <string.h>

/* The owner's refusal, told apart from its absence. */
static enum enclosing
judge(struct call *call, enum rpc_status status, const char **reason)
{
    if (status == RPC_OK)
        return ENCLOSED;
    *reason = call->problem.detail == NULL ? "a service that must be asked is away"
                                           : arena_strdup(call->arena, call->problem.detail);
    return status == RPC_NOT_FOUND || status == RPC_GONE ? ENCLOSING_POINTLESS : ENCLOSING_AWAY;
}

static enum enclosing
take_link(const char *url, const char *expires_at, struct mail_enclosure *enclosure,
          const char **reason)
{
    enclosure->link = url;
    enclosure->link_expires_at = expires_at;
    if (url != NULL && expires_at != NULL)
        return ENCLOSED;
    *reason = "its link was used or has expired";
    return ENCLOSING_POINTLESS;
}

static enum enclosing
enclose_password_link(struct call *call, const char *link_id, struct mail_enclosure *enclosure,
                      const char **reason)
{
    Accounts__GetPasswordLinkRequest request = ACCOUNTS__GET_PASSWORD_LINK_REQUEST__INIT;
    ProtobufCMessage *reply;
    enum enclosing outcome;

    request.id = (char *)link_id;
    outcome = judge(
        call,
        call_ask(call, "accounts.GetPasswordLink", &request.base, &accounts__link__rules, &reply),
        reason);
    if (outcome != ENCLOSED)
        return outcome;
    const Accounts__Link *link = (const Accounts__Link *)reply;
    return take_link(link->url, link->expires_at, enclosure, reason);
}

static enum enclosing
enclose_review_link(struct call *call, const char *link_id, struct mail_enclosure *enclosure,
                    const char **reason)
{
    Id request = COMMON__ID__INIT;
    ProtobufCMessage *reply;
    enum enclosing outcome;

    request.id = (char *)link_id;
    outcome = judge(call,
                    call_ask(call, "funding.GetReviewLink", &request.base,
                             &funding__review_link__rules, &reply),
                    reason);
    if (outcome != ENCLOSED)
        return outcome;
    const Funding__ReviewLink *link = (const Funding__ReviewLink *)reply;
    return take_link(link->url, link->expires_at, enclosure, reason);
}

/* What is sent is what invoicing archived: its SHA-256 is checked. */
static enum enclosing
enclose_document(struct call *call, const char *invoice_id, struct mail_enclosure *enclosure,
                 const char **reason)
{
    struct mime_attachment *attachment = arena_alloc(call->arena, sizeof *attachment);
    Id request = COMMON__ID__INIT;
    ProtobufCMessage *reply;
    enum enclosing outcome;

    request.id = (char *)invoice_id;
    outcome = judge(call,
                    call_ask(call, "invoicing.GetInvoiceDocument", &request.base,
                             &invoicing__invoice_document__rules, &reply),
                    reason);
    if (outcome != ENCLOSED)
        return outcome;
    const Invoicing__InvoiceDocument *document = (const Invoicing__InvoiceDocument *)reply;
    *reason = "the document that was handed over is damaged";
    if (document->file_name == NULL || document->sha256 == NULL ||
        strcmp(mail_sha256(call->arena, document->content.data, document->content.len),
               document->sha256) != 0)
        return ENCLOSING_AWAY;
    *attachment = (struct mime_attachment){document->file_name, "application/pdf",
                                           document->content.data, document->content.len};
    enclosure->document = attachment;
    return ENCLOSED;
}

enum enclosing
mail_enclose(struct call *call, const StoredMail *mail, struct mail_enclosure *enclosure,
             const char **reason)
{
    *enclosure = (struct mail_enclosure){0};
    if (mail->document_id != NULL)
        return enclose_document(call, mail->document_id, enclosure, reason);
    if (mail->link_id == NULL)
        return ENCLOSED;
    if (mail->audience == MESSAGE_AUDIENCE_USER)
        return enclose_password_link(call, mail->link_id, enclosure, reason);
    return enclose_review_link(call, mail->link_id, enclosure, reason);
}
