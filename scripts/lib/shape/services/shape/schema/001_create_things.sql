-- Things.
create table thing (
    id uuid primary key,
    name text not null,
    note text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    constraint thing_name_key unique (name)
);
