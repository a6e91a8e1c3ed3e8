/* SPDX-License-Identifier: Apache-2.0
 * The files of the TLS certificate and its key. */
#ifndef ESCARCELLE_GATEWAY_CERTIFICATE_H
#define ESCARCELLE_GATEWAY_CERTIFICATE_H

/* The whole PEM file, NUL-ended, for the caller to free; fatal when it can't be read. */
char *certificate_read(const char *path);
/* Refuses early what http_open would refuse: one file without the other, unreadable files. */
void certificate_check(void);

#endif
