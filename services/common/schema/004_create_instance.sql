-- How the instances of this program are, as their couriers say every other second.
create table instance (
    id uuid primary key,
    host text not null,
    version text not null,
    since timestamptz not null,
    seen_at timestamptz not null default now(),
    active boolean not null,
    handled bigint not null,
    failed bigint not null,
    applied bigint not null,
    parked bigint not null,
    restarts bigint not null,
    streams jsonb not null
) with (fillfactor = 50);
