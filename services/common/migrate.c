/* SPDX-License-Identifier: Apache-2.0
 * Applies and verifies migrations. */
#include "migrate.h"

#include "log.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

static const struct db_statement lock_schema = {
    .name = "lock_schema",
    .parameters = 1,
    .text = "select pg_advisory_lock(hashtextextended('escarcelle ' || $1, 0))"};
DB_PROVED(lock_schema);

static const struct db_statement list_applied = {
    .name = "list_applied_migrations",
    .text = "select name, checksum from schema_migration order by name"};
DB_PROVED(list_applied);

static const struct db_statement note_applied = {
    .name = "note_applied_migration",
    .parameters = 2,
    .text = "insert into schema_migration (name, checksum) values ($1, $2)"};
DB_PROVED(note_applied);

/* Rights of the application role; run after every migration, so that new tables have theirs. */
static const char grants[] =
    "do $$ declare t record; begin "
    "execute format('grant usage on schema %%I to %%I', current_schema(), '%1$s'); "
    "for t in select c.oid, c.relname from pg_class c where c.relnamespace = current_schema()::regnamespace "
    "and c.relkind in ('r', 'p') and c.relname <> 'schema_migration' loop "
    "execute format('revoke all on %%I from %%I', t.relname, '%1$s'); "
    "if coalesce(obj_description(t.oid, 'pg_class'), '') like 'append-only%%' then "
    "execute format('grant select, insert on %%I to %%I', t.relname, '%1$s'); "
    "else execute format('grant select, insert, update, delete on %%I to %%I', t.relname, '%1$s'); end if; "
    "end loop; "
    "execute format('grant select on schema_migration to %%I', '%1$s'); "
    "execute format('grant usage on all sequences in schema %%I to %%I', current_schema(), '%1$s'); "
    "end $$";

static void
checksum(const struct migration *migration, char out[crypto_hash_sha256_BYTES * 2 + 1])
{
    uint8_t hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const uint8_t *)migration->text, strlen(migration->text));
    sodium_bin2hex(out, crypto_hash_sha256_BYTES * 2 + 1, hash, sizeof hash);
}

static const char *
applied_checksum(const PGresult *applied, const char *name)
{
    for (int row = 0; row < PQntuples(applied); row++)
        if (strcmp(PQgetvalue(applied, row, 0), name) == 0)
            return PQgetvalue(applied, row, 1);
    return NULL;
}

static bool
apply(struct db *db, struct arena *arena, const struct migration *migration, const char *sum)
{
    const char *script = arena_printf(arena, "begin;\n%s\n;commit;", migration->text);

    if (!db_script(db, script)) {
        log_error("migration %s failed: %s", migration->name, db_error(db)->message);
        return false;
    }
    if (db_query(db, arena, &note_applied, (const char *const[]){migration->name, sum}) == NULL) {
        log_error("migration %s could not be noted: %s", migration->name, db_error(db)->message);
        return false;
    }
    log_info("migration %s applied", migration->name);
    return true;
}

static bool
apply_missing(struct db *db, struct arena *arena, const struct service *service)
{
    PGresult *applied = db_query(db, arena, &list_applied, NULL);

    for (const struct migration *migration = service->migrations;
         applied != NULL && migration->name != NULL; migration++) {
        char sum[crypto_hash_sha256_BYTES * 2 + 1];
        const char *known = applied_checksum(applied, migration->name);

        checksum(migration, sum);
        if (known != NULL && strcmp(known, sum) != 0) {
            log_error("migration %s was edited after it was applied; add a new one instead",
                      migration->name);
            return false;
        }
        if (known == NULL && !apply(db, arena, migration, sum))
            return false;
    }
    return applied != NULL;
}

bool
migrate(struct db *owner, const struct service *service)
{
    struct arena *arena = arena_new((size_t)16 << 20);
    bool ok;

    ok = db_query(owner, arena, &lock_schema, (const char *const[]){service->rpc->name}) != NULL &&
         db_script(owner,
                   "create table if not exists schema_migration (name text primary key, "
                   "checksum text not null, applied_at timestamptz not null default now())") &&
         apply_missing(owner, arena, service);
    if (ok && !db_script(owner, arena_printf(arena, grants, service->rpc->name))) {
        log_error("granting rights failed: %s", db_error(owner)->message);
        ok = false;
    }
    arena_free(arena);
    return ok;
}

bool
migrate_verify(struct db *db, const struct service *service)
{
    struct arena *arena = arena_new((size_t)4 << 20);
    PGresult *applied = db_query(db, arena, &list_applied, NULL);
    int expected = 0;
    bool ok = applied != NULL;

    if (!ok)
        log_error("the schema has no migrations; run %s --migrate first: %s", service->rpc->name,
                  db_error(db)->message);
    for (const struct migration *migration = service->migrations; ok && migration->name != NULL;
         migration++) {
        char sum[crypto_hash_sha256_BYTES * 2 + 1];
        const char *known = applied_checksum(applied, migration->name);

        checksum(migration, sum);
        expected++;
        ok = known != NULL && strcmp(known, sum) == 0;
        if (!ok)
            log_error("migration %s is %s in the database; run %s --migrate", migration->name,
                      known == NULL ? "missing" : "different", service->rpc->name);
    }
    if (ok && PQntuples(applied) != expected) {
        log_error("the schema is of another version: it has %d migrations, this program %d",
                  PQntuples(applied), expected);
        ok = false;
    }
    arena_free(arena);
    return ok;
}
