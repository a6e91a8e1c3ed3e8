-- What mails need of other services' objects.
create table client (
    id uuid primary key,
    name text not null,
    locale text not null,
    billing_contact_name text,
    billing_contact_email text,
    status text not null,
    version bigint not null,
    deleted boolean not null default false
);

create table project (
    id uuid primary key,
    client_id uuid not null,
    name text not null,
    mailing_list jsonb not null default '[]',
    budget_cents bigint,
    consumed_cents bigint,
    status text not null,
    version bigint not null,
    revision bigint not null,
    deleted boolean not null default false
);
create index project_client_id on project (client_id);

create table settings (
    id uuid primary key,
    seller_name text,
    mail_from text,
    version bigint not null,
    deleted boolean not null default false
);
