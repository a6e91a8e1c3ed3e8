/* SPDX-License-Identifier: Apache-2.0
 * The schema's migrations: embedded, checksummed, applied by the owner role under a lock; the running
 * program refuses any other schema than its own. */
#ifndef ESCARCELLE_MIGRATE_H
#define ESCARCELLE_MIGRATE_H

#include "db.h"
#include "service.h"

/* Applies what is missing and grants the application role its rights: all on tables, SELECT and INSERT
 * alone where the table's comment starts with "append-only". False (logged) when one was edited after it
 * was applied, or failed. */
bool migrate(struct db *owner, const struct service *service);
/* Whether the schema holds exactly this program's migrations; logs what differs. */
bool migrate_verify(struct db *db, const struct service *service);

#endif
