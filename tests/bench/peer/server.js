// SPDX-License-Identifier: Apache-2.0
// GET and POST of a training with what ours do: TLS, a token looked up and kept for a second, a schema for what comes
// and what goes, an idempotency row, an outbox row, all in one transaction of prepared statements.
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const { Pool, types } = require("pg");
const sql = require("./statements");

const TOKEN_MS = 1000;
const uuid = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

// Dates, instants and bigints stay text; only bigints become numbers in the reply.
for (const type of [1082, 1184]) types.setTypeParser(type, (text) => text);
types.setTypeParser(20, Number);

const id = { type: "string", pattern: uuid };
const training = {
  type: "object",
  properties: {
    id, session_id: id, project_id: id, title: { type: "string" }, provider: { type: "string" },
    currency: { type: "string" }, cost_cents: { type: "integer" }, vat_rate_bp: { type: "integer" },
    date: { type: "string" }, location: { type: "string", nullable: true },
    trainers: { type: "array", items: { type: "string" } }, description: { type: "string", nullable: true },
    seats: { type: "integer", nullable: true }, created_at: { type: "string" }, updated_at: { type: "string" },
    version: { type: "integer" },
  },
};
const created = {
  type: "object",
  additionalProperties: false,
  required: ["title", "provider", "cost_cents", "vat_rate_bp", "date"],
  properties: {
    title: { type: "string", minLength: 1, maxLength: 200 },
    provider: { type: "string", minLength: 1, maxLength: 200 },
    cost_cents: { type: "integer", minimum: 0, maximum: 1000000000000000 },
    vat_rate_bp: { type: "integer", minimum: 0, maximum: 10000 },
    date: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}$" },
    location: { type: "string", maxLength: 200 },
    trainers: { type: "array", maxItems: 50, items: { type: "string", maxLength: 200 } },
    description: { type: "string", maxLength: 5000 },
    seats: { type: "integer", minimum: 1 },
  },
};

const sha256 = (text) => crypto.createHash("sha256").update(text).digest();

class Refused extends Error {
  constructor(statusCode, message) {
    super(message);
    this.statusCode = statusCode;
  }
}

const pool = new Pool({ max: 4 / Number(process.env.WORKERS || 2), options: "-c search_path=sessions" });
const run = (client, statement, values) => client.query({ ...statement, values });

const tokens = new Map();

async function authenticate(request) {
  const header = request.headers.authorization || "";
  if (!header.startsWith("Bearer ")) throw new Refused(401, "a token is needed");
  const known = tokens.get(header);
  if (known && known.until > Date.now()) {
    request.caller = known.caller;
    return;
  }
  const { rows } = await run(pool, sql.findToken, [sha256(header.slice(7))]);
  if (rows.length === 0) throw new Refused(401, "the token is not valid");
  if (tokens.size > 10000) tokens.clear();
  tokens.set(header, { caller: rows[0], until: Date.now() + TOKEN_MS });
  request.caller = rows[0];
}

async function readTraining(request, reply) {
  const { rows } = await run(pool, sql.findTraining, [request.params.id]);
  if (rows.length === 0) throw new Refused(404, "there is no such training");
  reply.header("ETag", `"${rows[0].version}"`);
  return rows[0];
}

// Totals by VAT rate, rounded once for each, as SES-3 wants it.
function totals(groups) {
  let cost = 0, vat = 0, count = 0;
  for (const group of groups) {
    cost += group.cost_cents;
    count += group.training_count;
    vat += Math.round((group.cost_cents * group.vat_rate_bp) / 10000);
  }
  return [cost, vat, count];
}

async function store(client, request, scope, key, bodyHash) {
  const body = request.body;
  const { rows: [kept] } = await run(client, sql.takeKey, [scope, key, bodyHash]);
  if (!kept.ok) throw new Refused(409, "the same request is running");
  if (kept.reply) {
    if (!kept.same) throw new Refused(422, "the key belongs to another request");
    return JSON.parse(kept.reply);
  }
  const { rows: [session] } = await run(client, sql.lockSession, [request.params.id]);
  if (!session) throw new Refused(404, "there is no such session");
  if (session.status !== "planned") throw new Refused(409, "the session is not planned");
  const { rows: [added] } = await run(client, sql.insertTraining, [
    crypto.randomUUID(), body.title, body.provider, body.cost_cents, body.vat_rate_bp, body.date, body.location,
    body.trainers || [], body.description, body.seats, session.id]);
  const { rows: groups } = await run(client, sql.sumTrainings, [session.id]);
  const { rows: [moved] } = await run(client, sql.updateSession, [...totals(groups), session.id]);
  const salt = crypto.randomBytes(16);
  await run(client, sql.insertOutbox, [
    crypto.randomUUID(), "sessions.TrainingAdded", added.id, moved.client_id, moved.project_id,
    Buffer.from(JSON.stringify({ kind: "user", id: request.caller.user_id, role: request.caller.role })),
    Buffer.from(JSON.stringify({ training: added, session: moved })), null, null, salt,
    Buffer.from(JSON.stringify({ name: "Admin", address: request.ip })), null]);
  await run(client, sql.keepReply, [scope, key, bodyHash, Buffer.from("201"), Buffer.from(JSON.stringify(added)),
    null]);
  return added;
}

async function addTraining(request, reply) {
  const key = request.headers["idempotency-key"] || crypto.randomUUID();
  const scope = sha256(`${request.caller.user_id} ${request.url}`);
  const bodyHash = sha256(JSON.stringify(request.body));
  const client = await pool.connect();
  try {
    await client.query("begin read write");
    const added = await store(client, request, scope, key, bodyHash);
    await client.query("commit");
    reply.code(201).header("ETag", `"${added.version}"`).header("Location", `/v1/trainings/${added.id}`);
    return added;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

exports.start = () => {
  const server = require("fastify")({
    https: { cert: fs.readFileSync(process.env.TLS_CERT), key: fs.readFileSync(process.env.TLS_KEY) },
    logger: false,
  });
  const params = { type: "object", properties: { id } };
  server.addHook("onRequest", authenticate);
  server.get("/v1/trainings/:id", { schema: { params, response: { 200: training } } }, readTraining);
  server.post("/v1/sessions/:id/trainings", { schema: { params, body: created, response: { 201: training } } },
    addTraining);
  server.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
  process.on("SIGTERM", () => process.exit(0));
};
