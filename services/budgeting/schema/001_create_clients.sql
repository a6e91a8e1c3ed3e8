-- Projection of accounts.Client: whose envelope, and the commission that new projects take over.
create table client (
    id uuid primary key,
    name text,
    status text not null,
    commission jsonb,
    version bigint not null,
    deleted boolean not null default false
);
