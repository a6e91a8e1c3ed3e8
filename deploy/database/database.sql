-- SPDX-License-Identifier: Apache-2.0
-- The database, and what every role may do in it; for psql (see provide).
select 'create database escarcelle' where not exists
    (select from pg_database where datname = 'escarcelle') \gexec
\connect escarcelle
create extension if not exists unaccent schema public;
revoke all on database escarcelle from public;
revoke create on schema public from public;
