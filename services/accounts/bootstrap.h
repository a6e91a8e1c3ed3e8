/* SPDX-License-Identifier: Apache-2.0
 * The first administrator of an installation, made on the command line. */
#ifndef ESCARCELLE_BOOTSTRAP_H
#define ESCARCELLE_BOOTSTRAP_H

#include "call.h"

/* `accounts --bootstrap-admin EMAIL --password-file FILE`: makes an active administrator unless the
 * address is known already. Returns the exit code. */
int bootstrap_command(struct call *call, int argc, char **argv);

#endif
