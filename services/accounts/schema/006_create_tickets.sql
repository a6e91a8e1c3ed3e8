-- Tickets that open one path once (POST /v1/tickets); the token they were made with takes them along when it ends.
create table ticket (
    ticket_hash bytea primary key,
    token_id uuid not null references access_token (id) on delete cascade,
    path text not null,
    expires_at timestamptz not null
);
create index ticket_token_id on ticket (token_id);
create index ticket_expires_at on ticket (expires_at);
