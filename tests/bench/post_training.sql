-- What POST /v1/sessions/{id}/trainings runs, statement by statement; :session comes from the command line's list.
\set pick random(1, :sessions)
select id as session from bench_session where number = :pick \gset
begin read write;
select taken.ok, k.body_hash = '\x00'::bytea, k.reply_header, k.reply from (select pg_try_advisory_xact_lock(hashtextextended('bench' || random()::text, 0)) as ok) taken left join idempotency_key k on k.caller = 'bench' and k.key = random()::text and k.path = '/v1';
select s.id, s.project_id, s.client_id, s.title, s.start_date, s.end_date, s.status, s.currency, s.total_cost_cents, s.total_vat_cents, s.training_count, s.created_at, s.updated_at, s.version, s.revision from session s join project_seal p on p.project_id = s.project_id where s.id = :session for update of s for share of p;
insert into training (id, session_id, project_id, title, provider, cost_cents, vat_rate_bp, date, location, trainers, description, seats) select gen_random_uuid(), s.id, s.project_id, 'Negotiating with suppliers', 'Formatys', 100, 2000, '2026-12-01', null, '{}', null, null from session s where s.id = :session returning *;
select vat_rate_bp, sum(cost_cents)::bigint as cost_cents, count(*) as training_count from training where session_id = :session group by vat_rate_bp order by vat_rate_bp;
update session set total_cost_cents = total_cost_cents + 100, total_vat_cents = total_vat_cents + 20, training_count = training_count + 1, revision = revision + 1 where id = :session returning *;
insert into bench_outbox (event_id, type, subject, client, project, applied, actor, payload, personal_salt, personal) values (gen_random_uuid(), 'sessions.TrainingAdded', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), coalesce((select string_agg(producer || ':' || epoch || ':' || sequence, ',' order by producer collate "C") from stream_cursor where consumer in ('main', 'seen')), ''), decode(repeat('00', 120), 'hex'), decode(repeat('00', 500), 'hex'), decode(repeat('00', 16), 'hex'), decode(repeat('00', 60), 'hex'));
insert into idempotency_key (caller, key, path, body_hash, reply_header, reply, client) values ('bench', gen_random_uuid()::text, '/v1', '\x00', '\x00', decode(repeat('00', 400), 'hex'), null);
commit;
