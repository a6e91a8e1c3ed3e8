/* SPDX-License-Identifier: Apache-2.0
 * Sends one mail at a time: claimed under a lease, written and archived, handed to the server,
 * settled. No transaction is open while another program or the mail server is asked. */
#include "mail_sending.h"

#include "alerts.h"
#include "config.h"
#include "dates.h"
#include "db.h"
#include "log.h"
#include "mail_enclosures.h"
#include "mail_queue.h"
#include "mail_retries.h"
#include "messages.h"
#include "service.h"
#include "smtp.h"
#include "sql.h"

#include <poll.h>

/* From the archive's first statement to the server's last answer: three answers of the database, then SMTP. */
#define LEASE_S 60
#define HANDING_OVER_S 50
#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(text) #text

static_assert(HANDING_OVER_S * 1000 >=
                  3 * DB_ANSWER_TIMEOUT_MS + SMTP_TIMEOUT_MS + SMTP_TIMEOUT_SLACK_MS,
              "a mail that is handed over at all is handed over within its lease");
static_assert(SMTP_CONNECT_TIMEOUT_MS < SMTP_TIMEOUT_MS, "connecting is a part of the whole");
static_assert(LEASE_S * 1000 > CALL_ASK_TIMEOUT_MS + HANDING_OVER_S * 1000,
              "there is time to ask for a link or a document before");

enum {
    AWAY_DELAY_S = 5, /* until a service of ours is asked again */
    SETTLE_AGAIN_MS = 200
};

/* One claim at a time: each sees what the others hold. */
SQL(queue_up, Empty, Empty,
    "select from pg_advisory_xact_lock(hashtextextended('notifications.claim_mail', 0))");

/* A domain's mails go one after the other, so that one whose server is slow holds up its own only. A sender that died
 * took its connection along. */
SQL(claim_mail, Empty, StoredMail,
    "update message set claims = claims + 1, claimed_by = pg_backend_pid(), "
    "due_at = now() + interval '" TEXT(LEASE_S) " seconds' "
    "where " MAILS_MAY_GO
    " and id = (select id from message m where status = 'queued' and due_at <= now() "
    "and not exists (select from message sent where sent.claimed_by is not null "
    "and sent.due_at > now() "
    "and lower(substring(sent.recipient from '[^@]*$')) = lower(substring(m.recipient from '[^@]*$')) "
    "and exists (select from pg_stat_activity where pid = sent.claimed_by)) "
    "order by due_at limit 1 for update skip locked) "
    "returning id, kind, audience, recipient, recipient_name, locale, link_id, document_id, words, "
    "message_id, created_at, extract(epoch from now() - created_at)::bigint as age_s, attempts, "
    "claims, coalesce((select seller_name from settings), 'Escarcelle') as seller_name, "
    "coalesce((select mail_from from settings), 'escarcelle@localhost.localdomain') as mail_from");

/* Refused when the lease might end before the server has answered: whoever claims the mail next would send it too. */
SQL(note_written, StoredSource, Empty,
    "update message set subject = :subject, attachments = :attachments, "
    "search_text = :search_text, link_expires_at = :link_expires_at "
    "where id = :id and status = 'queued' and claims = :claims "
    "and due_at >= now() + interval '" TEXT(HANDING_OVER_S) " seconds'");

SQL(archive_source, StoredSource, Empty,
    "insert into message_source (id, content, sha256) values (:id, :content, :sha256) "
    "on conflict (id) do update set content = excluded.content, sha256 = excluded.sha256");

/* A mail that went out while its client was archived is sent all the same. Repeated, it changes nothing. */
SQL(settle_mail, StoredOutcome, Message,
    "update message set status = :status, last_error = :last_error, "
    "attempts = attempts + coalesce(:tries::int, 0), "
    "sent_at = case when :status = 'sent' then now() end, "
    "words = case when :status = 'cancelled' then '[]' else words end, "
    "due_at = now() + coalesce(:delay_s::int, 0) * interval '1 second', "
    "claimed_by = null, updated_at = now(), version = version + 1 "
    "where id = :id and claims = :claims and claimed_by is not null "
    "and (status = 'queued' or :status = 'sent') "
    "returning " MESSAGE_COLUMNS);

/* A claimed mail on its way. */
struct sending {
    StoredMail *mail;
    int64_t lease_ends_ms;
    struct mail_enclosure enclosure;
    struct mail_bytes bytes;
    bool archived;
    StoredOutcome outcome;
};

/* ---- transactions */

static enum rpc_status
claim(struct call *call, void *state)
{
    struct sending *sending = state;
    bool found;

    sending->lease_ends_ms = clock_ms() + (int64_t)LEASE_S * 1000;
    sending->mail = NEW(call, StoredMail);
    TRY(sql_run(call, &queue_up, NEW(call, Empty), NULL));
    return sql_maybe(call, &claim_mail, NEW(call, Empty), sending->mail, &found);
}

static void
list_document(struct call *call, const struct mime_attachment *document, StoredSource *source)
{
    Attachment *attachment = NEW(call, Attachment);

    attachment->name = (char *)document->name;
    attachment->sha256 = (char *)mail_sha256(call->arena, document->bytes, document->length);
    SET(attachment, size, (int64_t)document->length);
    source->attachments = arena_memdup(call->arena, &attachment, sizeof attachment);
    source->n_attachments = 1;
}

static enum rpc_status
archive(struct call *call, void *state)
{
    struct sending *sending = state;
    StoredSource *source = NEW(call, StoredSource);
    long still_ours;

    source->id = sending->mail->id;
    SET(source, claims, sending->mail->claims);
    source->subject = (char *)sending->bytes.subject;
    source->has_content = 1;
    source->content = (ProtobufCBinaryData){sending->bytes.kept_length, sending->bytes.kept};
    source->sha256 = (char *)sending->bytes.sha256;
    source->search_text = (char *)sending->bytes.search_text;
    source->link_expires_at = (char *)sending->enclosure.link_expires_at;
    if (sending->enclosure.document != NULL)
        list_document(call, sending->enclosure.document, source);
    TRY(sql_run(call, &note_written, source, &still_ours));
    sending->archived = still_ours == 1;
    return sending->archived ? sql_run(call, &archive_source, source, NULL) : RPC_OK;
}

static enum rpc_status
settle(struct call *call, void *state)
{
    struct sending *sending = state;
    Message *message = NEW(call, Message);
    bool ours;

    TRY(sql_maybe(call, &settle_mail, &sending->outcome, message, &ours));
    if (!ours || sending->outcome.status == MESSAGE_STATUS_QUEUED)
        return RPC_OK;
    if (sending->outcome.status == MESSAGE_STATUS_SENT)
        return emit_message_sent(call, message);
    if (sending->outcome.status == MESSAGE_STATUS_CANCELLED)
        return emit_message_cancelled(call, message);
    TRY(emit_message_failed(call, message));
    return alert_message_failed(call, message);
}

/* ---- outcomes */

static void
decide(struct sending *sending, MessageStatus status, const char *reason)
{
    SET(&sending->outcome, status, status);
    sending->outcome.last_error = (char *)reason;
}

static void
decide_later(struct sending *sending, int64_t delay_s, const char *reason)
{
    bool over = mail_retries_end(sending->mail->age_s);

    decide(sending, over ? MESSAGE_STATUS_FAILED : MESSAGE_STATUS_QUEUED, reason);
    SET(&sending->outcome, delay_s, delay_s);
}

/* Whether the mail is written and archived; if not, the outcome is decided. */
static bool
prepare(struct call *call, struct sending *sending)
{
    const char *reason = NULL;

    switch (mail_enclose(call, sending->mail, &sending->enclosure, &reason)) {
    case ENCLOSED:
        break;
    case ENCLOSING_AWAY:
        decide_later(sending, AWAY_DELAY_S, reason);
        return false;
    case ENCLOSING_POINTLESS:
        decide(sending, MESSAGE_STATUS_CANCELLED, reason);
        return false;
    }
    if (!mail_assemble(call->arena, sending->mail, &sending->enclosure, &sending->bytes, &reason)) {
        log_error("mail %s can't be written: %s", sending->mail->id, reason);
        decide(sending, MESSAGE_STATUS_FAILED, reason);
        return false;
    }
    if (job_transaction(call, archive, sending) == RPC_OK && sending->archived)
        return true;
    decide_later(sending, AWAY_DELAY_S, "it could not be archived");
    return false;
}

static const struct smtp_server *
mail_server(void)
{
    static struct smtp_server server; /* made once */

    if (server.url == NULL)
        server = (struct smtp_server){
            .url = config.smtp_url,
            .ca_file = config.smtp_ca_file,
            .user = config.smtp_user,
            .password =
                config.smtp_password_file[0] == '\0'
                    ? ""
                    : config_secret("ESCARCELLE_SMTP_PASSWORD_FILE", config.smtp_password_file),
            .tls_required = config.smtp_ca_file[0] != '\0',
        };
    return &server;
}

static void
hand_over(struct call *call, struct sending *sending)
{
    const StoredMail *mail = sending->mail;
    struct smtp_server server = *mail_server();
    struct smtp_outcome reply;

    /* Who gives up earlier may send twice what the server takes after all. */
    server.timeout_ms = (long)(sending->lease_ends_ms - clock_ms()) - SMTP_TIMEOUT_SLACK_MS;
    reply = smtp_send(call->arena, &server, mail->mail_from, mail->recipient, sending->bytes.sent,
                      sending->bytes.sent_length);
    SET(&sending->outcome, tries, 1);
    switch (reply.result) {
    case SMTP_ACCEPTED:
        decide(sending, MESSAGE_STATUS_SENT, NULL);
        return;
    case SMTP_TRANSIENT:
        log_warning("mail %s was not taken (%d); it is tried again", mail->id, reply.code);
        decide_later(sending, mail_retry_delay_s(mail->attempts + 1), reply.words);
        return;
    case SMTP_PERMANENT:
        decide(sending, MESSAGE_STATUS_FAILED, reply.words);
        return;
    }
}

/* A database that is away or locked does not make a mail go out twice, as long as the lease lasts. */
static enum rpc_status
settle_at_last(struct call *call, struct sending *sending)
{
    enum rpc_status status = job_transaction(call, settle, sending);

    while ((status == RPC_UNAVAILABLE || status == RPC_TIMEOUT) &&
           clock_ms() < sending->lease_ends_ms) {
        poll(NULL, 0, SETTLE_AGAIN_MS);
        status = job_transaction(call, settle, sending);
    }
    return status;
}

/* What is not settled comes back when its lease ends, with the same Message-ID. */
bool
mail_send_one(struct call *call)
{
    struct sending sending = {0};

    if (job_transaction(call, claim, &sending) != RPC_OK || sending.mail->id == NULL)
        return false;
    notifications__stored_outcome__init(&sending.outcome);
    sending.outcome.id = sending.mail->id;
    SET(&sending.outcome, claims, sending.mail->claims);
    if (prepare(call, &sending))
        hand_over(call, &sending);
    if (settle_at_last(call, &sending) != RPC_OK)
        log_warning("how mail %s ended could not be noted; it is tried again", sending.mail->id);
    return true;
}
