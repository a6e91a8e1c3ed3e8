-- Every system of callers has its own identifiers of clients (ACC-2); those of archived clients can be given anew.
create table client_external_id (
    client_id uuid not null references client (id),
    system text not null,
    external_id text not null,
    retired boolean not null default false,
    primary key (client_id, system)
);
create unique index client_external_id_external_id_key on client_external_id (system, external_id) where not retired;

insert into client_external_id (client_id, system, external_id, retired)
select id, 'users', external_id, status = 'archived' from client where external_id is not null;
alter table client drop column external_id;
