/* SPDX-License-Identifier: Apache-2.0
 * A database session: who connects, with which limits, and what ends with it. */
#include "db_connection.h"

#include "config.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct db *
db_new(const char *service, bool owner)
{
    struct db *db = calloc(1, sizeof *db);

    if (db == NULL)
        fatal("no memory for a database connection");
    db->service = service;
    db->owner = owner;
    return db;
}

void
db_disconnect(struct db *db)
{
    PQfinish(db->connection);
    db->connection = NULL;
    memset(db->prepared, 0, sizeof db->prepared);
    db->prepared_count = db->queued_count = 0;
    if (db->transaction != TRANSACTION_NONE)
        db->transaction = TRANSACTION_BROKEN;
}

void
db_free(struct db *db)
{
    if (db == NULL)
        return;
    db_disconnect(db);
    free(db);
}

static void
discard_notice(void *state, const PGresult *result)
{
    (void)state;
    log_debug("PostgreSQL: %s", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

/* Timeouts are the application's; the owner migrates and may take its time. */
static void
session_options(const struct db *db, char *out, size_t size)
{
    int length = snprintf(
        out, size,
        "-csearch_path=%s,public -cTimeZone=UTC -cDateStyle=ISO -cintervalstyle=iso_8601%s",
        db->service,
        db->owner ? ""
                  : " -cstatement_timeout=5s -clock_timeout=3s"
                    " -cidle_in_transaction_session_timeout=5s"
                    /* short statements: neither compiled nor given processes of their own */
                    " -cjit=off -cmax_parallel_workers_per_gather=0"
                    /* a plan outlives the time when its tables were small: by key from the start */
                    " -cenable_seqscan=off"
                    /* what is no transaction of ours only reads */
                    " -cdefault_transaction_read_only=on");

    assert(length > 0 && (size_t)length < size);
}

bool
db_connect(struct db *db)
{
    char options[512], port[8], role[64];
    const char *password_file =
        db->owner ? config.database_owner_password_file : config.database_password_file;
    char *password =
        password_file[0] == '\0' ? NULL : config_secret("the database password", password_file);
    const char *user = db->owner ? config.database_owner : config.database_user;

    db_disconnect(db);
    session_options(db, options, sizeof options);
    snprintf(port, sizeof port, "%d", (int)config.database_port);
    snprintf(role, sizeof role, "%s%s", db->service, db->owner ? "_owner" : "");
    db->connection =
        PQconnectdbParams((const char *const[]){"host", "port", "dbname", "user", "password",
                                                "options", "application_name", "connect_timeout",
                                                "keepalives_idle", "tcp_user_timeout", NULL},
                          (const char *const[]){config.database_host, port, config.database_name,
                                                user[0] != '\0' ? user : role, password, options,
                                                role, "5", "10", "10000", NULL},
                          0);
    config_secret_free(password);
    if (PQstatus(db->connection) != CONNECTION_OK) {
        log_warning("database is away: %s", PQerrorMessage(db->connection));
        db_disconnect(db);
        return false;
    }
    PQsetNoticeReceiver(db->connection, discard_notice, NULL);
    return PQenterPipelineMode(db->connection) == 1;
}

bool
db_ready(struct db *db)
{
    if (db->connection != NULL && PQstatus(db->connection) == CONNECTION_OK)
        return true;
    return db_connect(db);
}

static const struct db_statement lax_settings = {
    .name = "lax_settings",
    .text =
        "select string_agg(name, ', ' order by name) from pg_settings"
        " where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'",
};
DB_PROVED(lax_settings);

void
db_say_durability(struct db *db)
{
    struct arena *arena = arena_new((size_t)64 << 10);
    PGresult *lax = db_query(db, arena, &lax_settings, NULL);
    const char *names = lax == NULL ? NULL : db_value(lax, 0, 0);

    if (names != NULL)
        log_error(
            "PostgreSQL runs with %s off: what was answered may be gone after a power failure; set it on",
            names);
    arena_free(arena);
}
