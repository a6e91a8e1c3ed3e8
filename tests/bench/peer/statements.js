// SPDX-License-Identifier: Apache-2.0
// The statements of our own POST and GET; named ones are prepared once for each connection.
"use strict";
const trainingColumns = "id, session_id, project_id, title, provider, currency, cost_cents, vat_rate_bp, date, " +
  "location, trainers, description, seats, created_at, updated_at, version";
const sessionColumns = "id, project_id, client_id, title, start_date, end_date, status, currency, " +
  "total_cost_cents, total_vat_cents, training_count, created_at, updated_at, version, revision";
const sessionColumnsOf = (alias) => sessionColumns.split(", ").map((name) => `${alias}.${name}`).join(", ");

exports.findToken = {
  name: "find_token",
  text: "select user_id, role from peer_token where token_hash = $1 and expires_at > now()",
};
exports.findTraining = { name: "find_training", text: `select ${trainingColumns} from training where id = $1` };
exports.takeKey = {
  name: "take_key",
  text: "select taken.ok, k.body_hash = $3::bytea as same, k.reply from (select pg_try_advisory_xact_lock(" +
    "hashtextextended(encode($1::bytea, 'hex') || $2::text, 0)) as ok) taken " +
    "left join idempotency_key k on k.scope = $1::bytea and k.key = $2",
};
exports.lockSession = {
  name: "lock_session",
  text: `select ${sessionColumnsOf("s")} from session s join project_seal p on p.project_id = s.project_id ` +
    "where s.id = $1 for update of s for share of p",
};
exports.insertTraining = {
  name: "insert_training",
  text: "insert into training (id, session_id, project_id, title, provider, cost_cents, vat_rate_bp, date, location, " +
    "trainers, description, seats) select $1, s.id, s.project_id, $2, $3, $4, $5, $6, $7, $8, $9, $10 " +
    `from session s where s.id = $11 returning ${trainingColumns}`,
};
exports.sumTrainings = {
  name: "sum_trainings",
  text: "select vat_rate_bp, sum(cost_cents)::bigint as cost_cents, count(*) as training_count from training " +
    "where session_id = $1 group by vat_rate_bp order by vat_rate_bp",
};
exports.updateSession = {
  name: "update_session",
  text: "update session set total_cost_cents = $1, total_vat_cents = $2, training_count = $3, " +
    `revision = revision + 1 where id = $4 returning ${sessionColumns}`,
};
exports.insertOutbox = {
  name: "insert_outbox",
  text: "insert into bench_outbox (event_id, type, subject, client, project, applied, actor, payload, personal_salt, " +
    "personal, actor_salt, actor_personal, keep_until) values ($1::uuid, $2, $3::uuid, $4::uuid, $5::uuid, " +
    "coalesce((select string_agg(producer || ':' || epoch || ':' || sequence, ',' order by producer collate \"C\") " +
    "from (select producer, epoch, sequence from stream_cursor where consumer = 'main' union all " +
    "select s.producer, s.epoch, s.sequence from stream_seen s where not exists (select from stream_cursor c " +
    "where c.consumer = 'main' and c.producer = s.producer)) place), ''), $6::bytea, $7::bytea, $8::bytea, " +
    "$9::bytea, $10::bytea, $11::bytea, now() + $12::int * interval '1 month')",
};
exports.keepReply = {
  name: "keep_reply",
  text: "insert into idempotency_key (scope, key, body_hash, reply_header, reply, client) " +
    "values ($1, $2, $3, $4, $5, $6)",
};
