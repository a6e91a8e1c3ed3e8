# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document says that is the same for every operation, or that the gateway answers by itself."""

CONVENTIONS = """\
Amounts are whole euro cents, rates whole basis points, dates `YYYY-MM-DD` in Europe/Paris, instants RFC 3339 UTC.
Absent optional fields are left out; unknown fields are refused.

- **Errors** are RFC 9457 problems with a stable `code`, explained at `/problems/{code}`; a 422 lists all violations.
- **Concurrency**: single objects carry an `ETag`; `If-Match` guards a change, `If-None-Match` saves a repetition.
- **Repetition**: any POST takes an `Idempotency-Key`; for 72 hours the same request under it answers the first success.
- **Lists** are paged by `page_size` and `page_token`, newest first.
- **Tracing**: `X-Request-Id` and `traceparent` are taken in, the former is always answered.
"""

ROLES = {
    "PUBLIC": "Anybody may call it.",
    "USER": "For logged-in users, not for API keys.",
    "OPERATOR": "For operators, administrators and API keys of scope {scope}.",
    "ADMIN": "For administrators.",
}

TAGS = {
    "alerts": "What users must know.",
    "audit": "Who did what, when, from where, before and after; a chain that can be verified.",
    "auth": "Logging in and out, passwords.",
    "billing-plans": "How projects are billed.",
    "clients": "The companies that entrust their training projects to us.",
    "dashboard": "Where the whole company stands.",
    "envelopes": "What clients have entrusted, and what of it is available.",
    "funding-calls": "Asking clients for more money.",
    "funding-reviews": "What clients see and answer behind the link of a funding call.",
    "invoices": "Commission invoices and credit notes.",
    "me": "The caller's own account.",
    "messages": "Every mail, archived as it was sent.",
    "ops": "What operations see and do: the services, and the events that they could not apply.",
    "payments": "What was paid on invoices, and what of it is the clients' advance.",
    "platform": "What the gateway answers by itself.",
    "projects": "Training projects: budget, allocations, ledger, history.",
    "sessions": "Training sessions.",
    "settings": "What the company sets once and changes rarely.",
    "trainings": "The trainings of sessions.",
    "users": "The people of the company.",
}

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer",
               "description": "The access token that POST /v1/auth/login answers, or an API key."},
}

PARAMETERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": "Names this request, so that a repetition does nothing twice."},
    "IfMatch": {
        "name": "If-Match", "in": "header", "schema": {"type": "string"}, "example": '"3.0"',
        "description": "The ETag that the caller knows; a changed object is 412."},
    "IfNoneMatch": {
        "name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "example": '"3.0"',
        "description": "The ETag that the caller knows; an unchanged object is 304."},
    "Prefer": {
        "name": "Prefer", "in": "header", "schema": {"type": "string", "enum": ["dry-run"]},
        "description": "With `dry-run` nothing is changed: the answer is 200 with a `DryRun`."},
}

HEADERS = {
    "ETag": {"description": "Version and revision of the object.", "schema": {"type": "string"}, "example": '"3.0"'},
    "IdempotentReplayed": {"description": "`true` when this is the first answer again.",
                           "schema": {"type": "string", "enum": ["true"]}},
    "Location": {"description": "Path of the new object.", "schema": {"type": "string", "format": "uri-reference"}},
    "RetryAfter": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer", "minimum": 1}},
    "XRequestId": {"description": "Names the request in logs and in the audit log.", "schema": {"type": "string"}},
}

PROBLEM = {
    "DryRun": {
        "type": "object", "description": "What a dry run would have answered and told.",
        "required": ["reply", "events"],
        "properties": {
            "reply": {"type": "object", "description": "The answer.", "additionalProperties": True},
            "events": {
                "type": "array", "description": "The events, in order.",
                "items": {
                    "type": "object", "required": ["type", "event"],
                    "properties": {
                        "type": {"type": "string", "description": "Its type.",
                                 "examples": ["accounts.ClientCreated"]},
                        "event": {"type": "object", "description": "The event.", "additionalProperties": True}}}}}},
    "Problem": {
        "type": "object", "description": "A refusal or failure, after RFC 9457.",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Page that explains the code."},
            "title": {"type": "string", "description": "The kind of problem, for people."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status."},
            "detail": {"type": "string", "description": "This problem, for people."},
            "instance": {"type": "string", "description": "The request id."},
            "code": {"type": "string", "pattern": "^[a-z0-9_]+$",
                     "description": "The kind of problem, for programs."},
            "errors": {"type": "array", "description": "Each violation.",
                       "items": {"$ref": "#/components/schemas/Violation"}}}},
    "Violation": {
        "type": "object", "description": "One field that is not as it must be.",
        "required": ["pointer", "code", "detail"],
        "properties": {
            "pointer": {"type": "string", "description": "JSON pointer into the body.", "examples": ["/siren"]},
            "code": {"type": "string", "description": "What is wrong, for programs.", "examples": ["invalid_siren"]},
            "detail": {"type": "string", "description": "What is wrong, for people."}}},
}


def problem(name, status, code, title, description, detail, **more):
    return dict({"name": name, "status": status, "code": code, "title": title, "description": description,
                 "detail": detail}, **more)


PROBLEMS = {
    "400": problem("Malformed", 400, "malformed_json", "Bad Request",
                   "The request is not of the form that is described.", "The body is not JSON."),
    "401": problem("Unauthenticated", 401, "unauthenticated", "Unauthorized",
                   "No access token, or one that is not good.",
                   "The access token is not good or has ended; log in again."),
    "403": problem("Forbidden", 403, "forbidden", "Forbidden",
                   "The caller may not do this.", "Your role may not do this."),
    "404": problem("NotFound", 404, "not_found", "Not Found",
                   "What the path names does not exist.", "There is no such object."),
    "409": problem("Conflict", 409, "conflict", "Conflict",
                   "Something else is in the way, or the object is in another state.",
                   "Something else is in the way.", retry_after=True),
    "410": problem("Gone", 410, "gone", "Gone", "The link was used or has ended.", "This link has ended."),
    "412": problem("PreconditionFailed", 412, "precondition_failed", "Precondition Failed",
                   "The object has changed since the caller read it.", "The object has changed; read it again."),
    "413": problem("TooLarge", 413, "too_large", "Content Too Large",
                   "The body is longer than 1 MiB.", "The body is longer than 1048576 bytes."),
    "415": problem("UnsupportedMediaType", 415, "unsupported_media_type", "Unsupported Media Type",
                   "The body is not JSON.", "The body must be JSON, with Content-Type: application/json."),
    "422": problem("Invalid", 422, "invalid", "Unprocessable Content",
                   "Fields are not as they must be; all violations are listed.",
                   "Some fields are not as they must be.",
                   errors=[{"pointer": "/siren", "code": "invalid_siren",
                            "detail": "must be a SIREN: nine digits whose Luhn checksum is right"}]),
    "429": problem("TooManyRequests", 429, "too_many_requests", "Too Many Requests",
                   "Too many requests; wait.", "Too many requests; wait.", retry_after=True),
    "503": problem("Unavailable", 503, "unavailable", "Service Unavailable",
                   "A service is away; nothing happened, try again.",
                   "The service is away; nothing happened. Try again.", retry_after=True),
    "504": problem("Timeout", 504, "timeout", "Gateway Timeout",
                   "No answer in time; whether it happened is not known. Try again with the same Idempotency-Key.",
                   "The service did not answer in time."),
    "default": problem("Failed", 500, "internal_error", "Internal Server Error",
                       "Any other refusal or failure.", "The service failed."),
}


def page(path, id_, comment, answer, type_, schema, **more):
    """What the gateway answers by itself. `not_ready` is its answer of status 503, where it has one."""
    return dict({"path": path, "id": id_, "comment": comment, "answer": answer, "type": type_, "schema": schema,
                 "refusals": ["429"], "parameters": [], "not_ready": None}, **more)


# Of a 409, where the object's state is what stands in the way.
STATE_TITLES = {"wrong_state": "The object is in another state", "already_decided": "Decided before"}

TEXT = {"type": "string"}
LIVENESS = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string", "enum": ["alive"]}}}
READINESS = {
    "type": "object", "required": ["status", "draining", "missing"],
    "properties": {
        "status": {"type": "string", "enum": ["ready", "not_ready"], "description": "The answer in a word."},
        "draining": {"type": "boolean", "description": "Whether the gateway is about to stop."},
        "missing": {"type": "array", "description": "Programs that do not answer.", "items": TEXT}}}
SCOPE = {"name": "scope", "in": "query", "required": False,
         "description": "`gateway`: only what this gateway needs, for load balancers.",
         "schema": {"type": "string", "enum": ["gateway"]}}
CODE = {"name": "code", "in": "path", "required": True, "description": "The problem's code.",
        "schema": {"type": "string", "pattern": "^[a-z0-9_]{1,64}$"}, "example": "unknown_reference"}

PLATFORM = [
    page("/livez", "getLiveness", "Says that the gateway runs.", "It runs.", "application/json", LIVENESS),
    page("/readyz", "getReadiness", "Says whether all services answer.", "All answer.", "application/json", READINESS,
         refusals=["400", "429"], parameters=[SCOPE], not_ready="Some do not answer, or the gateway is about to stop."),
    page("/metrics", "getMetrics", "Counters for Prometheus. A token can be configured.", "The counters.",
         "text/plain", TEXT, refusals=["401", "429"]),
    page("/openapi.json", "getContract", "This document.", "The document.", "application/json", {"type": "object"}),
    page("/docs", "getReference", "The reference page, made from this document.", "The page.", "text/html", TEXT),
    page("/docs/flows", "getFlows", "Use cases, states, scenarios, events and tables, as diagrams.", "The page.",
         "text/html", TEXT),
    page("/problems/{code}", "getProblemPage", "Explains a problem's code.", "The page.", "text/html", TEXT,
         refusals=["404", "429"], parameters=[CODE]),
]
