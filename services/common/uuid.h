/* SPDX-License-Identifier: Apache-2.0
 * Identifiers of objects, events and requests: UUIDv7 (RFC 9562, MON-5), which sort by age. */
#ifndef ESCARCELLE_UUID_H
#define ESCARCELLE_UUID_H

/* A fresh UUIDv7, lower case; each one of a process is greater than the one before, whatever the
 * clock does. */
void uuid_new(char out[37]);

#endif
