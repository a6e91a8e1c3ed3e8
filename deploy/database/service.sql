-- SPDX-License-Identifier: Apache-2.0
-- A service's schema, its owner and its application role; psql's variables name them (see provide).
-- Temporary tables are what --rebuild fills before it replaces the projections.
select format('create role %I login', role) from unnest(array[:'service', :'owner']) role
    where not exists (select from pg_roles where rolname = role) \gexec
alter role :"service" password :'password';
alter role :"owner" password :'owner_password';
grant connect on database escarcelle to :"service", :"owner";
grant temporary on database escarcelle to :"owner";
create schema if not exists :"service" authorization :"owner";
grant usage on schema :"service" to :"service";
