/* SPDX-License-Identifier: Apache-2.0
 * Trainings: added to a planned session, changed, moved, removed (SES-2). */
#include "money.h"
#include "sessions.h"
#include "sql.h"
#include "states.h"

#include <assert.h>
#include <string.h>

#define TRAINING_COLUMNS                                                                           \
    "id, session_id, project_id, title, provider, currency, cost_cents, vat_rate_bp, date, "       \
    "location, trainers, description, seats, created_at, updated_at, version"

SQL(insert_training, CreateTrainingRequest, Training,
    "insert into training (id, session_id, project_id, title, provider, cost_cents, vat_rate_bp, date, "
    "location, trainers, description, seats) "
    "select :call.new_id, s.id, s.project_id, :title, :provider, :cost_cents, :vat_rate_bp, :date, "
    ":location, :trainers, :description, :seats from session s where s.id = :session_id "
    "returning " TRAINING_COLUMNS);

SQL(get_training, GetTrainingRequest, Training,
    "select " TRAINING_COLUMNS " from training where id = :id");

SQL(get_session_of, ListTrainingsRequest, Session, "select id from session where id = :session_id");

SQL(list_trainings, ListTrainingsRequest, ListTrainingsReply,
    "select " TRAINING_COLUMNS " from training where session_id = :session_id :page");

SQL(lock_training, Id, Training,
    "select " TRAINING_COLUMNS " from training where id = :id for update");

SQL(update_training, UpdateTrainingRequest, Training,
    "update training set :patch(session_id, title, provider, cost_cents, vat_rate_bp, date, location, "
    "trainers, description, seats), updated_at = now(), version = version + 1 "
    "where id = :id and :guard returning " TRAINING_COLUMNS);

/* The last state of a training that is about to go. */
SQL(end_training, GetTrainingRequest, Training,
    "update training set updated_at = now(), version = version + 1 "
    "where id = :id and :guard returning " TRAINING_COLUMNS);

SQL(delete_training, GetTrainingRequest, Empty, "delete from training where id = :id");

/* Its own VAT is informative and follows from cost and rate (MON-3). */
static void
fill_vat(Training *training)
{
    bool fits = money_share(training->cost_cents, training->vat_rate_bp, &training->vat_cents);

    assert(fits); /* a rate is at most the whole */
    training->has_vat_cents = 1;
}

static enum rpc_status
lock_before(struct call *call, const char *id, Training *training)
{
    Id key = COMMON__ID__INIT;

    key.id = (char *)id;
    return sql_one(call, &lock_training, &key, training);
}

static enum rpc_status
check_date(struct call *call, const char *date, const Session *session)
{
    if (strcmp(date, session->start_date) < 0 || strcmp(date, session->end_date) > 0)
        call_violation(call, "date", "out_of_range",
                       "must lie within the session's dates, %s to %s", session->start_date,
                       session->end_date);
    return call_violations(call);
}

enum rpc_status
sessions_create_training(struct call *call, const CreateTrainingRequest *request, Training *reply)
{
    TrainingAdded event = SESSIONS__TRAINING_ADDED__INIT;
    Session *session = NEW(call, Session);

    TRY(session_lock(call, request->session_id, session));
    TRY(state_check(call, &session->base));
    TRY(check_date(call, request->date, session));
    TRY(sql_one(call, &insert_training, request, reply));
    fill_vat(reply);
    TRY(session_add_up(call, session->id, session));
    event.training = reply;
    event.session = session;
    return emit_training_added(call, &event);
}

enum rpc_status
sessions_list_trainings(struct call *call, const ListTrainingsRequest *request,
                        ListTrainingsReply *reply)
{
    TRY(sql_one(call, &get_session_of, request, NEW(call, Session)));
    TRY(sql_page(call, &list_trainings, request, reply));
    for (size_t i = 0; i < reply->n_trainings; i++)
        fill_vat(reply->trainings[i]);
    return RPC_OK;
}

enum rpc_status
sessions_get_training(struct call *call, const GetTrainingRequest *request, Training *reply)
{
    TRY(sql_one(call, &get_training, request, reply));
    fill_vat(reply);
    return RPC_OK;
}

static enum rpc_status
change_training(struct call *call, const UpdateTrainingRequest *request, const Training *before,
                Training *reply)
{
    TrainingChanged event = SESSIONS__TRAINING_CHANGED__INIT;
    Session *session = NEW(call, Session);

    TRY(session_lock(call, before->session_id, session));
    TRY(state_check(call, &session->base));
    TRY(sql_one(call, &update_training, request, reply));
    TRY(check_date(call, reply->date, session));
    fill_vat(reply);
    TRY(session_add_up(call, session->id, session));
    event.training = reply;
    event.session = session;
    SET(&event, previous_cost_cents, before->cost_cents);
    return emit_training_changed(call, &event);
}

/* Locks both sessions of a move, the smaller id first, so that two moves can't wait for each other.
 * */
static enum rpc_status
lock_both(struct call *call, const char *from_id, const char *to_id, Session *from, Session *to)
{
    bool from_first = strcmp(from_id, to_id) < 0, found;

    if (from_first)
        TRY(session_lock(call, from_id, from));
    TRY(session_lock_maybe(call, to_id, to, &found));
    if (!from_first)
        TRY(session_lock(call, from_id, from));
    if (!found)
        call_violation(call, "session_id", "unknown_reference", "names no session");
    else if (strcmp(from->project_id, to->project_id) != 0)
        call_violation(call, "session_id", "mismatch", "names a session of another project");
    return call_violations(call);
}

static enum rpc_status
move_training(struct call *call, const UpdateTrainingRequest *request, const Training *before,
              Training *reply)
{
    TrainingMoved event = SESSIONS__TRAINING_MOVED__INIT;
    Session *from = NEW(call, Session), *to = NEW(call, Session);

    TRY(lock_both(call, before->session_id, request->session_id, from, to));
    TRY(state_check(call, &from->base));
    TRY(state_check(call, &to->base));
    TRY(sql_one(call, &update_training, request, reply));
    TRY(check_date(call, reply->date, to));
    fill_vat(reply);
    TRY(session_add_up(call, from->id, from));
    TRY(session_add_up(call, to->id, to));
    event.training = reply;
    event.session = to;
    event.previous_session = from;
    SET(&event, previous_cost_cents, before->cost_cents);
    return emit_training_moved(call, &event);
}

enum rpc_status
sessions_update_training(struct call *call, const UpdateTrainingRequest *request, Training *reply)
{
    Training *before = NEW(call, Training);

    TRY(lock_before(call, request->id, before));
    if (call_present(call, "session_id") && strcmp(request->session_id, before->session_id) != 0)
        return move_training(call, request, before, reply);
    return change_training(call, request, before, reply);
}

enum rpc_status
sessions_delete_training(struct call *call, const GetTrainingRequest *request, Empty *reply)
{
    TrainingRemoved event = SESSIONS__TRAINING_REMOVED__INIT;
    Training *before = NEW(call, Training), *training = NEW(call, Training);
    Session *session = NEW(call, Session);

    (void)reply;
    TRY(lock_before(call, request->id, before));
    TRY(session_lock(call, before->session_id, session));
    TRY(state_check(call, &session->base));
    TRY(sql_one(call, &end_training, request, training));
    fill_vat(training);
    TRY(sql_run(call, &delete_training, request, NULL));
    TRY(session_add_up(call, session->id, session));
    event.training = training;
    event.session = session;
    return emit_training_removed(call, &event);
}
