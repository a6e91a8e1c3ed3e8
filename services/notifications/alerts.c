/* SPDX-License-Identifier: Apache-2.0
 * In-app alerts, and which of them a user has read. Operators' are administrators' too. */
#include "alerts.h"

#include "sql.h"
#include "uuid.h"

#include <stdarg.h>

#define ALERT_COLUMNS                                                                              \
    "a.id, a.kind, a.severity, a.audience, a.summary, a.subject_id, a.project_id, a.client_id, "   \
    "a.raised_at, a.raised_at as created_at, a.raised_at as updated_at, 1 as version"
#define ALERT_IS_FOR_CALLER "(a.audience = 'operators' or :call.caller_role = 'admin')"

SQL(insert_alert, Alert, Alert,
    "insert into alert as a (id, event_id, kind, severity, audience, summary, subject_id, "
    "project_id, client_id) values (:id, :call.event_id, :kind, :severity, :audience, :summary, "
    ":subject_id, :project_id, :client_id) on conflict do nothing returning " ALERT_COLUMNS);

SQL(list_alerts, ListAlertsRequest, ListAlertsReply,
    "select " ALERT_COLUMNS ", r.read_at from alert a "
    "left join alert_read r on r.alert_id = a.id and r.user_id = :call.user_id "
    "where " ALERT_IS_FOR_CALLER " and ((r.read_at is null) = :unread or :unread is null) "
    ":page(a.id)");

SQL(get_alert, ReadAlertRequest, Alert,
    "select " ALERT_COLUMNS ", r.read_at from alert a "
    "left join alert_read r on r.alert_id = a.id and r.user_id = :call.user_id "
    "where a.id = :id and " ALERT_IS_FOR_CALLER);

SQL(read_alert, ReadAlertRequest, Empty,
    "insert into alert_read (alert_id, user_id) values (:id, :call.user_id) "
    "on conflict do nothing");

static enum rpc_status
raise_alert(struct call *call, Alert *alert)
{
    Alert *raised = NEW(call, Alert);
    char id[37];
    bool first;

    uuid_new(id);
    alert->id = arena_strdup(call->arena, id);
    TRY(sql_maybe(call, &insert_alert, alert, raised, &first));
    return first ? emit_alert_raised(call, raised) : RPC_OK;
}

static Alert *
new_alert(struct call *call, AlertKind kind, AlertSeverity severity, AlertAudience audience)
{
    Alert *alert = NEW(call, Alert);

    SET(alert, kind, kind);
    SET(alert, severity, severity);
    SET(alert, audience, audience);
    return alert;
}

enum rpc_status
alert_raise(struct call *call, AlertKind kind, AlertSeverity severity, const char *sentence, ...)
{
    Alert *alert = new_alert(call, kind, severity, ALERT_AUDIENCE_OPERATORS);
    va_list arguments;

    va_start(arguments, sentence);
    alert->summary = arena_vprintf(call->arena, sentence, arguments);
    va_end(arguments);
    alert->subject_id = call->event->subject;
    alert->project_id = call->event->project;
    alert->client_id = call->event->client;
    return raise_alert(call, alert);
}

enum rpc_status
alert_message_failed(struct call *call, const Message *message)
{
    Alert *alert = new_alert(call, ALERT_KIND_MESSAGE_FAILED, ALERT_SEVERITY_WARNING,
                             ALERT_AUDIENCE_ADMINISTRATORS);

    alert->summary = arena_printf(
        call->arena, "A mail (%s) could not be delivered; see the message for the reason.",
        message_text(call->arena, &message->base, "kind"));
    alert->subject_id = message->id;
    alert->project_id = message->project_id;
    alert->client_id = message->client_id;
    return raise_alert(call, alert);
}

enum rpc_status
alert_mails_paused(struct call *call, const MailQueue *queue)
{
    Alert *alert = new_alert(call, ALERT_KIND_MAILS_PAUSED, ALERT_SEVERITY_CRITICAL,
                             ALERT_AUDIENCE_ADMINISTRATORS);

    alert->summary = arena_printf(
        call->arena, "No mail is sent until the queue is released (/v1/ops/mail-queue). %s",
        queue->reason);
    alert->subject_id = queue->id;
    return raise_alert(call, alert);
}

static AlertKind
kind_of_trouble(Ops__TroubleKind kind)
{
    switch (kind) {
    case OPS__TROUBLE_KIND__TROUBLE_KIND_EVENT_PARKED:
        return ALERT_KIND_EVENT_PARKED;
    case OPS__TROUBLE_KIND__TROUBLE_KIND_STREAM_STOPPED:
        return ALERT_KIND_STREAM_STOPPED;
    case OPS__TROUBLE_KIND__TROUBLE_KIND_EVENTS_LOST:
        return ALERT_KIND_EVENTS_LOST;
    case OPS__TROUBLE_KIND__TROUBLE_KIND_STREAM_WAITING:
    case _OPS__TROUBLE_KIND_IS_INT_SIZE:
        break;
    }
    return ALERT_KIND_STREAM_WAITING;
}

enum rpc_status
alert_trouble(struct call *call, const Ops__Trouble *trouble)
{
    Alert *alert = new_alert(call, kind_of_trouble(trouble->kind), ALERT_SEVERITY_CRITICAL,
                             ALERT_AUDIENCE_ADMINISTRATORS);

    alert->summary = trouble->sentence;
    alert->subject_id = trouble->event_id;
    alert->project_id = trouble->project_id;
    alert->client_id = trouble->client_id;
    return raise_alert(call, alert);
}

enum rpc_status
notifications_list_alerts(struct call *call, const ListAlertsRequest *request,
                          ListAlertsReply *reply)
{
    return sql_page(call, &list_alerts, request, reply);
}

enum rpc_status
notifications_read_alert(struct call *call, const ReadAlertRequest *request, Alert *reply)
{
    long first;

    TRY(sql_one(call, &get_alert, request, reply));
    TRY(call_match(call, reply->version));
    TRY(sql_run(call, &read_alert, request, &first));
    TRY(sql_one(call, &get_alert, request, reply));
    if (first == 1)
        return emit_alert_read(call, reply);
    emit_none(call, "the caller has read it before");
    return RPC_OK;
}
