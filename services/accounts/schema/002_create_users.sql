-- Users, their access tokens (stored hashed) and the links that set a password (ACC-4, ACC-5, ACC-8).
create table account_user (
    id uuid primary key,
    email text not null,
    first_name text not null,
    last_name text not null,
    role text not null,
    status text not null,
    password_hash text,
    totp_enabled boolean not null default false,
    last_login_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version bigint not null default 1,
    constraint account_user_role_check check (role in ('admin', 'operator')),
    constraint account_user_status_check check (status in ('invited', 'active', 'disabled')),
    constraint account_user_password_hash_check check (status <> 'active' or password_hash is not null)
);
create unique index account_user_email_key on account_user (lower(email));

create table access_token (
    id uuid primary key,
    token_hash bytea not null,
    user_id uuid not null references account_user (id),
    address text,
    created_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint access_token_token_hash_key unique (token_hash)
);
create index access_token_user_id on access_token (user_id);

create table password_link (
    id uuid primary key,
    user_id uuid not null references account_user (id),
    expires_at timestamptz not null,
    used_at timestamptz,
    created_at timestamptz not null default now()
);
create index password_link_user_id on password_link (user_id);
