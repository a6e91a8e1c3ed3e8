-- Services are asked in turn for what administrators must know; a trouble is told once, until it is over.
create table watched_service (
    service text primary key,
    ask_at timestamptz not null default now()
);

create table trouble (
    service text not null,
    kind text not null,
    key text not null,
    noted_at timestamptz not null default now(),
    primary key (service, kind, key)
);
