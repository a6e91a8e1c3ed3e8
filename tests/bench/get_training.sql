\set pick random(1, :trainings)
select id, session_id, project_id, title, provider, currency, cost_cents, vat_rate_bp, date, location, trainers, description, seats, created_at, updated_at, version from training where id = (select id from bench_training where number = :pick);
