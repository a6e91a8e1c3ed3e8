-- Until when the personal values of an audit entry are kept (NOT-4); the chain holds their salted hashes.
alter table audit_personal add column keep_until timestamptz;
alter table audit_actor add column keep_until timestamptz;
alter table audit_object add column keep_until timestamptz;
create index audit_object_keep_until on audit_object (keep_until) where keep_until is not null;
create index audit_personal_keep_until on audit_personal (keep_until) where keep_until is not null;
create index audit_actor_keep_until on audit_actor (keep_until) where keep_until is not null;

create index access_token_expires_at on access_token (expires_at);
create index password_link_expires_at on password_link (expires_at);
