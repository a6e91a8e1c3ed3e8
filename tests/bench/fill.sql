-- Projects of one client with sessions and trainings in every service's tables, balances included. One project of a
-- hundred is open, as in a company that has been at work for years; the others are done and closed.
begin;
set local synchronous_commit = off;
set local work_mem = '256MB';

create function pg_temp.new_id(moment double precision) returns uuid language sql volatile as $$
    select (lpad(to_hex((moment * 1000)::bigint), 12, '0') || '7' || substr(r, 1, 3) || '8' || substr(r, 4, 15))::uuid
    from (select md5(random()::text) as r) random
$$;

create temporary table new_project on commit drop as
    select pg_temp.new_id(extract(epoch from now()) - 86400 + n * 0.001) as id, n, n %% 100 = 1 as is_open,
        %(sessions)s * %(trainings)s * 100 as cost
    from generate_series(1, %(projects)s) n;
create temporary table new_session on commit drop as
    select pg_temp.new_id(extract(epoch from now()) - 43200 + (n * 100 + m) * 0.001) as id, p.id as project_id, m, is_open
    from new_project p cross join generate_series(1, %(sessions)s) m;
create temporary table new_training on commit drop as
    select pg_temp.new_id(extract(epoch from now()) - 21600) as id, s.id as session_id, s.project_id
    from new_session s cross join generate_series(1, %(trainings)s);
analyze new_project, new_session, new_training;

-- sessions
insert into sessions.project (id, client_id, status, version)
    select id, %(client)s, case when is_open then 'open' else 'closed' end, 1 from new_project;
insert into sessions.project_seal (project_id, sealed_at) select id, case when not is_open then now() end from new_project;
insert into sessions.session (id, project_id, client_id, title, start_date, end_date, status, total_cost_cents,
        total_vat_cents, training_count)
    select id, project_id, %(client)s, 'Session ' || m, '2026-12-01', '2026-12-02',
        case when is_open then 'planned' else 'completed' end, %(trainings)s * 100, %(trainings)s * 20, %(trainings)s
    from new_session order by id;
insert into sessions.training (id, session_id, project_id, title, provider, cost_cents, vat_rate_bp, date)
    select id, session_id, project_id, 'Negotiating with suppliers', 'Formatys', 100, 2000, '2026-12-01'
    from new_training order by id;

-- budgeting: every balance is the sum of its entries
create temporary table new_posting on commit drop as
    select pg_temp.new_id(extract(epoch from now()) - 86400) as id, id as project_id, 'project_opened' as kind, id as reference,
        'envelope' as debit, 'budget' as credit, case when is_open then 2 * cost else cost end as amount from new_project
    union all
    select pg_temp.new_id(extract(epoch from now()) - 21600), project_id, 'training_added', id, 'budget', 'planned', 100
    from new_training
    union all
    select pg_temp.new_id(extract(epoch from now()) - 3600), project_id, 'session_completed', id, 'planned', 'completed',
        %(trainings)s * 100 from new_session where not is_open;
insert into budgeting.project (id, client_id, name, status, initial_budget_cents, alert_threshold, mailing_list,
        auto_funding_call, refill_bp, budget_cents, planned_cents, completed_cents, state, closed_date, revision)
    select id, %(client)s, 'Project ' || n, case when is_open then 'open' else 'closed' end,
        case when is_open then 2 * cost else cost end, '{"percent_bp": 8000}', '[]', false, 2000,
        case when is_open then cost else 0 end, case when is_open then cost else 0 end,
        case when is_open then 0 else cost end, case when is_open then 'ok' else 'alert' end,
        case when not is_open then current_date end, %(sessions)s * %(trainings)s
    from new_project order by id;
update budgeting.envelope set envelope_cents = envelope_cents - opened, revision = revision + 1
    from (select sum(amount) as opened from new_posting where kind = 'project_opened') sums where client_id = %(client)s;
insert into budgeting.ledger_transaction (id, client_id, project_id, kind, effective_date, reference)
    select id, %(client)s, project_id, kind, current_date, reference from new_posting order by id;
insert into budgeting.ledger_entry (transaction_id, position, client_id, project_id, account, amount_cents)
    select id, position, %(client)s, case when account <> 'envelope' then project_id end, account, cents
    from new_posting cross join lateral (values (1, debit, -amount), (2, credit, amount)) as e (position, account, cents);

-- copies
insert into funding.project (id, client_id, name, status, version)
    select id, %(client)s, 'Project ' || n, case when is_open then 'open' else 'closed' end, 1 from new_project;
insert into invoicing.project (id, client_id, name, status, version)
    select id, %(client)s, 'Project ' || n, case when is_open then 'open' else 'closed' end, 1 from new_project;
insert into invoicing.session (id, project_id, title, start_date, end_date, status, version)
    select id, project_id, 'Session ' || m, '2026-12-01', '2026-12-02', case when is_open then 'planned' else 'completed' end, 1
    from new_session;
insert into invoicing.training (id, session_id, project_id, title, cost_cents, version)
    select id, session_id, project_id, 'Negotiating with suppliers', 100, 1 from new_training;
insert into notifications.project (id, client_id, name, budget_cents, consumed_cents, status, version, revision, state)
    select id, %(client)s, 'Project ' || n, case when is_open then 2 * cost else cost end, cost,
        case when is_open then 'open' else 'closed' end, 1, 1, case when is_open then 'ok' else 'alert' end from new_project;
insert into notifications.history_entry (id, project_id, occurred_at, type, subject_id, summary, amount_cents)
    select gen_random_uuid(), project_id, now(), 'sessions.TrainingAdded', id, 'Training added', 100 from new_training;
commit;
