/* SPDX-License-Identifier: Apache-2.0
 * What sessions' events make: history, and mails to the project's mailing list. */
#include "history.h"
#include "mail_drafts.h"
#include "words.h"

#include <string.h>

static const char *
period(struct call *call, const Sessions__Session *session)
{
    return period_text(call->arena, session->start_date, session->end_date, "en");
}

/* ---- sessions (NOT: planned, completed, cancelled) */

static enum rpc_status
mail_session(struct call *call, MessageKind kind, const Sessions__Session *session)
{
    struct mail_draft draft;

    TRY(mail_draft_project(call, kind, session->id, &draft));
    mail_say(&draft, "session", session->title);
    mail_say(&draft, "dates",
             period_text(call->arena, session->start_date, session->end_date, draft.mail.locale));
    mail_say_money(&draft, "cost", session->total_cost_cents);
    return mail_to_list(&draft, NULL);
}

enum rpc_status
notifications_on_session_planned(struct call *call, const Sessions__SessionPlanned *event)
{
    const Sessions__Session *session = event->session;

    TRY(history_note(call, HISTORY_NO_AMOUNT, "Session planned: %s, %s", session->title,
                     period(call, session)));
    return mail_session(call, MESSAGE_KIND_SESSION_PLANNED, session);
}

enum rpc_status
notifications_on_session_updated(struct call *call, const Sessions__SessionUpdated *event)
{
    return history_note(call, HISTORY_NO_AMOUNT, "Session changed: %s, %s", event->session->title,
                        period(call, event->session));
}

/* SES-4: an empty or future session may be completed; the history says what is odd about it. */
enum rpc_status
notifications_on_session_completed(struct call *call, const Sessions__SessionCompleted *event)
{
    const Sessions__Session *session = event->session;
    const char *oddity = "";

    if (session->training_count == 0)
        oddity = "; it has no training and bills nothing";
    else if (strcmp(session->end_date, call->today) > 0)
        oddity = "; before its last day";
    TRY(history_note(call, session->total_cost_cents, "Session completed: %s, %s%s", session->title,
                     period(call, session), oddity));
    return mail_session(call, MESSAGE_KIND_SESSION_COMPLETED, session);
}

enum rpc_status
notifications_on_session_cancelled(struct call *call, const Sessions__SessionCancelled *event)
{
    const Sessions__Session *session = event->session;

    TRY(history_note(call, session->total_cost_cents, "Session cancelled: %s, %s", session->title,
                     period(call, session)));
    return mail_session(call, MESSAGE_KIND_SESSION_CANCELLED, session);
}

enum rpc_status
notifications_on_session_reopened(struct call *call, const Sessions__SessionReopened *event)
{
    return history_note(call, event->session->total_cost_cents, "Session reopened: %s",
                        event->session->title);
}

enum rpc_status
notifications_on_session_deleted(struct call *call, const Sessions__SessionDeleted *event)
{
    return history_note(call, HISTORY_NO_AMOUNT, "Session deleted: %s", event->session->title);
}

/* ---- trainings */

enum rpc_status
notifications_on_training_added(struct call *call, const Sessions__TrainingAdded *event)
{
    const Sessions__Training *training = event->training;

    return history_note(call, training->cost_cents, "Training added to session %s: %s, %s",
                        event->session->title, training->title,
                        history_money(call, training->cost_cents));
}

enum rpc_status
notifications_on_training_changed(struct call *call, const Sessions__TrainingChanged *event)
{
    const Sessions__Training *training = event->training;

    if (training->cost_cents == event->previous_cost_cents)
        return history_note(call, training->cost_cents, "Training changed: %s", training->title);
    return history_note(call, training->cost_cents, "Training changed: %s, %s instead of %s",
                        training->title, history_money(call, training->cost_cents),
                        history_money(call, event->previous_cost_cents));
}

enum rpc_status
notifications_on_training_moved(struct call *call, const Sessions__TrainingMoved *event)
{
    return history_note(
        call, event->training->cost_cents, "Training moved from session %s to session %s: %s",
        event->previous_session->title, event->session->title, event->training->title);
}

enum rpc_status
notifications_on_training_removed(struct call *call, const Sessions__TrainingRemoved *event)
{
    return history_note(call, event->training->cost_cents, "Training removed from session %s: %s",
                        event->session->title, event->training->title);
}
