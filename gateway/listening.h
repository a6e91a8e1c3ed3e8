/* SPDX-License-Identifier: Apache-2.0
 * The socket that new connections come to. */
#ifndef ESCARCELLE_GATEWAY_LISTENING_H
#define ESCARCELLE_GATEWAY_LISTENING_H

/* The socket that whoever started this program holds and hands over (LISTEN_FDS, as systemd's socket units
 * do it), so that connections wait while the program is restarted; else one of its own, at the configured
 * address. Fatal when there is none to be had. */
int listening_socket(void);

#endif
